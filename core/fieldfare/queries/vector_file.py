"""Query vectors in files: those of numpy, and raw bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from fieldfare.errors import FileError
from fieldfare.server.knn import WIDTHS, unpack
from fieldfare.support.bounded_read import read_bounded

__all__ = ["read_numpy_vector", "read_raw_vector"]

MAX_BYTES: Final = 1024 * 1024
"""Of a raw vector, and of one row of a numpy file: more than any index takes."""


def read_numpy_vector(path: Path, row: int | None) -> tuple[tuple[float, ...], str]:
    """Return a vector of a ``.npy`` file, and its datatype.

    Args:
        path: the path of the file: one vector, or a matrix with a vector in each row.
        row: which one, from 0; None for the only one.

    Raises:
        FileError: it cannot be read, is not a file of numpy, or has no such vector.
    """
    import numpy as np  # noqa: PLC0415 - start-up time

    try:
        # Only the row is read. A pickle could run code.
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, SyntaxError, TypeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not a file of numpy (.npy)"
        raise FileError(path, [reason]) from error
    if not isinstance(array, np.ndarray) or array.ndim not in {1, 2} or array.dtype.name not in WIDTHS:
        has = f"{array.ndim} dimensions of {array.dtype.name}" if isinstance(array, np.ndarray) else "several arrays"
        raise FileError(path, [f"it has {has}; a vector, or a matrix, of {', '.join(WIDTHS)} is needed"])
    rows = array.reshape(1, -1) if array.ndim == 1 else array
    if row is None and len(rows) != 1:
        raise FileError(path, [f"it has {len(rows):,} vectors: say which one with 'row', from 0"])
    if not 0 <= (row or 0) < len(rows):
        raise FileError(path, [f"it has no row {row}: {len(rows):,} vectors, counted from 0"])
    vector = rows[row or 0]
    if vector.nbytes > MAX_BYTES or not len(vector):
        raise FileError(path, [f"a vector of {len(vector):,} numbers cannot be used"])
    return tuple(map(float, vector)), array.dtype.name


def read_raw_vector(path: Path, datatype: str) -> tuple[float, ...]:
    """Return the vector of a file that holds nothing but its bytes, as a query sends them.

    Raises:
        FileError: it cannot be read, or does not hold whole numbers of this datatype.
    """
    content = read_bounded(path, MAX_BYTES)
    if not content or len(content) % WIDTHS[datatype]:
        raise FileError(path, [f"{len(content):,} bytes are no vector of {datatype} ({WIDTHS[datatype]} bytes each)"])
    return tuple(map(float, unpack(content, datatype)))
