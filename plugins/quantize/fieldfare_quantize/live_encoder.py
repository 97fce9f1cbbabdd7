"""Encode queries as an index wants them now: an encoder that notices when a name moves to another index."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, TypeVar

from fieldfare.server.query_reply import WRONG_VECTOR_LENGTH
from fieldfare_quantize.query_encoder import encode, read_encoding_of
from fieldfare_quantize.query_encoding import QueryEncoding, read_encoding

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from fieldfare.plan import MigrationPlan
    from fieldfare.report import MigrationReport

__all__ = ["Encoder", "encoder"]

T = TypeVar("T")

MAX_AGE: Final = 30.0
"""Seconds. FT.INFO of a large HNSW index keeps the server busy for tens of milliseconds."""


class Encoder:
    """Encodes query vectors for a field as the index behind a name has it now.

    It knows the definition for up to ``max_age`` seconds. :meth:`search` also reads it again when the server refuses a
    vector of another length, so that a query succeeds in the moment in which the name moves.

    An encoder may be used by several threads.
    """

    def __init__(
        self,
        client: Any,
        index: str,
        field: str,
        *,
        plan: MigrationPlan | MigrationReport | str | Path | None = None,
        max_age: float = MAX_AGE,
    ) -> None:
        self._client, self._index, self._field = client, index, field
        self._planned = None if plan is None else read_encoding(plan, field)
        self._max_age = max_age
        self._known: tuple[float, QueryEncoding] | None = None

    def __call__(self, vector: Sequence[float] | NDArray[Any]) -> bytes:
        """Encode a vector.

        Args:
            vector: floats, as many as the field has dims. With a plan that truncates vectors, as many as it had before
                are fine too.

        Raises:
            UsageError: the field is not a vector field, the vector does not fit it, or its calibration is unknown.
            IndexNotFound: there is no such index.
            redis.exceptions.ConnectionError: the server does not answer.
        """
        now = time.monotonic()
        known = self._known
        if known is None or now - known[0] >= self._max_age:
            self._known = known = (now, self._read())
        return encode(vector, known[1])

    def search(self, vector: Sequence[float] | NDArray[Any], ask: Callable[[bytes], T]) -> T:
        """Ask a query with an encoded vector; if the server refuses its length, read the definition and ask once more.

        Args:
            vector: as for a call of the encoder.
            ask: sends the query with the bytes that it is given, and returns the answer.

        Raises:
            UsageError: as for a call of the encoder.
            redis.exceptions.ResponseError: the server refuses the query.
        """
        try:
            return ask(self(vector))
        except Exception as error:
            if not _is_about_length(error):
                raise
        self.forget()
        return ask(self(vector))

    def forget(self) -> None:
        """Read the definition with the next vector."""
        self._known = None

    def _read(self) -> QueryEncoding:
        found = read_encoding_of(self._client, self._index, self._field)
        planned = self._planned
        is_planned = planned is not None and (planned.datatype, planned.dims) == (found.datatype, found.dims)
        return planned if planned is not None and is_planned else found


def encoder(
    client: Any,
    index: str,
    field: str,
    *,
    plan: MigrationPlan | MigrationReport | str | Path | None = None,
    max_age: float = MAX_AGE,
) -> Encoder:
    """Return an encoder of query vectors that follows an index through migrations.

    Args:
        client: a client of redis-py; or a URL.
        index: the name that queries use: an index, or an alias.
        field: its vector field.
        plan: the plan or the report of the migration, or the file of either: how its target's vectors are truncated.
        max_age: seconds after which the definition is read again.

    Raises:
        UsageError: the plan has no such vector field.
    """
    return Encoder(client, index, field, plan=plan, max_age=max_age)


def _is_about_length(error: BaseException | None) -> bool:
    """Whether the server refused the length of a vector; clients wrap its error in errors of their own."""
    from redis.exceptions import ResponseError  # noqa: PLC0415 - start-up time

    while error is not None:
        if isinstance(error, ResponseError) and WRONG_VECTOR_LENGTH in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False
