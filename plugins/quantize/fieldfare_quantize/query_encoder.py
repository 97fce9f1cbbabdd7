"""Encode queries in the datatype that an index has after a migration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fieldfare.errors import UsageError
from fieldfare_quantize.query_encoding import read_encoding, read_encoding_from_redis

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from fieldfare.plan import MigrationPlan
    from fieldfare.report import MigrationReport
    from fieldfare_quantize.query_encoding import QueryEncoding

__all__ = ["encode", "encode_query", "read_encoding_of"]

SCHEMES: Final = ("redis://", "rediss://", "unix://", "redis+sentinel://")


def encode_query(
    vector: Sequence[float] | NDArray[Any],
    source: MigrationPlan | MigrationReport | str | Path | Any,
    field: str,
    *,
    index: str | None = None,
) -> bytes:
    """Encode a query vector exactly as the vectors of a migrated index.

    Args:
        vector: floats, as many as the field has dims; if a plan truncates them, as many as it had before are fine too.
        source: the plan or the report of the migration, or the file of either; or the Redis that has the index, as
            a client of redis-py or a URL. A calibration in Redis is read with every call.
        field: the vector field; in plans and reports by its name before or after the migration.
        index: its index, if the source is a Redis.

    Returns:
        What to send as the parameter of a KNN or range query.

    Raises:
        UsageError: there is no such vector field, the vector does not fit it, or the calibration of an integer
            datatype is unknown.
        FileError: the file is neither plan nor report.
        IndexNotFound: the Redis has no such index.
    """
    return encode(vector, _read_encoding(source, field, index))


def _read_encoding(source: Any, field: str, index: str | None) -> QueryEncoding:
    if not _is_redis(source):
        return read_encoding(source, field)
    if index is None:
        raise UsageError("Say which index of this Redis is meant: index=...")
    return read_encoding_of(source, index, field)


def _is_redis(source: Any) -> bool:
    return hasattr(source, "execute_command") or (isinstance(source, str) and source.startswith(SCHEMES))


def read_encoding_of(client: Any, index: str, field: str) -> QueryEncoding:
    """Read how the vectors of a live index are encoded.

    Args:
        client: a client of redis-py; or a URL.
        index: the index, or an alias.
        field: its vector field.

    Raises:
        UsageError: there is no such vector field, or the calibration of an integer datatype is unknown.
        IndexNotFound: there is no such index.
    """
    from fieldfare.server import Server, connect  # noqa: PLC0415 - start-up time
    from fieldfare.server.capabilities import Capabilities  # noqa: PLC0415 - start-up time

    if isinstance(client, str):
        with connect(client) as server:
            return read_encoding_from_redis(server, index, field)
    unknown = Capabilities(redis_version=(0, 0, 0), search_version=(0, 0, 0))
    return read_encoding_from_redis(Server(client, "", unknown), index, field)


def encode(vector: Sequence[float] | NDArray[Any], encoding: QueryEncoding) -> bytes:
    """Encode a query vector.

    Raises:
        UsageError: the vector does not fit the field.
    """
    import numpy as np  # noqa: PLC0415 - numpy costs start-up time

    from fieldfare_quantize import integer_codec  # noqa: PLC0415 - numpy costs start-up time
    from fieldfare_vectors.values import cast, to_bytes, truncate  # noqa: PLC0415 - numpy costs start-up time

    values, truncation, calibration = np.asarray(vector, "<f8"), encoding.truncation, encoding.calibration
    accepted = {encoding.dims} if truncation is None else {encoding.dims, truncation.source}
    if values.ndim != 1 or len(values) not in accepted:
        required = " dims, or ".join(map(str, sorted(accepted)))
        raise UsageError(f"Field {encoding.field!r} has {required} dims; this vector has the shape {values.shape}.")
    if not np.isfinite(values).all():
        raise UsageError(f"The vector for field {encoding.field!r} holds NaN or infinity.")
    vectors = values[np.newaxis]
    if truncation is not None and len(values) != encoding.dims:
        # exactly as the plan truncates the vector of a document
        short = truncate(cast(vectors, truncation.datatype), truncation.target, renormalize=truncation.renormalize)
        vectors = cast(short, truncation.datatype).astype(np.float64)
    if calibration is None:
        return to_bytes(cast(vectors, encoding.datatype))
    return to_bytes(integer_codec.encode(vectors, encoding.datatype, calibration).codes)
