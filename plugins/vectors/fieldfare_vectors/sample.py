"""A sample of a field's vectors, read once for each change that is planned."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve, frozen

from fieldfare.definition import Storage
from fieldfare.documents import Column
from fieldfare_vectors.datatype import width_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from fieldfare.documents import Batch
    from fieldfare.hooks.live_index import LiveIndex

__all__ = ["SAMPLE_LIMIT", "Sample", "read_sample"]

SAMPLE_LIMIT: Final = 5000
"""How many documents are read at most."""

SAMPLE_BYTES: Final = 20 << 20
"""How many bytes their vectors may have as float32: above 1,048 dims, fewer documents are read."""


BLOCK: Final = 100
"""How many vectors are checked at once; bounds the memory."""

LEAST_SAMPLE: Final = 250
"""How many documents are read at least."""

FLOAT32_BYTES: Final = width_of("float32")


@frozen(eq=False)
class Sample:
    """Documents with their vectors as they are now.

    Attributes:
        batches: the documents.
        keys: the keys of the documents that have a vector of the right length.
        vectors: their vectors, rows of ``dims`` values, in the source datatype.
    """

    batches: Sequence[Batch]
    keys: tuple[bytes, ...]
    vectors: NDArray[Any]

    @property
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


def read_sample(live: LiveIndex, path: str, datatype: str, dims: int) -> Sample:
    """Read up to :data:`SAMPLE_LIMIT` documents of a live index, fewer where their vectors are long.

    Memory: one copy of the vectors, which the documents share where they hold nothing else.

    Args:
        live: the index.
        path: where documents have the vector.
        datatype: the datatype of its values, as they are now.
        dims: values of one vector.
    """
    import numpy as np  # noqa: PLC0415 - numpy costs start-up time

    from fieldfare_vectors.values import NUMPY_DTYPES  # noqa: PLC0415 - numpy costs start-up time
    from fieldfare_vectors.vector_reader import read_vectors  # noqa: PLC0415 - numpy costs start-up time

    storage, width = live.definition.storage, width_of(datatype) * dims
    batches = list(live.sample([path], min(SAMPLE_LIMIT, max(SAMPLE_BYTES // (dims * FLOAT32_BYTES), LEAST_SAMPLE))))
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
    return Sample(batches, tuple(keys), vectors[: len(keys)])
