"""The mode ``drop_recreate`` as the engine sees it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import frozen

from fieldfare.backup.journal import Journal
from fieldfare.backup.progress import RunPhase, Status
from fieldfare.definition import IndexDefinition, Snapshot
from fieldfare.definition.snapshot import SYNONYMS
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
from fieldfare.engine.rehearsal import rehearse_definition
from fieldfare.engine.run import ActiveRun
from fieldfare.plan import MigrationPlan, Phase, Receipt, Step
from fieldfare.server import Server

__all__ = ["DropRecreate"]

ACTIVITIES: Final = {DROP: "drop", CREATE: "create"}
UNDO_ACTIVITIES: Final = {DROP: "create"}


@frozen
class DropRecreate:
    """Drop the source, rewrite documents, create the target. Implements :class:`fieldfare.engine.mode.Mode`."""

    name: str = "drop_recreate"

    def frame(self, source: IndexDefinition, target: IndexDefinition) -> Sequence[Step]:
        """Return the drop and the create."""
        return plan_frame(source, target)

    def blocker(self, snapshot: Snapshot) -> tuple[str, str] | None:
        """Refuse to drop a TEMPORARY index: Redis deletes its documents with it, even where others cover them."""
        if snapshot.definition.temporary is None:
            return None
        return (
            f"{snapshot.definition.name!r} is TEMPORARY: FT.DROPINDEX would delete its documents",
            "copy the documents to another prefix (COPY), and create an index that is not TEMPORARY over them",
        )

    def warnings(self, snapshot: Snapshot) -> Sequence[str]:
        """Warn of the outage, and of what a dropped index loses unless it is named."""
        lines = ["Index downtime is required"]
        if not snapshot.aliases and not snapshot.aliases_listed:
            lines.append(
                "This server does not list aliases: name each alias of this index with --alias, "
                "or it is gone once the index is dropped"
            )
        lines.extend(map(_unreadable_warning, snapshot.unreadable))
        return lines

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
        if step.kind != DROP or _status(run.journal, CREATE) is not None:
            return False
        return not source_is_gone(run)

    def activity(self, step: Step) -> str:
        """Return ``drop`` or ``create``."""
        return ACTIVITIES.get(step.kind, step.kind)

    def undo_activity(self, step: Step) -> str:
        """Return ``create`` where the source is created again."""
        return UNDO_ACTIVITIES.get(step.kind, step.kind)

    def on_start(self, step: Step) -> Mapping[str, Any]:
        """Start the outage."""
        return {"dropped_at": time.time()} if step.kind == DROP else {}

    def on_done(self, run: ActiveRun, step: Step) -> Mapping[str, Any]:
        """Enter the next phase; end the outage."""
        if step.kind == DROP:
            return {"phase": RunPhase.INDEX_DROPPED}
        if step.kind == CREATE:
            _end_outage(run)
            return {"phase": RunPhase.TARGET_CREATED}
        return {}

    def on_undo_start(self, run: ActiveRun, step: Step) -> Mapping[str, Any]:
        """Start the outage when the target is dropped; there was none if the source was never dropped."""
        if step.kind == DROP and _status(run.journal, DROP) is not Status.DONE and not source_is_gone(run):
            return {"dropped_at": None}
        if step.kind == CREATE and _status(run.journal, CREATE) is Status.DONE:
            return {"dropped_at": time.time()}
        return {}

    def on_undone(self, run: ActiveRun, step: Step) -> Mapping[str, Any]:
        """End the outage when the source is there again."""
        if step.kind == DROP:
            _end_outage(run)
        return {}

    def describe(self, journal: Journal) -> str:
        """Say which of the two indexes is there."""
        match _status(journal, DROP), _status(journal, CREATE):
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


def _unreadable_warning(option: str) -> str:
    if option.startswith("TEMPORARY"):
        return (
            "This server does not say whether the index is TEMPORARY. If it is, do not apply this plan: Redis deletes "
            "the documents of a TEMPORARY index when it is dropped. FT.DEBUG TTL tells an administrator"
        )
    if option.startswith(SYNONYMS):
        return (
            f"This user may not read the {option}: if the index has any, they are lost once it is dropped. "
            "Let a user make the plan who may"
        )
    return f"FT.INFO doesn't report {option}: repeat it in the patch if it was set"


def _status(journal: Journal, kind: str) -> Status | None:
    """Return how far the step of this kind is; None if it was not started."""
    records = (journal.record(step.id) for step in journal.plan.steps if step.kind == kind)
    return next((record.status for record in records if record), None)


def _end_outage(run: ActiveRun) -> None:
    since = run.journal.progress.dropped_at
    if since is not None:
        run.add_time("downtime", time.time() - since)
