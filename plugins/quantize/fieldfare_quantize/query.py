"""Queries in the datatype that an index has after a migration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fieldfare.errors import UsageError
from fieldfare_quantize.form import form_in_redis, form_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from fieldfare.plan import MigrationPlan
    from fieldfare.report import MigrationReport
    from fieldfare_quantize.form import Form

__all__ = ["encode_query"]

SCHEMES: Final = ("redis://", "rediss://", "unix://", "redis+sentinel://")


def encode_query(
    vector: Sequence[float] | NDArray[Any],
    source: MigrationPlan | MigrationReport | str | Path | Any,
    field: str,
    *,
    index: str | None = None,
) -> bytes:
    """Encode a query vector as the documents of a migrated index are.

    Args:
        vector: floats, as many as the field has dimensions; if a plan cuts them, as many as there were before, too.
        source: the plan or the report of the migration, or the file of either; or the Redis that has the index, as
            a client of redis-py or a URL. A calibration that comes from Redis is read with every call.
        field: the vector field; in plans and reports by its name before or after the migration.
        index: its index, if the source is a Redis.

    Returns:
        What to send as the parameter of a KNN or range query.

    Raises:
        UsageError: there is no such vector field, the vector does not fit it, or nobody says what integer codes
            stand for.
        FileError: the file is neither plan nor report.
        IndexNotFound: the Redis has no such index.
    """
    return _encode(vector, _form(source, field, index))


def _form(source: Any, field: str, index: str | None) -> Form:
    is_url = isinstance(source, str) and source.startswith(SCHEMES)
    if not is_url and not hasattr(source, "execute_command"):
        return form_of(source, field)
    if index is None:
        raise UsageError("Say which index of this Redis is meant: index=...")
    from fieldfare.server import Server, connect  # noqa: PLC0415 - start-up time
    from fieldfare.server.capabilities import Capabilities  # noqa: PLC0415 - start-up time

    if is_url:
        with connect(source) as server:
            return form_in_redis(server, index, field)
    unasked = Capabilities(redis_version=(0, 0, 0), search_version=(0, 0, 0))
    return form_in_redis(Server(source, "", unasked), index, field)


def _encode(vector: Sequence[float] | NDArray[Any], form: Form) -> bytes:
    import numpy as np  # noqa: PLC0415 - numpy costs start-up time

    from fieldfare.documents import Column  # noqa: PLC0415 - start-up time
    from fieldfare_quantize.codec import convert  # noqa: PLC0415 - numpy costs start-up time

    values = np.asarray(vector, "<f8")
    known = {form.dims} if form.truncation is None else {form.dims, form.truncation.source}
    if values.ndim != 1 or len(values) not in known:
        wanted = " dims, or ".join(map(str, sorted(known)))
        raise UsageError(f"Field {form.field!r} has {wanted} dims; this vector has the shape {values.shape}.")
    if not np.isfinite(values).all():
        raise UsageError(f"The vector for field {form.field!r} holds NaN or infinity.")
    if form.truncation is not None and len(values) != form.dims:
        values = form.truncation.cut(values).astype("<f8")
    column = Column(values.tobytes(), (values.nbytes,))
    return bytes(convert(column, "float64", form.datatype, form.dims, encoding=form.calibration).column.block)
