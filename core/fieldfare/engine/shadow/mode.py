"""The mode ``shadow`` as the engine sees it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar

from fieldfare.backup.journal import Journal
from fieldfare.backup.progress import RunPhase, Status
from fieldfare.definition.reply import encode
from fieldfare.engine.checks.validators import run_validators
from fieldfare.engine.copied_keys import copies_keys, keeps_originals
from fieldfare.engine.drop_recreate.steps import drop_target
from fieldfare.engine.mode import Mode, Part
from fieldfare.engine.outage import end_outage, step_status
from fieldfare.engine.rehearsal import rehearsal_name, rehearse_definition
from fieldfare.engine.rights import recreation_commands
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shadow.checks import NAMES, after_switch, check_names, check_target, current_view
from fieldfare.engine.shadow.convergence import stop_following
from fieldfare.engine.shadow.field_plan import require_free_paths
from fieldfare.engine.shadow.finalization import (
    remove_superseded_keys,
    remove_superseded_originals,
    require_unused_keys,
    require_unused_originals,
)
from fieldfare.engine.shadow.frame import BUILD, CHECK, REMOVE_ORIGINALS, RETIRE
from fieldfare.engine.shadow.keys import REMOVE_KEYS, require_free_prefixes
from fieldfare.engine.shadow.names import SWITCH, moved_names, replaces_own_name
from fieldfare.engine.shadow.planner import ShadowPlanner
from fieldfare.engine.shadow.restore import (
    choose_restored_name,
    rehearse_move,
    require_known_names,
    restore_names,
    restored_names,
    restored_run,
)
from fieldfare.engine.shadow.state import describe, state_of
from fieldfare.engine.shadow.steps import agree, build, check, is_built, is_switched, retire, switch
from fieldfare.engine.shadow_fields.new_names import back_up_new_names
from fieldfare.engine.shadow_fields.originals import write_originals
from fieldfare.engine.shadow_keys.back_copy import copy_back
from fieldfare.engine.shadow_keys.removal import restore_old_keys
from fieldfare.engine.shadow_paths import has_shadow_fields, moved_paths
from fieldfare.plan import MigrationPlan, Receipt, Step
from fieldfare.report import Finding
from fieldfare.server import Server
from fieldfare.server.pipeline import Command

__all__ = ["Shadow"]


class Shadow(ShadowPlanner, Mode):
    """Build the target beside the source, then move the names."""

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
