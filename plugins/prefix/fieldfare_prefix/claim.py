"""Whether keys can move to another prefix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldfare.plan import Claim
from fieldfare_prefix.coverage import Coverage, coverage, overlap
from fieldfare_prefix.survey import survey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fieldfare.changes import ChangePrefix
    from fieldfare.definition import IndexDefinition
    from fieldfare.live import LiveIndex

__all__ = ["claim_prefix"]


def claim_prefix(change: ChangePrefix, live: LiveIndex) -> Claim:
    """Claim a change of a prefix, as supported or as blocked."""
    refusal = next(_refusals(change, live), None)
    if refusal is not None:
        return refusal
    return Claim.supported(rewrites_documents=True, warnings=survey(change, live))


def _refusals(change: ChangePrefix, live: LiveIndex) -> Iterator[Claim]:
    """Give what stands in the way, the most telling first."""
    if not change.old:
        yield Claim.blocked(
            "the index covers every key, so no part of a key's name is its prefix",
            workaround="drop the index, create it over the prefixes that its documents have, and plan again",
        )
    if not change.new:
        yield Claim.blocked(
            "without a prefix the index would cover every key of the database",
            workaround="choose a prefix that only these documents have",
        )
    for prefix in live.definition.prefixes:
        if prefix != change.old and overlap(prefix, change.new):
            yield Claim.blocked(
                f"the index has the prefix {prefix!r} too, which overlaps {change.new!r}: "
                "documents of both could get the same name",
                workaround="choose a prefix that overlaps no other one of the index",
            )
    for other in live.others:
        if other.storage is live.definition.storage:
            yield from _harmed(other, change, live)


def _harmed(other: IndexDefinition, change: ChangePrefix, live: LiveIndex) -> Iterator[Claim]:
    match coverage(other, change, live.snapshot.definition.prefixes):
        case Coverage.LOSES:
            yield Claim.blocked(
                f"index {other.name!r} covers keys below {change.old!r} too: it would lose the ones that move",
                workaround=f"drop {other.name!r}, plan again, and create it over {change.new!r} afterwards",
            )
        case Coverage.GAINS:
            yield Claim.blocked(
                f"index {other.name!r} covers keys below {change.new!r}: the documents would turn up in it",
                workaround="choose a prefix that no other index covers",
            )
        case Coverage.KEEPS | Coverage.NEVER:
            pass
