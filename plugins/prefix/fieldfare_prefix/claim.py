"""Claiming a change of a key prefix."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

from fieldfare.plan import Claim
from fieldfare.support.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fieldfare.changes import ChangePrefix
    from fieldfare.definition import IndexDefinition
    from fieldfare.hooks.live_index import LiveIndex

__all__ = ["claim_prefix"]


class Coverage(Enum):
    """Whether another index covers the keys before and after the move."""

    NEVER = auto()
    KEEPS = auto()
    LOSES = auto()
    GAINS = auto()


def claim_prefix(change: ChangePrefix, live: LiveIndex) -> Claim:
    """Claim a change of a prefix, as supported or as blocked."""
    blocked = next(_blockers(change, live), None)
    return blocked or Claim.supported(rewrites_documents=True, warnings=tuple(_warnings(change, live)))


def _blockers(change: ChangePrefix, live: LiveIndex) -> Iterator[Claim]:
    """Yield what blocks the change, the most important reason first."""
    if not change.old:
        yield Claim.blocked(
            "the index covers every key, so its keys have no common prefix",
            workaround="drop the index, create it over the prefixes that its documents have, and plan again",
        )
    if not change.new:
        yield Claim.blocked(
            "without a prefix the index would cover every key of the database",
            workaround="choose a prefix that only these documents have",
        )
    for prefix in live.definition.prefixes:
        if prefix != change.old and _overlaps(prefix, change.new):
            yield Claim.blocked(
                f"the index has the prefix {prefix!r} too, which overlaps {change.new!r}: "
                "documents of both could get the same name",
                workaround="choose a prefix that overlaps no other prefix of the index",
            )
    for other, coverage in _coverages(change, live):
        if coverage is Coverage.LOSES:
            yield Claim.blocked(
                f"index {other!r} covers keys below {change.old!r} too: it would lose the documents that move",
                workaround=f"drop {other!r}, plan again, and create it over {change.new!r} afterwards",
            )
        elif coverage is Coverage.GAINS:
            yield Claim.blocked(
                f"index {other!r} covers keys below {change.new!r}: the moved documents would appear in it",
                workaround="choose a prefix that no other index covers",
            )


def _warnings(change: ChangePrefix, live: LiveIndex) -> Iterator[str]:
    """Yield what the user should know about the move, one line each."""
    known = live.snapshot.definition.prefixes
    if "@__key" in (live.definition.filter or ""):
        yield (f"The FILTER reads @__key: documents whose keys start with {change.new!r} may leave or enter the index")
    for other, coverage in _coverages(change, live):
        if coverage is Coverage.KEEPS:
            yield (
                f"Index {other!r} covers these keys before and after the move: it indexes each key again, "
                "which takes time"
            )
    if any(prefix != change.old and _overlaps(prefix, change.new) for prefix in known):
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


def _coverages(change: ChangePrefix, live: LiveIndex) -> Iterator[tuple[str, Coverage]]:
    """Yield the name of each other index of the same storage, and which of the moved keys it covers."""
    for other in live.other_indexes:
        if other.storage is live.definition.storage:
            yield other.name, _coverage(other, change, live.snapshot.definition.prefixes)


def _coverage(other: IndexDefinition, change: ChangePrefix, prefixes: Sequence[str]) -> Coverage:
    """Return whether another index of the same storage covers the keys before and after a change.

    Args:
        other: the other index.
        change: the prefix, before and after.
        prefixes: the prefixes of the index whose keys move. Keys below a longer prefix than ``change.old`` stay.
    """
    longer = tuple(prefix for prefix in prefixes if prefix != change.old and prefix.startswith(change.old))
    if all(any(prefix.startswith(each) for each in other.prefixes) for prefix in (change.old, change.new)):
        return Coverage.KEEPS
    if any(_overlaps(each, change.old) and not each.startswith(longer) for each in other.prefixes):
        return Coverage.LOSES
    if any(_overlaps(each, change.new) for each in other.prefixes):
        return Coverage.GAINS
    return Coverage.NEVER


def _overlaps(first: str, second: str) -> bool:
    """Whether a key can start with both prefixes."""
    return first.startswith(second) or second.startswith(first)
