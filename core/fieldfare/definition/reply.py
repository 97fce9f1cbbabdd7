"""Text and maps in replies of the server, for RESP2 and RESP3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["encode", "mapping", "text"]


def text(value: Any) -> str:
    """Return a string of a reply as text; bytes that are not UTF-8 become surrogates."""
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)


def encode(value: str) -> bytes:
    """Return text as bytes; the inverse of :func:`text`."""
    return value.encode("utf-8", "surrogateescape")


def mapping(reply: Any) -> dict[str, Any]:
    """Return a map of a reply as a dict: it is a dict in RESP3, a flat list of keys and values in RESP2."""
    pairs = reply.items() if isinstance(reply, Mapping) else zip(reply[::2], reply[1::2], strict=True)
    return {text(key): value for key, value in pairs}
