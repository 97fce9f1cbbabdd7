"""The values of vectors, as Redis has them and as this machine computes with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import ml_dtypes
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["NATIVE", "Block", "cast", "native", "to_bytes"]

NATIVE: Final[dict[str, np.dtype[Any]]] = {
    "float64": np.dtype(np.float64),
    "float32": np.dtype(np.float32),
    "float16": np.dtype(np.float16),
    "bfloat16": np.dtype(ml_dtypes.bfloat16),
    "int8": np.dtype(np.int8),
    "uint8": np.dtype(np.uint8),
}
"""The numbers of this machine, by datatype of Redis."""

Block: TypeAlias = bytes | bytearray | memoryview


def native(block: Block, datatype: str) -> NDArray[Any]:
    """Read the bytes of vectors, little-endian, as numbers of this machine."""
    width = NATIVE[datatype].itemsize
    return np.frombuffer(block, f"<u{width}").astype(f"=u{width}", copy=False).view(NATIVE[datatype])


def to_bytes(vectors: NDArray[Any]) -> bytes:
    """Return numbers of this machine as little-endian bytes."""
    width = vectors.dtype.itemsize
    return vectors.view(f"=u{width}").astype(f"<u{width}", copy=False).tobytes()


def cast(vectors: NDArray[Any], datatype: str) -> NDArray[Any]:
    """Round floats to another floating-point datatype; what is too large becomes infinity."""
    with np.errstate(all="ignore"):
        return vectors.astype(NATIVE[datatype])
