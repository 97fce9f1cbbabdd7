"""What the user should know before keys move."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldfare_prefix.coverage import Coverage, coverage, overlap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fieldfare.changes import ChangePrefix
    from fieldfare.live import LiveIndex

__all__ = ["survey"]


def survey(change: ChangePrefix, live: LiveIndex) -> tuple[str, ...]:
    """Return one line for each thing that is worth a warning."""
    return tuple(_lines(change, live))


def _lines(change: ChangePrefix, live: LiveIndex) -> Iterator[str]:
    known = live.snapshot.definition.prefixes
    if "@__key" in (live.definition.filter or ""):
        yield (
            f"The FILTER reads @__key: documents may fall out of the index, or come in, once they are called "
            f"{change.new!r}"
        )
    for other in live.others:
        if other.storage is live.definition.storage and coverage(other, change, known) is Coverage.KEEPS:
            yield (
                f"Index {other.name!r} covers these keys before and after: it indexes each one again as it moves, "
                "which takes time"
            )
    if any(prefix != change.old and overlap(prefix, change.new) for prefix in known):
        return  # what lies there is about to move away
    found = live.count(change.new)
    if change.new.startswith(change.old):
        yield (
            f"{change.new!r} starts with {change.old!r}: keys that the index covers move, all others stay"
            + (f"; apply stops if one of the {found:,} below {change.new!r} is among them" if found else "")
        )
        return
    if change.old.startswith(change.new):
        found -= live.count(change.old)
    if found > 0:
        yield f"{found:,} documents lie below {change.new!r} already: the target index will cover them too"
