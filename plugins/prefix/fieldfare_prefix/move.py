"""The step ``prefix.move``: its parameters, and the new name of each key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

from attrs import frozen

from fieldfare.definition.reply import encode
from fieldfare.plan import Phase, Step

if TYPE_CHECKING:
    from fieldfare.changes import ChangePrefix

__all__ = ["KIND", "Move", "Pair", "plan_move"]

KIND: Final = "prefix.move"

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
        length, new = len(self.old), self.new
        return [(new + key[length:], key) for key in self.keys_to_move(keys)]

    def old_name(self, new_name: bytes) -> bytes:
        """Return the old name of a key."""
        return self.old + new_name[len(self.new) :]

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
        summary=f"Move keys from {change.old!r} to {change.new!r}",
    )
