"""The prefixes of keys that CLIENT TRACKING is asked for."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["prefix_words"]


def prefix_words(prefixes: Sequence[bytes]) -> list[bytes]:
    """Return the arguments that name prefixes; none if one of them begins every key."""
    return [word for prefix in _shortest(prefixes) for word in (b"PREFIX", prefix)]


def _shortest(prefixes: Sequence[bytes]) -> list[bytes]:
    """Return the prefixes that start with no other one, for they must not overlap; none if every key is meant."""
    return [
        each
        for each in dict.fromkeys(prefixes)
        if each and not any(each != other and each.startswith(other) for other in prefixes)
    ]
