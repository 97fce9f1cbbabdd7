"""Change the datatype of vector fields: floats and integers, in every direction.

The encoders are imported on first use, because this package is imported whenever ``fieldfare`` starts.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fieldfare_quantize.live_encoder import Encoder, encoder
    from fieldfare_quantize.query_encoder import encode_query

__all__ = ["Encoder", "encode_query", "encoder"]

_MODULES = {
    "Encoder": "fieldfare_quantize.live_encoder",
    "encode_query": "fieldfare_quantize.query_encoder",
    "encoder": "fieldfare_quantize.live_encoder",
}


def __getattr__(name: str) -> Any:
    """Import one of the encoders."""
    if name not in _MODULES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(_MODULES[name]), name)
