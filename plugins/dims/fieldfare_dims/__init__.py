"""Reduce the dimensions of vector fields: keep the leading values of each vector.

The encoder is imported on first use, because this package is imported whenever ``fieldfare`` starts.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fieldfare_dims.query_encoder import encode_query

__all__ = ["encode_query"]


def __getattr__(name: str) -> Any:
    """Import the encoder."""
    if name != "encode_query":
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module("fieldfare_dims.query_encoder"), name)
