"""The step ``prefix.move``: what a plan says of it, and which name each key gets."""

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
"""The name that a key has, and the name that it gets."""


@frozen
class Move:
    """What a step of this kind has in ``params``.

    Attributes:
        old: the prefix that keys have.
        new: the prefix that they get.
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

    def takes(self, key: bytes) -> bool:
        """Whether a key of this name is moved."""
        return key.startswith(self.old) and not key.startswith(self.excluded)

    def taken(self, keys: Iterable[bytes]) -> list[bytes]:
        """Return those keys that are moved."""
        old, excluded = self.old, self.excluded
        found = [key for key in keys if key.startswith(old)]
        return [key for key in found if not key.startswith(excluded)] if excluded else found

    def there(self, keys: Iterable[bytes]) -> list[Pair]:
        """Return old and new name of those keys that are moved."""
        length, new = len(self.old), self.new
        return [(key, new + key[length:]) for key in self.taken(keys)]

    def back(self, keys: Iterable[bytes]) -> list[Pair]:
        """Return new and old name of those keys that were moved; ``keys`` are the old names."""
        length, new = len(self.old), self.new
        return [(new + key[length:], key) for key in self.taken(keys)]

    def source_of(self, name: bytes) -> bytes:
        """Return the old name that becomes this new one."""
        return self.old + name[len(self.new) :]

    def is_ambiguous(self, pair: Pair) -> bool:
        """Whether a key looks as if it had been moved already, or would look as if it had yet to be.

        That can be only where one prefix starts with the other. Without such keys no old name is the new
        name of another key, so that whatever is found under a name can be told for what it is.
        """
        old, new = pair
        return old.startswith(self.new) if self.new.startswith(self.old) else new.startswith(self.old)


def plan_move(change: ChangePrefix, prefixes: Sequence[str]) -> Step:
    """Build the step that moves the keys below one prefix.

    Args:
        change: the prefix, before and after.
        prefixes: all that the source index has; the longest one that fits decides about a key.
    """
    excluded = sorted(prefix for prefix in prefixes if prefix != change.old and prefix.startswith(change.old))
    return Step.new(
        KIND,
        Phase.REWRITE,
        params={"old": change.old, "new": change.new, "excluded": excluded},
        rewrites_documents=True,
        summary=f"Move keys from {change.old!r} to {change.new!r}",
    )
