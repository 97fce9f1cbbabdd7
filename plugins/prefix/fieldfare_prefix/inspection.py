"""Looking at every name before any key moves."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from fieldfare.engine.run import Run
from fieldfare.errors import DocumentsUnfit, PluginMissing
from fieldfare.plan import Step
from fieldfare_prefix.move import KIND, Move, Pair
from fieldfare_prefix.placement import sees
from fieldfare_prefix.presence import present
from fieldfare_prefix.rename import share_slot
from fieldfare_prefix.tally import Tally

__all__ = ["inspect"]

MOST_NAMES: Final = 100_000
"""How many names are kept in memory until it is known whose they are."""


def inspect(step: Step, run: Run) -> None:
    """Look for whatever would stand in the way of some key. Only reads.

    Raises:
        DocumentsUnfit: new names are taken; or it is not clear which keys to move; or the index would not
            see them any more. With examples of each.
        PluginMissing: keys would change their cluster slot, and no plugin moves them.
    """
    move = Move.of(step)
    earlier = _earlier_moves(step, run)
    is_seen = sees(run)
    unclear, unseen, taken = Tally(), Tally(), Tally()
    waiting: set[bytes] = set()
    for keys in run.store.iter_keys():
        pairs = move.there(keys)
        _require_mover(run, pairs)
        unclear.add(pair for pair in pairs if move.is_ambiguous(pair))
        unseen.add(pair for pair in pairs if not is_seen(pair[1]))
        found = present(run.server, [new for _, new in pairs])
        # the name of a document that an earlier step moves away will be free
        leaving = {name for name in found if any(each.takes(name) for each in earlier)}
        taken.add(pair for pair in pairs if pair[1] in found - leaving)
        waiting |= leaving
        if len(waiting) >= MOST_NAMES:
            taken.add(_foreign(run, move, waiting))
            waiting.clear()
        run.advance(len(keys))
    taken.add(_foreign(run, move, waiting))
    problems = {
        f"it is not clear whether {unclear} have been moved already: one prefix starts with the other": unclear,
        f"index {run.target.name!r} would lose {unseen}: it sees only the keys of its own cluster node. Rename "
        "the index in the same patch, so that its name lies on the node of the new prefix": unseen,
        f"the new names of {taken} are taken": taken,
    }
    unfit = [problem for problem, tally in problems.items() if tally.count]
    if unfit:
        raise DocumentsUnfit(unfit)


def _earlier_moves(step: Step, run: Run) -> list[Move]:
    steps = run.plan.steps
    return [Move.of(each) for each in steps[: steps.index(step)] if each.kind == KIND]


def _foreign(run: Run, move: Move, names: Collection[bytes]) -> list[Pair]:
    """Return those of the new names that no document of the index has, with their old ones."""
    left = set(names)
    for keys in run.store.iter_keys() if left else ():
        left.difference_update(keys)
    return [(move.source_of(name), name) for name in sorted(left)]


def _require_mover(run: Run, pairs: Collection[Pair]) -> None:
    alone = run.plugins.implementers("fieldfare_move_keys") == ("prefix",)
    if alone and run.server.capabilities.cluster and not all(map(share_slot, pairs)):
        raise PluginMissing(["cluster: it moves keys between the slots of a cluster"])
