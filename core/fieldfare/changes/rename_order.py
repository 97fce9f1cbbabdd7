"""The order of renames in which every new name is free when it is needed."""

from __future__ import annotations

from collections import Counter
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

__all__ = ["rename_order"]


def rename_order(
    what: str, pairs: Sequence[tuple[str, str]], taken: Collection[str]
) -> tuple[list[tuple[str, str]], list[str]]:
    """Return renames in an order in which each new name is free, and the problems.

    Args:
        what: what is renamed, for messages: ``Field``.
        pairs: old name, new name.
        taken: the names before the renames.

    Returns:
        The pairs, without those that change nothing; and one line per problem.
    """
    pairs = [(old, new) for old, new in pairs if old != new]
    sources, targets = Counter(old for old, _ in pairs), Counter(new for _, new in pairs)
    problems = [f"{what} {name!r} is renamed twice" for name, count in sources.items() if count > 1]
    problems += [f"Two are renamed to {name!r}" for name, count in targets.items() if count > 1]
    problems += [
        f"{what} {old!r} cannot be renamed to {new!r}: it exists already"
        for old, new in pairs
        if new in taken and new not in sources
    ]
    renames = dict(pairs)
    sorter = TopologicalSorter({old: {new} & renames.keys() for old, new in renames.items()})
    try:
        return [(old, renames[old]) for old in sorter.static_order()], problems
    except CycleError as error:
        cycle = " → ".join(map(repr, error.args[1]))
        return [], [*problems, f"Renames form a cycle ({cycle}); use two plans, with a third name in between"]
