"""The mode ``drop_recreate`` as the engine sees it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, ClassVar

from attrs import evolve
from redis.exceptions import RedisError

from fieldfare.backup.journal import Journal
from fieldfare.backup.progress import RunPhase, Status
from fieldfare.engine.checks.validators import run_validators
from fieldfare.engine.drop_recreate.planner import CREATE, DROP, DropRecreatePlanner
from fieldfare.engine.drop_recreate.steps import create_source, drop_source, drop_target, source_is_gone
from fieldfare.engine.drop_recreate.target_creation import (
    abandon_filled_target,
    begin_filling,
    create_target,
    discard_filled_target,
)
from fieldfare.engine.index import make_primaries_agree
from fieldfare.engine.mode import Mode, Part
from fieldfare.engine.outage import end_outage, step_status
from fieldfare.engine.rehearsal import rehearse_definition
from fieldfare.engine.rights import recreation_commands
from fieldfare.engine.run import ActiveRun
from fieldfare.errors import FieldfareError
from fieldfare.plan import MigrationPlan, Phase, Receipt, Step
from fieldfare.report import Finding
from fieldfare.server import Server
from fieldfare.server.pipeline import Command

__all__ = ["DropRecreate"]


class DropRecreate(DropRecreatePlanner, Mode):
    """Drop the source, rewrite documents, create the target."""

    activities: ClassVar = {DROP: "drop", CREATE: "create"}
    undo_activities: ClassVar = {DROP: "create"}

    def trial_commands(self, run: ActiveRun, _: Part) -> Iterable[Command]:
        """Try to drop and to create."""
        plan = run.plan
        return recreation_commands(plan) if any(step.phase is Phase.DROP for step in plan.steps) else ()

    def rehearse(self, server: Server, plan: MigrationPlan) -> None:
        """Create the target, and the source for a rollback, over a prefix that no key has."""
        if any(step.phase is Phase.DROP for step in plan.steps):
            rehearse_definition(server, plan.target, "target")
            rehearse_definition(server, plan.source.definition, "source")

    @contextmanager
    def during(self, run: ActiveRun) -> Iterator[None]:
        """Leave no incomplete target behind that would answer."""
        try:
            yield
        except BaseException:
            with suppress(FieldfareError, RedisError):  # the next attempt, resume or rollback drops it
                abandon_filled_target(run)
            raise

    def before_rewrite(self, run: ActiveRun) -> None:
        """Create the target already, if the pass can fill it."""
        begin_filling(run)

    def discard_unfinished(self, run: ActiveRun) -> None:
        """Drop a target that an interrupted pass was to fill."""
        discard_filled_target(run)

    def execute(self, run: ActiveRun, step: Step) -> Receipt:
        """Drop the source, or create the target."""
        return drop_source(run, step) if step.kind == DROP else create_target(run, step)

    def verify(self, run: ActiveRun, step: Step, receipt: Receipt | None) -> bool:
        """Whether the source is gone. After a crash the target is created once more: that adds what it lacks."""
        return source_is_gone(run) if step.kind == DROP else receipt is not None

    def undo(self, run: ActiveRun, step: Step) -> None:
        """Create the source again, or drop the target."""
        if step.kind == DROP:
            create_source(run)
        else:
            drop_target(run)

    def was_reverted(self, run: ActiveRun, step: Step) -> bool:
        """Whether the dropped source exists again, before the creation of the target has started."""
        if step.kind != DROP or step_status(run.journal, CREATE) is not None:
            return False
        return not source_is_gone(run)

    def validate(self, run: ActiveRun) -> Sequence[Finding]:
        """Run every check."""
        make_primaries_agree(run, replaces=run.source)
        return run_validators(run)

    def as_before(self, run: ActiveRun) -> ActiveRun:
        """Return the run with the source as its target."""
        return evolve(run, plan=evolve(run.plan, target=run.source, claims=()))

    def on_start(self, step: Step) -> Mapping[str, Any]:
        """Start the outage."""
        return {"dropped_at": time.time()} if step.kind == DROP else {}

    def on_done(self, run: ActiveRun, step: Step) -> Mapping[str, Any]:
        """Enter the next phase; end the outage."""
        if step.kind == DROP:
            return {"phase": RunPhase.INDEX_DROPPED}
        if step.kind == CREATE:
            end_outage(run)
            return {"phase": RunPhase.TARGET_CREATED}
        return {}

    def on_undo_start(self, run: ActiveRun, step: Step) -> Mapping[str, Any]:
        """Start the outage when the target is dropped; there was none if the source was never dropped."""
        if step.kind == DROP and step_status(run.journal, DROP) is not Status.DONE and not source_is_gone(run):
            return {"dropped_at": None}
        if step.kind == CREATE and step_status(run.journal, CREATE) is Status.DONE:
            return {"dropped_at": time.time()}
        return {}

    def on_undone(self, run: ActiveRun, step: Step) -> Mapping[str, Any]:
        """End the outage when the source is there again."""
        if step.kind == DROP:
            end_outage(run)
        return {}

    def describe(self, journal: Journal) -> str:
        """Say which of the two indexes is there."""
        match step_status(journal, DROP), step_status(journal, CREATE):
            case _, Status.DONE:
                return "the target index is live and not validated"
            case _, Status.RUNNING:
                return "the target index may be there, incomplete"
            case Status.DONE, None if journal.progress.filling:
                return "the target index may be there, incomplete"
            case Status.DONE, None:
                return "the source index is dropped"
            case Status.RUNNING, None:
                return "the source index may be dropped"
            case _:
                return "the source index is there"
