"""The check ``knn_self_query``: are documents found by their own vectors?"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Final

from redis.exceptions import ResponseError

from fieldfare.definition import Field, Snapshot, Storage
from fieldfare.definition.reply import encode
from fieldfare.engine.run import ActiveRun
from fieldfare.report import Finding
from fieldfare.server.knn import WIDTHS, nearest, pack, unpack

__all__ = ["self_query"]

NEAR: Final = 0.01
"""Distances up to this count as zero, for values of 8 bits; for L2 relative to the squared length."""

NEIGHBORS: Final = 10
"""How many neighbors a self-query asks for: an approximate graph may not return a vector itself as the first."""


def self_query(run: ActiveRun, live: Snapshot, field: Field, limit: int) -> Finding:
    """Whether documents are found by their own vectors; some lack the field, so more keys are sampled than queried.

    With inner product the nearest vector is the longest, not the same one: there any answer passes.
    """
    name = f"knn_self_query:{field.name}"
    queried, lost = 0, []
    for key in map(encode, live.key_sample):
        vector = _vector_of(run, live.definition.storage, key, field) if queried < limit else None
        if vector is None:
            continue
        queried += 1
        try:
            found = nearest(run.server, live.definition.name, field.name, vector, NEIGHBORS)
        except ResponseError as error:
            return Finding(name, passed=False, detail=str(error))
        if key not in found and not _is_crowded(field, vector, found):
            lost.append(key.decode("utf-8", "backslashreplace"))
    detail = (
        f"not found by their own vector: {', '.join(lost)}"
        if lost
        else f"{queried} documents found by their own vector"
    )
    return Finding(name, not lost, detail=detail, data={"queried": queried, "lost": len(lost)})


def _is_crowded(field: Field, vector: bytes, found: Mapping[bytes, float]) -> bool:
    """Whether so many vectors are as near as the document's own that it need not be among the answers."""
    metric = field.attrs["distance_metric"]
    if metric == "ip":
        return bool(found)
    values = unpack(vector, str(field.attrs["datatype"]))
    scale = 1.0 if metric == "cosine" else sum(value * value for value in values)  # L2 is squared
    return len(found) == NEIGHBORS and all(distance <= NEAR * scale for distance in found.values())


def _vector_of(run: ActiveRun, storage: Storage, key: bytes, field: Field) -> bytes | None:
    """Return a document's vector as the index takes it; None if it has none that can be queried."""
    path = encode(field.path)
    dims, datatype = int(field.attrs["dims"]), str(field.attrs["datatype"])
    if storage is Storage.JSON:
        (reply,) = run.server.bulk([(b"JSON.GET", key, path)])
        vector = pack(reply, dims, datatype)
    else:
        (reply,) = run.server.bulk([(b"HGET", key, path)])
        vector = reply if isinstance(reply, bytes) else None
    if vector is None or len(vector) != dims * WIDTHS[datatype]:
        return None
    values = unpack(vector, datatype)
    # NaN and infinity have no distance, and a zero vector has no direction
    return vector if any(values) and all(map(isfinite, values)) else None
