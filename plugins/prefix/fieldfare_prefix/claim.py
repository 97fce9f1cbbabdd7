"""Claiming a change of a key prefix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldfare.plan import Claim
from fieldfare_prefix.coverage import Coverage, coverage, overlaps
from fieldfare_prefix.move_warnings import move_warnings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fieldfare.changes import ChangePrefix
    from fieldfare.definition import IndexDefinition
    from fieldfare.hooks.live_index import LiveIndex

__all__ = ["claim_prefix"]


def claim_prefix(change: ChangePrefix, live: LiveIndex) -> Claim:
    """Claim a change of a prefix, as supported or as blocked."""
    blocked = next(_blockers(change, live), None)
    return blocked or Claim.supported(rewrites_documents=True, warnings=tuple(move_warnings(change, live)))


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
        if prefix != change.old and overlaps(prefix, change.new):
            yield Claim.blocked(
                f"the index has the prefix {prefix!r} too, which overlaps {change.new!r}: "
                "documents of both could get the same name",
                workaround="choose a prefix that overlaps no other prefix of the index",
            )
    for other in live.other_indexes:
        if other.storage is live.definition.storage:
            yield from _other_index_conflicts(other, change, live)


def _other_index_conflicts(other: IndexDefinition, change: ChangePrefix, live: LiveIndex) -> Iterator[Claim]:
    match coverage(other, change, live.snapshot.definition.prefixes):
        case Coverage.LOSES:
            yield Claim.blocked(
                f"index {other.name!r} covers keys below {change.old!r} too: it would lose the documents that move",
                workaround=f"drop {other.name!r}, plan again, and create it over {change.new!r} afterwards",
            )
        case Coverage.GAINS:
            yield Claim.blocked(
                f"index {other.name!r} covers keys below {change.new!r}: the moved documents would appear in it",
                workaround="choose a prefix that no other index covers",
            )
        case Coverage.KEEPS | Coverage.NEVER:
            pass
