"""The mode ``alter`` as the engine sees it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from attrs import evolve

from fieldfare.backup.journal import Journal
from fieldfare.backup.progress import RunPhase, Status
from fieldfare.definition.reply import encode
from fieldfare.engine.alter.planner import ALTER, AlterPlanner
from fieldfare.engine.alter.rehearsal import rehearse_alter
from fieldfare.engine.alter.steps import add_fields, is_altered, remove_fields
from fieldfare.engine.checks.validators import run_validators
from fieldfare.engine.index import create_index, wait_until_ready
from fieldfare.engine.mode import Mode, Part
from fieldfare.engine.outage import end_outage, step_status
from fieldfare.engine.rehearsal import rehearsal_name, rehearse_definition
from fieldfare.engine.rights import recreation_commands
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shadow.names import names_of
from fieldfare.engine.shadow.restore import (
    choose_restored_name,
    rehearse_move,
    require_known_names,
    restored_names,
    restored_run,
)
from fieldfare.plan import MigrationPlan, Receipt, Step
from fieldfare.report import Finding
from fieldfare.server import Server
from fieldfare.server.index_commands import find_differences
from fieldfare.server.pipeline import Command

__all__ = ["Alter"]


class Alter(AlterPlanner, Mode):
    """Add fields to the index as it is."""

    activities: ClassVar = {ALTER: "alter"}
    undo_activities: ClassVar = {ALTER: "create"}

    def trial_commands(self, run: ActiveRun, part: Part) -> Iterator[Command]:
        """Try what a rollback needs, and FT.ALTER."""
        source, names = run.source, names_of(run.plan.source)
        restored = restored_names(run, names)
        yield from recreation_commands(run.plan, restored, names)
        if part is Part.RUN:
            yield from (("FT.ALTER", encode(name), "no") for name in (rehearsal_name(source), source.name))
        rehearse_move(run, names, restored[0])

    def rehearse(self, server: Server, plan: MigrationPlan) -> None:
        """Add the fields to a trial index, and create the source for a rollback."""
        rehearse_alter(server, plan)
        rehearse_definition(server, plan.source.definition, "source")

    def execute(self, run: ActiveRun, step: Step) -> Receipt:
        """Add the fields."""
        return add_fields(run, step)

    def verify(self, run: ActiveRun, _: Step, receipt: Receipt | None) -> bool:
        """Whether the index has the fields. After a crash they are added once more, which waits for the scan."""
        return receipt is not None and is_altered(run)

    def undo(self, run: ActiveRun, _: Step) -> None:
        """Have the names lead to an index without the fields."""
        remove_fields(run)

    def was_reverted(self, run: ActiveRun, _: Step) -> bool:
        """Whether the index lacks fields again."""
        return not is_altered(run)

    def validate(self, run: ActiveRun) -> Sequence[Finding]:
        """Run every check."""
        source = run.plan.source
        if find_differences(run.server, evolve(source, definition=run.target)):
            add_fields(run, next(step for step in run.plan.steps if step.kind == ALTER))
            create_index(run.server, run.target, source.synonyms, source.aliases)
            wait_until_ready(run, run.target.name)
        return run_validators(run)

    def as_before(self, run: ActiveRun) -> ActiveRun:
        """Return the run with the restored index as its target."""
        return restored_run(run, names_of(run.plan.source))

    def require_undoable(self, run: ActiveRun) -> None:
        """Refuse to move names that another migration has moved since."""
        if step_status(run.journal, ALTER) is not Status.UNDONE:
            require_known_names(run, names_of(run.plan.source))

    def on_done(self, run: ActiveRun, step: Step) -> Mapping[str, Any]:
        """Enter the next phase."""
        del run
        return {"phase": RunPhase.TARGET_CREATED} if step.kind == ALTER else {}

    def on_undo_start(self, run: ActiveRun, step: Step) -> Mapping[str, Any]:
        """Choose how the restored index is called."""
        return choose_restored_name(run, names_of(run.plan.source)) if step.kind == ALTER else {}

    def on_undone(self, run: ActiveRun, step: Step) -> Mapping[str, Any]:
        """End the outage that the user asked for, if any."""
        if step.kind == ALTER:
            end_outage(run)
        return {}

    def describe(self, journal: Journal) -> str:
        """Say whether the index has the new fields."""
        match step_status(journal, ALTER):
            case Status.DONE:
                return "the index has the new fields and is not validated"
            case Status.RUNNING:
                return "the index answers, and may have the new fields, incomplete"
            case _:
                return "the index is as it was"
