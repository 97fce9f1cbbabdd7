"""Plan warnings about moving keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldfare.support.wording import counted
from fieldfare_prefix.coverage import Coverage, coverage, overlaps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fieldfare.changes import ChangePrefix
    from fieldfare.hooks.live_index import LiveIndex

__all__ = ["move_warnings"]


def move_warnings(change: ChangePrefix, live: LiveIndex) -> Iterator[str]:
    """Yield the warnings, one line each."""
    known = live.snapshot.definition.prefixes
    if "@__key" in (live.definition.filter or ""):
        yield (f"The FILTER reads @__key: documents whose keys start with {change.new!r} may leave or enter the index")
    for other in live.other_indexes:
        if other.storage is live.definition.storage and coverage(other, change, known) is Coverage.KEEPS:
            yield (
                f"Index {other.name!r} covers these keys before and after the move: it indexes each key again, "
                "which takes time"
            )
    if any(prefix != change.old and overlaps(prefix, change.new) for prefix in known):
        return  # the documents below the new prefix move, too
    found = live.count(change.new)
    if change.new.startswith(change.old):
        yield (
            f"{change.new!r} starts with {change.old!r}: only keys that the index covers move"
            + (f"; apply stops if it covers one of the {found:,} below {change.new!r}" if found else "")
        )
        return
    if change.old.startswith(change.new):
        found -= live.count(change.old)
    if found > 0:
        documents = counted(found, "document lies", "documents lie")
        yield f"{documents} below {change.new!r} already, and the target index will cover all keys below it"
