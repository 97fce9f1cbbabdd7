"""The mode ``shadow`` as the engine sees it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar

from attrs import evolve

from fieldfare.backup.journal import Journal
from fieldfare.backup.progress import RunPhase, Status
from fieldfare.changes import RenameField
from fieldfare.definition import IndexDefinition
from fieldfare.definition.reply import encode
from fieldfare.engine.checks.validators import run_validators
from fieldfare.engine.copied_keys import copies_keys, keeps_originals
from fieldfare.engine.drop_recreate.mode import temporary_blocker
from fieldfare.engine.drop_recreate.steps import drop_target
from fieldfare.engine.mode import Draft, Mode, Part, PlannedChange
from fieldfare.engine.outage import end_outage, step_status
from fieldfare.engine.rehearsal import rehearsal_name, rehearse_definition
from fieldfare.engine.rights import recreation_commands
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shadow.checks import NAMES, after_switch, check_names, check_target, current_view
from fieldfare.engine.shadow.convergence import stop_following
from fieldfare.engine.shadow.field_plan import (
    checked_shadow_paths,
    choose_shadow_paths,
    require_free_paths,
    rewrite_blocker,
)
from fieldfare.engine.shadow.finalization import (
    remove_superseded_keys,
    remove_superseded_originals,
    require_unused_keys,
    require_unused_originals,
)
from fieldfare.engine.shadow.keys import (
    REMOVE_KEYS,
    copy_blocker,
    require_free_prefixes,
    with_copies,
)
from fieldfare.engine.shadow.memory_shortage import memory_shortage
from fieldfare.engine.shadow.names import SWITCH, moved_names, names_to_move, next_name, replaces_own_name
from fieldfare.engine.shadow.restore import (
    choose_restored_name,
    rehearse_move,
    require_known_names,
    restore_names,
    restored_names,
    restored_run,
)
from fieldfare.engine.shadow.state import describe, state_of
from fieldfare.engine.shadow.steps import (
    BUILD,
    CHECK,
    REMOVE_ORIGINALS,
    RETIRE,
    agree,
    build,
    check,
    is_built,
    is_switched,
    plan_copy,
    plan_frame,
    retire,
    switch,
)
from fieldfare.engine.shadow.warnings import plan_warnings
from fieldfare.engine.shadow_fields.new_names import back_up_new_names
from fieldfare.engine.shadow_fields.originals import write_originals
from fieldfare.engine.shadow_keys.back_copy import copy_back
from fieldfare.engine.shadow_keys.removal import restore_old_keys
from fieldfare.engine.shadow_paths import has_shadow_fields, moved_paths, with_shadow_paths
from fieldfare.plan import MigrationPlan, Phase, Receipt, Step
from fieldfare.report import Finding
from fieldfare.server import Server
from fieldfare.server.pipeline import Command

__all__ = ["Shadow"]


class Shadow(Mode):
    """Build the target beside the source, then move the names."""

    name = "shadow"
    activities: ClassVar = {
        BUILD: "create",
        CHECK: "check",
        SWITCH: "switch",
        RETIRE: "finalize",
        REMOVE_ORIGINALS: "finalize",
        REMOVE_KEYS: "finalize",
    }
    undo_activities: ClassVar = {
        BUILD: "drop",
        SWITCH: "switch",
        RETIRE: "create",
        REMOVE_ORIGINALS: "restore",
        REMOVE_KEYS: "restore",
    }

    def blocker(self, draft: Draft, change: PlannedChange) -> tuple[str, str] | None:
        """Refuse rewritten fields that only one index can have, what can have no copies, and TEMPORARY.

        Fields that are rewritten in place get shadow fields; fields that are moved, and documents whose keys are, are
        copied.
        """
        steps = (*change.steps, *draft.further_steps)
        others = [step for step in steps if not (step.transforms or step.moves or step.moves_keys)]
        if any(step.rewrites_documents or step.phase in {Phase.DROP, Phase.REWRITE} for step in others):
            return "it rewrites documents, which the live index reads", "use --mode drop_recreate"
        problem = copy_blocker(draft) or rewrite_blocker(draft, change)
        if problem is not None:
            logical = ", or --logical-renames" if isinstance(change.claimed.change, RenameField) else ""
            return problem, f"use --mode drop_recreate{logical}"
        if draft.target.temporary is not None:
            return "a TEMPORARY index cannot be dropped again without its documents", "use --mode drop_recreate"
        return temporary_blocker(draft.snapshot.definition)

    def reluctance(self, draft: Draft) -> str | None:
        """Return what the server lacks for a second index."""
        return memory_shortage(draft.server, [draft.snapshot])

    def adapt(self, step: Step) -> Step:
        """Return a step that copies what the step of a plugin moves: the old values stay until ``finalize``."""
        return plan_copy(step) if step.moves else step

    def target(self, draft: Draft) -> IndexDefinition:
        """Return the target under a name of its own: the patch's, or the next version."""
        source, target = draft.snapshot.definition, draft.target
        if target.name == source.name:
            base = names_to_move(draft)[0]
            target = evolve(target, name=next_name(draft.server, base, above=source.name))
        return with_shadow_paths(target, choose_shadow_paths(draft, target))

    def frame(self, draft: Draft, target: IndexDefinition) -> Sequence[Step]:
        """Return the steps from build to retire."""
        names = names_to_move(draft)
        measurements = [step.id for step in draft.steps if step.phase is Phase.VALIDATE]
        paths = choose_shadow_paths(draft, target)
        return with_copies(draft, plan_frame(draft.snapshot.definition, target, names, paths, measurements))

    def warnings(self, draft: Draft, target: IndexDefinition) -> Sequence[str]:
        """Say that the index answers, how each name moves, and what stays to be done."""
        return plan_warnings(draft, target)

    def expected_target(self, plan: MigrationPlan, changed: IndexDefinition) -> IndexDefinition:
        """Return the target with its own name, and with the paths of shadow fields."""
        if changed.name == plan.index:
            changed = evolve(changed, name=plan.target.name)
        return with_shadow_paths(changed, checked_shadow_paths(plan))

    def back_up(self, run: ActiveRun) -> None:
        """Save what documents have under the new names of fields."""
        if moved_paths(run.plan):
            back_up_new_names(run)

    def trial_commands(self, run: ActiveRun, part: Part) -> Iterator[Command]:
        """Try to create and drop, and to move the names; for ``finalize``, to drop the source."""
        plan, names = run.plan, moved_names(run.plan)
        if part is Part.FINALIZE:
            yield from (("FT.INFO", encode(name)) for name in (run.target.name, run.source.name, *names))
            yield "FT.DROPINDEX", encode(run.source.name), "no", "documents"
            yield "FT.SEARCH", encode(rehearsal_name(run.source)), "*"
            return
        restored = restored_names(run, names) if replaces_own_name(plan) else ()
        yield from recreation_commands(plan, restored, names)
        if part is Part.RUN:
            rehearse_move(run, names, run.target.name)

    def rehearse(self, server: Server, plan: MigrationPlan) -> None:
        """Create both definitions over a prefix that no key has."""
        require_free_paths(server, plan)
        require_free_prefixes(server, plan)
        rehearse_definition(server, plan.target, "target")
        rehearse_definition(server, plan.source.definition, "source")

    def during(self, run: ActiveRun) -> AbstractContextManager[None]:
        """Return what closes the follower of shadow fields."""
        return stop_following(run)

    def execute(self, run: ActiveRun, step: Step) -> Receipt:
        """Build, check, switch, retire or remove originals."""
        work = {
            BUILD: build,
            CHECK: check,
            SWITCH: switch,
            RETIRE: retire,
            REMOVE_ORIGINALS: remove_superseded_originals,
            REMOVE_KEYS: remove_superseded_keys,
        }
        return work[step.kind](run, step)

    def verify(self, run: ActiveRun, step: Step, receipt: Receipt | None) -> bool:
        """Whether it is done; after a crash, names that have moved are, and everything else is done once more."""
        if step.kind == SWITCH:
            return is_switched(run) and (receipt is not None or not keeps_originals(run.plan))
        return receipt is not None and (step.kind != BUILD or is_built(run))

    def undo(self, run: ActiveRun, step: Step) -> None:
        """Move the names back, drop the target, write removed originals back."""
        if step.kind == SWITCH:
            if copies_keys(run.plan):
                copy_back(run)
            restore_names(run, moved_names(run.plan))
        elif step.kind == RETIRE and not moved_names(run.plan):
            restore_names(run, ())
        elif step.kind == BUILD:
            drop_target(run)
        elif step.kind == REMOVE_ORIGINALS:
            write_originals(run)
        elif step.kind == REMOVE_KEYS:
            restore_old_keys(run)

    def was_reverted(self, run: ActiveRun, step: Step) -> bool:
        """Whether the target is gone, or a name leads elsewhere; a check counts for the switch that follows it."""
        if step.kind == CHECK:
            return step_status(run.journal, SWITCH) is None and step_status(run.journal, RETIRE) is None
        if step_status(run.journal, RETIRE) is not None:
            return False
        return not is_built(run) if step.kind == BUILD else step.kind == SWITCH and not is_switched(run)

    def validate(self, run: ActiveRun) -> Sequence[Finding]:
        """Return the findings of the check, and whether the names lead to the target."""
        if step_status(run.journal, SWITCH) is None:
            return run.findings or check_target(run)[0]
        agree(run)
        checked = run.findings or run_validators(after_switch(run))
        return (*(each for each in checked if each.name != NAMES), check_names(run))

    def view(self, run: ActiveRun) -> ActiveRun:
        """Return the run with the aliases that lead to the target now."""
        return current_view(run)

    def as_before(self, run: ActiveRun) -> ActiveRun:
        """Return the run with the restored index as its target."""
        return restored_run(run, moved_names(run.plan))

    def require_undoable(self, run: ActiveRun) -> None:
        """Refuse to move names that another migration has moved since."""
        if step_status(run.journal, SWITCH) not in {None, Status.UNDONE}:
            require_known_names(run, moved_names(run.plan))

    def require_finalizable(self, run: ActiveRun) -> None:
        """Refuse to remove originals that somebody still reads or writes."""
        if has_shadow_fields(run.plan):
            require_unused_originals(run)
        if copies_keys(run.plan):
            require_unused_keys(run)

    def on_done(self, run: ActiveRun, step: Step) -> Mapping[str, Any]:
        """Enter the next phase when the target is built."""
        del run
        return {"phase": RunPhase.TARGET_CREATED} if step.kind == BUILD else {}

    def on_undo_start(self, run: ActiveRun, step: Step) -> Mapping[str, Any]:
        """Choose how the restored index is called."""
        return choose_restored_name(run, moved_names(run.plan)) if step.kind in {SWITCH, RETIRE} else {}

    def on_undone(self, run: ActiveRun, step: Step) -> Mapping[str, Any]:
        """End the outage that the user asked for, if any."""
        if step.kind == SWITCH:
            end_outage(run)
        return {}

    def state(self, journal: Journal) -> str:
        """Return ``building``, ``built``, ``validated``, ``switched`` or ``finalized``."""
        return state_of(journal)

    def describe(self, journal: Journal) -> str:
        """Say which index answers, and what is left to do."""
        return describe(journal)
