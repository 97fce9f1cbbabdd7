"""Reduce the dimensions of vector fields: keep the leading values of each vector."""

from fieldfare_dims.query_encoder import encode_query

__all__ = ["encode_query"]
