"""Changing the name or an option of the whole index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fieldfare.plan import Claim
from fieldfare_fields.ft_create_rules import refused_option

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fieldfare.changes import RenameIndex, UpdateOption
    from fieldfare.hooks.live_index import LiveIndex

__all__ = ["claim_index_option", "claim_rename_index"]

_EXPIRY: Final = (
    "a TEMPORARY index deletes its documents when it expires or is dropped, also documents that other indexes cover; "
    "such a migration cannot be rolled back"
)
_CHANGED: Final[Mapping[str, str]] = {
    "prefixes": "PREFIX changes which documents the index covers: keys keep their names, the document count may differ",
    "filter": "FILTER changes which documents the index covers: the document count may differ afterwards",
    "language": "LANGUAGE changes how text is stemmed: queries may find other documents",
    "language_field": "LANGUAGE_FIELD changes how text is stemmed: queries may find other documents",
    "score": "SCORE changes how results are ranked",
    "score_field": "SCORE_FIELD changes how results are ranked",
    "payload_field": "PAYLOAD_FIELD changes the payloads that queries return",
    "stopwords": "STOPWORDS changes which words are indexed: queries may find other documents",
    "temporary": f"TEMPORARY: {_EXPIRY}",
    "index_all": "INDEXALL keeps a list of all documents in memory",
}
_LOST: Final[Mapping[str, str]] = {
    "NOOFFSETS": "NOOFFSETS: exact phrases and SLOP no longer work, and nothing can be highlighted",
    "NOHL": "NOHL: nothing can be highlighted",
    "NOFIELDS": "NOFIELDS: queries can no longer be limited to one text field",
    "NOFREQS": "NOFREQS: how often a word occurs no longer counts for the ranking",
}


def claim_index_option(change: UpdateOption, live: LiveIndex) -> Claim | None:
    """Claim a changed option of the index; None for one that this plugin does not know."""
    if change.option != "options" and change.option not in _CHANGED:
        return None
    if change.option == "temporary" and change.new is not None and not live.options.get("allow_document_expiry"):
        return Claim.blocked(_EXPIRY, workaround="pass --allow-document-expiry if that is what you want")
    return refused_option(change, live.server) or Claim.supported(warnings=_warnings(change))


def claim_rename_index(change: RenameIndex, live: LiveIndex) -> Claim:
    """Claim a new name for the index. The planner checks on the server that the name is free."""
    aliases = f" or through {', '.join(map(repr, live.snapshot.aliases))}" if live.snapshot.aliases else ""
    reached = f"After the migration queries reach the index as {change.new!r}{aliases}"
    return Claim.supported(warnings=[f"{reached}, no longer as {change.old!r}"])


def _warnings(change: UpdateOption) -> list[str]:
    if change.option == "options":
        return [_LOST[each] for each in change.new or () if each in _LOST and each not in (change.old or ())]
    if change.option == "index_all" and not change.new:
        return []
    return [_CHANGED[change.option]]
