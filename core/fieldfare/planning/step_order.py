"""The order in which the steps of a plan run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from graphlib import CycleError, TopologicalSorter

from attrs import evolve

from fieldfare.errors import PluginConflict
from fieldfare.plan import Phase, Step

__all__ = ["after_previous", "order_steps"]


def order_steps(steps: Iterable[Step]) -> tuple[Step, ...]:
    """Return the steps in the order in which they run: by phase, then ``after``, then id.

    Raises:
        PluginConflict: two steps have the same id, or ``after`` has a cycle.
    """
    by_id: dict[str, Step] = {}
    for step in steps:
        if step.id in by_id:
            raise PluginConflict(f"The step {step.id} is planned twice.", [step.owner])
        by_id[step.id] = step
    ordered: list[Step] = []
    for phase in Phase:
        members = {name: step for name, step in by_id.items() if step.phase is phase}
        graph = TopologicalSorter({name: set(step.after) & set(members) for name, step in members.items()})
        try:
            graph.prepare()
        except CycleError as error:
            raise PluginConflict(f"Steps wait for each other: {' → '.join(error.args[1])}.") from error
        while graph.is_active():
            ready = sorted(graph.get_ready())
            ordered.extend(members[name] for name in ready)
            graph.done(*ready)
    return tuple(ordered)


def after_previous(planned: Sequence[Step], previous: Sequence[Step]) -> list[Step]:
    """Add the steps of previous changes that must run first to the ``after`` of these steps.

    A transform runs after transforms of the same fields. All other work on documents (renaming fields and keys) runs
    after every previous rewrite step, so that each step finds the names that are in its params.
    """
    rewrites = [other for other in previous if other.phase is Phase.REWRITE]
    return [
        evolve(
            step,
            after=(
                *step.after,
                *(other.id for other in rewrites if not step.transforms or set(other.fields) & set(step.fields)),
            ),
        )
        if step.phase is Phase.REWRITE
        else step
        for step in planned
    ]
