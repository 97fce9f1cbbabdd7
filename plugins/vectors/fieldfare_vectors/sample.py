"""A sample of a field's vectors, read once for each change that is planned."""

from __future__ import annotations

import sys
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve, frozen

from fieldfare.definition import Storage
from fieldfare.documents import Column
from fieldfare_vectors.datatype import width_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from fieldfare.documents import Batch
    from fieldfare.hooks.live_index import LiveIndex

__all__ = ["FIRST_SHARE", "LEAST_FIRST", "SAMPLE_LIMIT", "Sample", "draw_samples", "read_sample"]

SAMPLE_LIMIT: Final = 5000
"""How many documents a whole sample has at most."""

SAMPLE_BYTES: Final = 20 << 20
"""How many bytes their vectors may have as float32: above 1,048 dims, fewer documents are read."""

LEAST_SAMPLE: Final = 250
"""How many documents a whole sample has at least."""

FIRST_SHARE: Final = 5
"""A whole sample is so many times as large as the first one."""

LEAST_FIRST: Final = 500
"""How many documents a first sample has at least, and how many vectors it needs for a decision."""

BLOCK: Final = 100
"""How many vectors are checked at once; bounds the memory."""

FLOAT32_BYTES: Final = width_of("float32")


@frozen(eq=False)
class Sample:
    """Documents with their vectors as they are now.

    Attributes:
        batches: the documents.
        keys: the keys of the documents that have a vector of the right length.
        vectors: their vectors, rows of ``dims`` values, in the source datatype.
        is_whole: whether no larger sample is drawn.
    """

    batches: Sequence[Batch]
    keys: tuple[bytes, ...]
    vectors: NDArray[Any]
    is_whole: bool = True

    @cached_property
    def finite_vectors(self) -> NDArray[Any]:
        """The vectors without NaN, infinities and values beyond float32."""
        import numpy as np  # noqa: PLC0415 - numpy costs start-up time

        finite = np.ones(len(self.vectors), np.bool_)
        for start in range(0, len(finite), BLOCK):
            rows = slice(start, start + BLOCK)
            with np.errstate(over="ignore"):
                finite[rows] = np.isfinite(self.vectors[rows].astype(np.float32, copy=False)).all(axis=1)
        return self.vectors if finite.all() else self.vectors[finite]

    @property
    def document_count(self) -> int:
        """How many documents were read."""
        return sum(map(len, self.batches))


def draw_samples(live: LiveIndex, path: str, datatype: str, dims: int, *, is_whole: bool = False) -> Iterator[Sample]:
    """Yield a first sample of a live index, and then the whole one, of which the first is a part.

    The first is enough for most changes, and takes a fifth of the time. It is the whole one where the index has no more
    documents, and where vectors are so long that it would have hardly fewer.

    Args:
        live: the index.
        path: where documents have the vector.
        datatype: the datatype of its values, as they are now.
        dims: values of one vector.
        is_whole: whether to draw the whole sample at once.
    """
    limit = _whole_limit(dims)
    first = max(limit // FIRST_SHARE, LEAST_FIRST)
    if not is_whole and 2 * first <= limit:
        sample = read_sample(live, path, datatype, dims, limit=first)
        if live.snapshot.stats.num_docs <= first and sample.document_count < first:
            yield evolve(sample, is_whole=True)
            return
        yield sample
        del sample
    yield read_sample(live, path, datatype, dims)


def read_sample(live: LiveIndex, path: str, datatype: str, dims: int, *, limit: int | None = None) -> Sample:
    """Read up to :data:`SAMPLE_LIMIT` documents of a live index, fewer where their vectors are long.

    Memory: one copy of the vectors, which the documents share where they hold nothing else.

    Args:
        live: the index.
        path: where documents have the vector.
        datatype: the datatype of its values, as they are now.
        dims: values of one vector.
        limit: to read fewer documents, a part of the whole sample.
    """
    storage, width = live.definition.storage, width_of(datatype) * dims
    batches = list(live.sample([path], _whole_limit(dims) if limit is None else limit))
    # after all keys were listed: what that took of memory is free again
    import numpy as np  # noqa: PLC0415 - numpy costs start-up time

    from fieldfare_vectors.values import NUMPY_DTYPES  # noqa: PLC0415 - numpy costs start-up time
    from fieldfare_vectors.vector_reader import read_vectors  # noqa: PLC0415 - numpy costs start-up time

    vectors = np.empty((sum(map(len, batches)), dims), NUMPY_DTYPES[datatype])
    keys: list[bytes] = []
    for place, batch in enumerate(batches):
        rows, found = read_vectors(batch[path], storage, datatype, dims)
        block = vectors[len(keys) : len(keys) + len(rows)]
        block[:] = found
        del found
        keys += (batch.keys[row] for row in rows)
        if storage is Storage.HASH and len(rows) == len(batch) and sys.byteorder == "little":
            shared = Column(block.view(np.uint8).reshape(-1).data, [width] * len(batch))
            batches[place] = evolve(batch, columns={path: shared})
    return Sample(batches, tuple(keys), vectors[: len(keys)], is_whole=limit is None)


def _whole_limit(dims: int) -> int:
    return min(SAMPLE_LIMIT, max(SAMPLE_BYTES // (dims * FLOAT32_BYTES), LEAST_SAMPLE))
