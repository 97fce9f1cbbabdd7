"""The step ``prefix.move``: its parameters, the new name of each key, and what it needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

from attrs import frozen

from fieldfare.definition.reply import encode
from fieldfare.plan import Estimate, Phase, Step

if TYPE_CHECKING:
    from fieldfare.changes import ChangePrefix
    from fieldfare.plan import MigrationPlan

__all__ = ["KIND", "Move", "Pair", "estimate_moves", "plan_move"]

KIND: Final = "prefix.move"

COMMAND_BYTES: Final = 40
"""RENAMENX in the append-only file, besides the two names."""

VALUES: Final = {
    False: "values are not copied, unless a key changes its cluster slot",
    True: "values are copied, and take memory twice until 'fieldfare finalize'",
}
"""What becomes of values; True in the mode ``shadow``."""

Pair: TypeAlias = tuple[bytes, bytes]
"""The current and the new name of a key."""


@frozen
class Move:
    """The parameters of the step.

    Attributes:
        old: the prefix of the keys before the move.
        new: the prefix of the keys after the move.
        excluded: longer prefixes of the index that start with ``old``: keys below them stay.
    """

    old: bytes
    new: bytes
    excluded: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, step: Step) -> Move:
        """Read the parameters of a step."""
        return cls(
            old=encode(step.params["old"]),
            new=encode(step.params["new"]),
            excluded=tuple(map(encode, step.params["excluded"])),
        )

    def applies_to(self, key: bytes) -> bool:
        """Whether a key of this name is moved."""
        return key.startswith(self.old) and not key.startswith(self.excluded)

    def keys_to_move(self, keys: Iterable[bytes]) -> list[bytes]:
        """Return the keys that are moved."""
        old, excluded = self.old, self.excluded
        found = [key for key in keys if key.startswith(old)]
        return [key for key in found if not key.startswith(excluded)] if excluded else found

    def forward_pairs(self, keys: Iterable[bytes]) -> list[Pair]:
        """Return (old, new) names of the keys that are moved."""
        length, new = len(self.old), self.new
        return [(key, new + key[length:]) for key in self.keys_to_move(keys)]

    def backward_pairs(self, keys: Iterable[bytes]) -> list[Pair]:
        """Return (new, old) names of the keys that are moved back; ``keys`` are the old names."""
        return [(new, old) for old, new in self.forward_pairs(keys)]

    def old_name(self, new_name: bytes) -> bytes:
        """Return the old name of a key."""
        return self.old + new_name[len(self.new) :]

    def names(self, keys: Iterable[bytes], *, back: bool) -> list[bytes]:
        """Return the names of keys after the move, or with ``back`` before it."""
        if back:
            return [self.old_name(key) if key.startswith(self.new) else key for key in keys]
        length, new = len(self.old), self.new
        return [new + key[length:] if self.applies_to(key) else key for key in keys]

    def is_ambiguous(self, pair: Pair) -> bool:
        """Whether the name of a key does not tell if it was moved: both names start with both prefixes.

        That happens only if one prefix starts with the other. Without such keys, no old name is the new name of
        another key, so a key's name tells whether it was moved.
        """
        old, new = pair
        return old.startswith(self.new) if self.new.startswith(self.old) else new.startswith(self.old)


def plan_move(change: ChangePrefix, prefixes: Sequence[str]) -> Step:
    """Build the step that moves the keys below one prefix.

    Args:
        change: the prefix, before and after.
        prefixes: all prefixes of the source index; the longest one that a key starts with decides.
    """
    excluded = sorted(prefix for prefix in prefixes if prefix != change.old and prefix.startswith(change.old))
    return Step.new(
        KIND,
        Phase.REWRITE,
        params={"old": change.old, "new": change.new, "excluded": excluded},
        rewrites_documents=True,
        moves_keys=True,
        summary=f"Move keys from {change.old!r} to {change.new!r}",
    )


def estimate_moves(plan: MigrationPlan) -> Estimate | None:
    """Estimate the moves of a plan from its documents and the sampled keys; None if it has none.

    Between the slots of a cluster, and where keys are copied (mode ``shadow``), every value is written as well; how
    large the values are is not in the plan.
    """
    moves = [(step, Move.of(step)) for step in plan.steps if step.kind == KIND]
    if not moves:
        return None
    documents = plan.source.stats.num_docs
    sample = [encode(key) for key in plan.source.key_sample]
    names = [len(name) for _, move in moves for pair in move.forward_pairs(sample) for name in pair]
    average = sum(names) // max(len(sample), 1)
    return Estimate(
        aof_bytes=documents * (average + COMMAND_BYTES),
        lines=tuple(f"{step.summary}: {VALUES[plan.mode == 'shadow']}" for step, _ in moves),
    )
