"""What somebody else did to documents while a run was under way."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from attrs import define, field, frozen

from fieldfare.definition import Storage
from fieldfare.documents import EXAMPLES

if TYPE_CHECKING:
    from fieldfare.engine.run import Run

__all__ = ["Departed", "Tally", "departed"]

TYPES: Final = {Storage.HASH: b"hash", Storage.JSON: b"ReJSON-RL"}


@define
class Tally:
    """How many documents, and a few of their keys."""

    count: int = 0
    keys: list[bytes] = field(factory=list)

    def add(self, keys: Iterable[bytes]) -> None:
        """Count documents."""
        for key in keys:
            self.count += 1
            if len(self.keys) < EXAMPLES:
                self.keys.append(key)

    def __str__(self) -> str:
        """Say how many there are, with examples."""
        shown = ", ".join(key.decode("utf-8", "backslashreplace") for key in self.keys)
        return f"{self.count:,} documents, such as {shown}" if self.count else "none"


@frozen(hash=False)
class Departed:
    """Captured documents that are no longer documents of the index.

    Attributes:
        deleted: those that are gone: deleted, or expired.
        retyped: those whose key holds something else now.
    """

    deleted: Tally = field(factory=Tally)
    retyped: Tally = field(factory=Tally)

    @property
    def count(self) -> int:
        """How many they are together."""
        return self.deleted.count + self.retyped.count


def departed(run: Run) -> Departed:
    """Look for every captured document under the name that its key has after the migration."""
    found = Departed()
    if not run.has_backup:
        return found
    wanted = TYPES[run.source.storage]
    for keys in run.store.iter_keys():
        names = [run.plan.moved(key) for key in keys] if run.plan.moves_keys else keys
        kinds = run.server.bulk([(b"TYPE", name) for name in names])
        found.deleted.add(key for key, kind in zip(keys, kinds, strict=True) if kind == b"none")
        found.retyped.add(key for key, kind in zip(keys, kinds, strict=True) if kind not in (b"none", wanted))
    return found
