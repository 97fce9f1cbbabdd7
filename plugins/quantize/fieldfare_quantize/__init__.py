"""Change the datatype of vector fields: floats and integers, in every direction.

The encoders are imported on first use, because this package is imported whenever ``fieldfare`` starts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldfare.support.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from fieldfare_quantize.live_encoder import Encoder, encoder
    from fieldfare_quantize.query_encoder import encode_query

__all__ = ["Encoder", "encode_query", "encoder"]

__getattr__ = lazy_exports(
    __name__,
    {
        "Encoder": "fieldfare_quantize.live_encoder",
        "encode_query": "fieldfare_quantize.query_encoder",
        "encoder": "fieldfare_quantize.live_encoder",
    },
)
