"""The vector of one document."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from fieldfare.definition import Field, Storage
from fieldfare.definition.reply import encode
from fieldfare.server.knn import WIDTHS, pack, unpack
from fieldfare.server.permissions import require_allowed

if TYPE_CHECKING:
    from fieldfare.server import Server

__all__ = ["read_vector"]


def read_vector(server: Server, storage: Storage, key: bytes, field: Field) -> bytes | None:
    """Return a document's vector as the index takes it; None if it has none that can be queried."""
    path = encode(field.path)
    dims, datatype = int(field.attrs["dims"]), str(field.attrs["datatype"])
    if storage is Storage.JSON:
        (reply,) = require_allowed(server, [(b"JSON.GET", key, path)])
        vector = pack(reply, dims, datatype)
    else:
        (reply,) = require_allowed(server, [(b"HMGET", key, path)])
        vector = reply[0] if isinstance(reply, list) else None
    if vector is None or len(vector) != dims * WIDTHS[datatype]:
        return None
    values = unpack(vector, datatype)
    # NaN and infinity have no distance, and a zero vector has no direction
    return vector if any(values) and all(map(isfinite, values)) else None
