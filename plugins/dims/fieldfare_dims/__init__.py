"""Reduce the dimensions of vector fields: keep the leading values."""

from fieldfare_dims.query import encode_query

__all__ = ["encode_query"]
