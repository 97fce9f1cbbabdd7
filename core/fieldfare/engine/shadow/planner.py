"""What the mode ``shadow`` means for a plan."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from fieldfare.changes import RenameField
from fieldfare.definition import IndexDefinition
from fieldfare.engine.drop_recreate.planner import temporary_blocker
from fieldfare.engine.mode import Draft, ModePlanner, PlannedChange
from fieldfare.engine.shadow.field_plan import checked_shadow_paths, choose_shadow_paths, rewrite_blocker
from fieldfare.engine.shadow.frame import plan_copy, plan_frame
from fieldfare.engine.shadow.keys import copy_blocker, with_copies
from fieldfare.engine.shadow.memory_shortage import memory_shortage
from fieldfare.engine.shadow.names import names_to_move, next_name
from fieldfare.engine.shadow.warnings import plan_warnings
from fieldfare.engine.shadow_paths import with_shadow_paths
from fieldfare.plan import MigrationPlan, Phase, Step

__all__ = ["ShadowPlanner"]


class ShadowPlanner(ModePlanner):
    """Plans to build the target beside the source, and to move the names."""

    name = "shadow"

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
