"""Change the datatype of vector fields: floats and integers, in every direction."""

from fieldfare_quantize.live_encoder import Encoder, encoder
from fieldfare_quantize.query_encoder import encode_query

__all__ = ["Encoder", "encode_query", "encoder"]
