"""Replies of the server, whichever protocol it speaks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["encode", "mapping", "text"]


def text(value: Any) -> str:
    """Return a string of a reply; bytes that are no UTF-8 survive as surrogates."""
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)


def encode(value: str) -> bytes:
    """Return the bytes that :func:`text` was given."""
    return value.encode("utf-8", "surrogateescape")


def mapping(reply: Any) -> dict[str, Any]:
    """Return a map of a reply: a dict in RESP3, a flat list of keys and values in RESP2."""
    pairs = reply.items() if isinstance(reply, Mapping) else zip(reply[::2], reply[1::2], strict=True)
    return {text(key): value for key, value in pairs}
