"""Having keys moved, on whatever topology, and finding out what became of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import frozen

from fieldfare.engine.run import Run
from fieldfare.errors import FieldfareError, HookContractBroken
from fieldfare_prefix.move import Pair
from fieldfare_prefix.presence import present
from fieldfare_prefix.rename import share_slot

__all__ = ["Outcome", "carry"]

HOOK: Final = "fieldfare_move_keys"

ATTEMPTS: Final = 3
"""How often a key is moved that is there and yet was not moved, because somebody wrote it just then."""


@frozen
class Outcome:
    """What became of some keys; all others have their new name, and only that.

    Attributes:
        vanished: old names of those that are gone.
        doubled: those whose new name belongs to something else; they keep their old one.
    """

    vanished: tuple[bytes, ...] = ()
    doubled: tuple[Pair, ...] = ()


def carry(run: Run, pairs: Sequence[Pair]) -> Outcome:
    """Give keys their new names. Those that have them already are left alone.

    Raises:
        FieldfareError: no plugin can move these keys, or they cannot be moved at all.
        HookContractBroken: a plugin did not answer for each key.
    """
    vanished: list[bytes] = []
    doubled: list[Pair] = []
    left = list(pairs)
    for _ in range(ATTEMPTS):
        unmoved = _unmoved(run, left)
        there = present(run.server, [name for pair in unmoved for name in pair])
        vanished += (old for old, new in unmoved if old not in there and new not in there)
        doubled += (pair for pair in unmoved if there.issuperset(pair))
        left = [(old, new) for old, new in unmoved if old in there and new not in there]
        if not left:
            return Outcome(tuple(vanished), tuple(doubled))
    raise FieldfareError(f"{len(left):,} keys are there and cannot be moved, such as {left[0][0]!r}")


def _unmoved(run: Run, pairs: Sequence[Pair]) -> list[Pair]:
    """Have keys moved by whoever knows this topology, and return those that were not."""
    groups = [pairs]
    if run.server.capabilities.cluster:
        near = [share_slot(pair) for pair in pairs]
        groups = [
            [pair for pair, is_near in zip(pairs, near, strict=True) if is_near is wanted] for wanted in (True, False)
        ]
    return [pair for group in groups if group for pair in _unmoved_of(run, group)]


def _unmoved_of(run: Run, pairs: Sequence[Pair]) -> list[Pair]:
    answer = run.plugins.manager.hook.fieldfare_move_keys(pairs=pairs, run=run)
    if answer is None:
        raise FieldfareError("no plugin can move keys between the slots of a cluster; the plugin 'cluster' does")
    if len(answer) != len(pairs):
        names = ", ".join(run.plugins.implementers(HOOK))
        raise HookContractBroken(names, HOOK, f"{len(answer)} answers for {len(pairs)} keys")
    return [pair for pair, moved in zip(pairs, answer, strict=True) if not moved]
