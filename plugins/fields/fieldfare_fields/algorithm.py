"""Changing the algorithm of a vector field: FLAT, HNSW or SVS-VAMANA."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fieldfare.definition import Algorithm, find_attribute
from fieldfare.plan import Claim

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fieldfare.definition import Field

__all__ = ["algorithm_blockers", "algorithm_warnings"]

SVS_DATATYPES: Final = ("float16", "float32")
"""https://redis.io/docs/latest/develop/ai/search-and-query/vectors/#svs-vamana-index"""

_TRADE_OFFS: Final[Mapping[str, str]] = {
    Algorithm.FLAT: "FLAT compares every vector: results are exact, and queries take longer with every document",
    Algorithm.HNSW: "HNSW is approximate, and its graph takes memory on top of the vectors",
    Algorithm.SVS_VAMANA: "SVS-VAMANA is approximate; LVQ and LeanVec compression need Intel's build of Redis Search",
}


def algorithm_blockers(after: Field) -> Iterator[Claim]:
    """Yield a blocked claim if a field cannot have its new algorithm."""
    datatype = str(after.attrs.get("datatype", "")).lower()
    if _algorithm(after) == Algorithm.SVS_VAMANA and datatype not in SVS_DATATYPES:
        yield Claim.blocked(
            f"SVS-VAMANA indexes {' and '.join(SVS_DATATYPES)} only, and {after.name!r} holds {datatype}",
            workaround="first change the datatype, in a migration of its own",
        )


def algorithm_warnings(before: Field, after: Field) -> tuple[str, ...]:
    """Return what the new algorithm means for queries, and which attributes are dropped."""
    algorithm = _algorithm(after)
    return (f"{before.name!r}: {_TRADE_OFFS[algorithm]}", *_dropped(before, after, algorithm))


def _dropped(before: Field, after: Field, algorithm: str) -> Iterator[str]:
    for key, value in before.attrs.items():
        attribute = find_attribute(before.type, key)
        if attribute is not None and key not in after.attrs and value != attribute.default:
            yield f"{before.name!r}: {attribute.token} {value} does not apply to {algorithm} and is dropped"


def _algorithm(field: Field) -> str:
    return str(field.attrs["algorithm"]).upper()
