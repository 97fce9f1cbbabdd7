"""Reduce the dimensions of vector fields: keep the leading values of each vector.

The encoder is imported on first use, because this package is imported whenever ``fieldfare`` starts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldfare.support.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from fieldfare_dims.query_encoder import encode_query

__all__ = ["encode_query"]

__getattr__ = lazy_exports(__name__, {"encode_query": "fieldfare_dims.query_encoder"})
