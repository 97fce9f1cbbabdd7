"""The mode ``drop_recreate`` as the engine sees it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from attrs import evolve

from fieldfare.backup.journal import Journal
from fieldfare.backup.progress import RunPhase, Status
from fieldfare.changes.renaming import overlaps
from fieldfare.definition import IndexDefinition
from fieldfare.definition.snapshot import SYNONYMS
from fieldfare.engine.checks.validators import run_validators
from fieldfare.engine.drop_recreate.steps import (
    CREATE,
    DROP,
    create_source,
    create_target,
    drop_source,
    drop_target,
    plan_frame,
    source_is_gone,
)
from fieldfare.engine.index import make_primaries_agree
from fieldfare.engine.mode import DOWNTIME, Draft, Mode, Part, PlannedChange
from fieldfare.engine.outage import end_outage, step_status
from fieldfare.engine.rehearsal import rehearse_definition
from fieldfare.engine.rights import recreation_commands
from fieldfare.engine.run import ActiveRun
from fieldfare.plan import MigrationPlan, Phase, Receipt, Step
from fieldfare.report import Finding
from fieldfare.server import Server
from fieldfare.server.pipeline import Command

__all__ = ["DropRecreate", "temporary_blocker", "unreadable_warning"]


class DropRecreate(Mode):
    """Drop the source, rewrite documents, create the target."""

    name = "drop_recreate"
    activities: ClassVar = {DROP: "drop", CREATE: "create"}
    undo_activities: ClassVar = {DROP: "create"}

    def blocker(self, draft: Draft, change: PlannedChange) -> tuple[str, str] | None:
        """Refuse to overwrite fields that other indexes read, too, and to drop a TEMPORARY index."""
        rewrites = [step for step in (*change.steps, *draft.further_steps) if step.rewrites_documents]
        fields = {path for step in rewrites for path in (*step.fields, *step.moves)}
        for other in draft.overlapping_indexes:
            readers = [each.path for each in other.fields]
            shared = sorted(path for path in fields if any(overlaps(each, path, other.storage) for each in readers))
            if shared:
                names = ", ".join(map(repr, shared))
                reason = f"index {other.name!r} covers some of the same keys and reads {names} too"
                return reason, "use --mode shadow, or write new values to new fields and move every index over to them"
        return temporary_blocker(draft.snapshot.definition)

    def frame(self, draft: Draft, target: IndexDefinition) -> Sequence[Step]:
        """Return the drop and the create."""
        return plan_frame(draft.snapshot.definition, target)

    def warnings(self, draft: Draft, _: IndexDefinition) -> Sequence[str]:
        """Warn of the outage, and of what a dropped index loses unless it is named."""
        snapshot = draft.snapshot
        lines = [DOWNTIME]
        if not snapshot.aliases and not snapshot.aliases_listed:
            lines.append(
                "This server does not list aliases: name each alias of this index with --alias, "
                "or it is lost when the index is dropped"
            )
        lines.extend(map(unreadable_warning, snapshot.unreadable))
        return lines

    def trial_commands(self, run: ActiveRun, _: Part) -> Iterable[Command]:
        """Try to drop and to create."""
        plan = run.plan
        return recreation_commands(plan) if any(step.phase is Phase.DROP for step in plan.steps) else ()

    def rehearse(self, server: Server, plan: MigrationPlan) -> None:
        """Create the target, and the source for a rollback, over a prefix that no key has."""
        if any(step.phase is Phase.DROP for step in plan.steps):
            rehearse_definition(server, plan.target, "target")
            rehearse_definition(server, plan.source.definition, "source")

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
            case Status.DONE, None:
                return "the source index is dropped"
            case Status.RUNNING, None:
                return "the source index may be dropped"
            case _:
                return "the source index is there"


def temporary_blocker(source: IndexDefinition) -> tuple[str, str] | None:
    """Refuse to drop a TEMPORARY index: Redis deletes its documents with it, even where others cover them."""
    if source.temporary is None:
        return None
    return (
        f"{source.name!r} is TEMPORARY: FT.DROPINDEX would delete its documents",
        "copy the documents to another prefix (COPY), and create an index that is not TEMPORARY over them",
    )


def unreadable_warning(option: str) -> str:
    """Return what a user should know about an option that cannot be read, before the index is dropped."""
    if option.startswith("TEMPORARY"):
        return (
            "This server does not say whether the index is TEMPORARY. If it is, do not apply this plan: Redis deletes "
            "the documents of a TEMPORARY index when it is dropped. An administrator can check it with FT.DEBUG TTL"
        )
    if option.startswith(SYNONYMS):
        return (
            f"This user may not read the {option}: if the index has any, they are lost when it is dropped. "
            "Make the plan as a user who may read them"
        )
    return f"FT.INFO doesn't report {option}: repeat it in the patch if it was set"
