"""Prefixes of keys."""

from __future__ import annotations

from collections.abc import Iterable

from fieldfare.server.pipeline import encode

__all__ = ["disjoint_prefixes"]


def disjoint_prefixes(prefixes: Iterable[str | bytes]) -> list[bytes]:
    """Return the prefixes without those that start with another one, so that none covers a key of another one."""
    every = {encode(prefix) for prefix in prefixes}
    return sorted(one for one in every if not any(one != other and one.startswith(other) for other in every))
