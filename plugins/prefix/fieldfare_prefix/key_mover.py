"""Moving keys through ``fieldfare_move_keys``, on any topology, and finding out the outcome for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import frozen

from fieldfare.errors import FieldfareError
from fieldfare.hooks.run import Run
from fieldfare_prefix.existing_keys import existing_keys
from fieldfare_prefix.move import Pair
from fieldfare_prefix.rename import share_slot

__all__ = ["Outcome", "move_keys"]

ATTEMPTS: Final = 3
"""How often a key is moved that exists and was not moved, because another client wrote it in between."""


@frozen
class Outcome:
    """The keys that were not moved; every other key exists under its new name only.

    Attributes:
        missing: old names of keys that do not exist any more.
        conflicts: pairs whose new name belongs to another key; both keys are unchanged.
    """

    missing: tuple[bytes, ...] = ()
    conflicts: tuple[Pair, ...] = ()


def move_keys(run: Run, pairs: Sequence[Pair]) -> Outcome:
    """Move keys to their new names. Keys that were moved before are left alone.

    Raises:
        FieldfareError: no plugin can move these keys, or they cannot be moved at all.
        InvalidHookResult: a plugin did not answer for each key.
    """
    missing: list[bytes] = []
    conflicts: list[Pair] = []
    left = list(pairs)
    for _ in range(ATTEMPTS):
        unmoved = _unmoved(run, left)
        existing = existing_keys(run.server, [name for pair in unmoved for name in pair])
        missing += (old for old, new in unmoved if old not in existing and new not in existing)
        conflicts += (pair for pair in unmoved if existing.issuperset(pair))
        left = [(old, new) for old, new in unmoved if old in existing and new not in existing]
        if not left:
            return Outcome(tuple(missing), tuple(conflicts))
    raise FieldfareError(f"cannot move existing keys: {len(left):,}, such as {left[0][0]!r}")


def _unmoved(run: Run, pairs: Sequence[Pair]) -> list[Pair]:
    """Move keys, those that stay in their slot apart from the others; return the pairs that were not moved."""
    groups = [pairs]
    if run.server.capabilities.cluster:
        same_slot = [share_slot(pair) for pair in pairs]
        groups = [
            [pair for pair, same in zip(pairs, same_slot, strict=True) if same is expected]
            for expected in (True, False)
        ]
    return [
        pair for group in groups if group for pair, moved in zip(group, run.move_keys(group), strict=True) if not moved
    ]
