"""Checking all keys before any of them moves."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from fieldfare.documents import KeyCounter
from fieldfare.errors import PluginMissing, UnconvertibleDocuments
from fieldfare.hooks.run import Run
from fieldfare.plan import Step
from fieldfare_prefix.existing_keys import existing_keys
from fieldfare_prefix.move import KIND, Move, Pair
from fieldfare_prefix.rename import share_slot
from fieldfare_prefix.slot_visibility import target_visibility

__all__ = ["check_keys"]

MOST_NAMES: Final = 100_000
"""How many existing new keys are held in memory before they are compared with the keys of the index."""


def check_keys(step: Step, run: Run) -> None:
    """Look for keys that cannot move. Only reads.

    Raises:
        UnconvertibleDocuments: new keys exist already; or it is unknown which keys were moved already; or the index
            would no longer cover them. With examples of each.
        PluginMissing: keys would change their cluster slot, and no plugin moves them.
    """
    move = Move.of(step)
    earlier = _earlier_moves(step, run)
    is_visible = target_visibility(run)
    ambiguous, invisible, existing = KeyCounter(), KeyCounter(), KeyCounter()
    unchecked: set[bytes] = set()
    for keys in run.captured_keys():
        pairs = move.forward_pairs(keys)
        _require_mover(run, pairs)
        ambiguous.add(b" -> ".join(pair) for pair in pairs if move.is_ambiguous(pair))
        invisible.add(b" -> ".join(pair) for pair in pairs if not is_visible(pair[1]))
        found = existing_keys(run.server, [new for _, new in pairs])
        # an earlier step may move the document that has this name now
        freed = {name for name in found if any(each.applies_to(name) for each in earlier)}
        existing.add(b" -> ".join(pair) for pair in pairs if pair[1] in found - freed)
        unchecked |= freed
        if len(unchecked) >= MOST_NAMES:
            existing.add(map(b" -> ".join, _outside_index(run, move, unchecked)))
            unchecked.clear()
        run.advance(len(keys))
    existing.add(map(b" -> ".join, _outside_index(run, move, unchecked)))
    problems = {
        f"cannot tell whether a key is moved already, because one prefix starts with the other: {ambiguous}": ambiguous,
        f"index {run.target.name!r} covers only the keys of its own cluster node and would lose {invisible}. Rename "
        "the index in the same patch, so that its name lies on the node of the new prefix": invisible,
        f"the new key exists already: {existing}": existing,
    }
    found_problems = [problem for problem, counter in problems.items() if counter.count]
    if found_problems:
        raise UnconvertibleDocuments(found_problems)


def _earlier_moves(step: Step, run: Run) -> list[Move]:
    steps = run.plan.steps
    return [Move.of(each) for each in steps[: steps.index(step)] if each.kind == KIND]


def _outside_index(run: Run, move: Move, names: Collection[bytes]) -> list[Pair]:
    """Return the pairs whose new name belongs to no document of the index."""
    left = set(names)
    for keys in run.captured_keys() if left else ():
        left.difference_update(keys)
    return [(move.old_name(name), name) for name in sorted(left)]


def _require_mover(run: Run, pairs: Collection[Pair]) -> None:
    alone = run.implementers("fieldfare_move_keys") == ("prefix",)
    if alone and run.server.capabilities.cluster and not all(map(share_slot, pairs)):
        raise PluginMissing(["cluster: it moves keys between the slots of a cluster"])
