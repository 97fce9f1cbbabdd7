"""Changing an attribute of a field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fieldfare.definition import Algorithm, find_attribute
from fieldfare.plan import Claim
from fieldfare_fields.cost_warnings import costs_of_update
from fieldfare_fields.ft_create_rules import refused_field, refused_number_of_fields

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fieldfare.changes import UpdateField
    from fieldfare.definition import Field
    from fieldfare.hooks.live_index import LiveIndex

__all__ = ["claim_update_field"]

SVS_DATATYPES: Final = ("float16", "float32")
"""https://redis.io/docs/latest/develop/ai/search-and-query/vectors/#svs-vamana-index"""

_TRADE_OFFS: Final[Mapping[str, str]] = {
    Algorithm.FLAT: "FLAT compares every vector: results are exact, and queries take longer with every document",
    Algorithm.HNSW: "HNSW is approximate, and its graph takes memory on top of the vectors",
    Algorithm.SVS_VAMANA: "SVS-VAMANA is approximate; LVQ and LeanVec compression need Intel's build of Redis Search",
}


def claim_update_field(change: UpdateField, live: LiveIndex) -> Claim | None:
    """Claim a changed attribute.

    Returns:
        None for a vector's datatype and dims, which also change documents, and if there is no such field.
    """
    before, after = live.definition.find(change.name), live.after(change).definition.find(change.name)
    if before is None or after is None or (before.is_vector and change.attribute in {"datatype", "dims"}):
        return None
    workaround = "correct the patch; if it sets both right, do so in two migrations"
    refused = refused_field(after, live.server, workaround=workaround)
    if change.attribute == "no_index":
        refused = refused or refused_number_of_fields(live.after(change).definition)
    if refused is not None:
        return refused
    if change.attribute == "algorithm":
        return _claim_algorithm(before, after)
    return Claim.supported(warnings=costs_of_update(change))


def _claim_algorithm(before: Field, after: Field) -> Claim:
    """Claim the change of a vector field's algorithm: FLAT, HNSW or SVS-VAMANA."""
    algorithm, datatype = str(after.attrs["algorithm"]).upper(), str(after.attrs.get("datatype", "")).lower()
    if algorithm == Algorithm.SVS_VAMANA and datatype not in SVS_DATATYPES:
        return Claim.blocked(
            f"SVS-VAMANA indexes {' and '.join(SVS_DATATYPES)} only, and {after.name!r} holds {datatype}",
            workaround="first change the datatype, in a separate migration",
        )
    warnings = [f"{before.name!r}: {_TRADE_OFFS[algorithm]}", *_dropped(before, after, algorithm)]
    return Claim.supported(warnings=warnings)


def _dropped(before: Field, after: Field, algorithm: str) -> Iterator[str]:
    """Name the attributes that the new algorithm does not have."""
    for key, value in before.attrs.items():
        attribute = find_attribute(before.type, key)
        if attribute is not None and key not in after.attrs and value != attribute.default:
            yield f"{before.name!r}: {attribute.token} {value} does not apply to {algorithm} and is dropped"
