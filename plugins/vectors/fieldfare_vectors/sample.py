"""A sample of a field's vectors, read once for each change that is planned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from fieldfare.documents import Batch
    from fieldfare.hooks.live_index import LiveIndex

__all__ = ["SAMPLE_LIMIT", "Sample", "read_sample"]

SAMPLE_LIMIT: Final = 5000
"""How many documents are read at most."""


@frozen(eq=False)
class Sample:
    """Documents with their vectors as they are now.

    Attributes:
        batches: the documents.
        keys: of the documents that have a vector of the right length.
        vectors: their vectors, rows of ``dims`` values, in the source datatype.
    """

    batches: Sequence[Batch]
    keys: tuple[bytes, ...]
    vectors: NDArray[Any]

    @property
    def finite_vectors(self) -> NDArray[Any]:
        """The vectors without NaN, infinities and values beyond float32."""
        import numpy as np  # noqa: PLC0415 - numpy costs start-up time

        with np.errstate(over="ignore"):
            finite = np.isfinite(self.vectors.astype(np.float32, copy=False)).all(axis=1)
        return self.vectors if finite.all() else self.vectors[finite]

    @property
    def document_count(self) -> int:
        """How many documents were read."""
        return sum(map(len, self.batches))


def read_sample(live: LiveIndex, path: str, datatype: str, dims: int) -> Sample:
    """Read up to :data:`SAMPLE_LIMIT` documents of a live index.

    Args:
        live: the index.
        path: where documents have the vector.
        datatype: of its values, as they are now.
        dims: values of one vector.
    """
    import numpy as np  # noqa: PLC0415 - numpy costs start-up time

    from fieldfare_vectors.values import NUMPY_DTYPES  # noqa: PLC0415 - numpy costs start-up time
    from fieldfare_vectors.vector_reader import read_vectors  # noqa: PLC0415 - numpy costs start-up time

    batches = live.sample([path], SAMPLE_LIMIT)
    found = [read_vectors(batch[path], live.definition.storage, datatype, dims) for batch in batches]
    keys = tuple(batch.keys[row] for batch, (rows, _) in zip(batches, found, strict=True) for row in rows)
    empty = np.empty((0, dims), NUMPY_DTYPES[datatype])
    return Sample(batches, keys, np.concatenate([empty, *(vectors for _, vectors in found)]))
