"""Comparing two keys: is one a copy of the other, left by a crash, or a different key?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fieldfare.server import Server

__all__ = ["have_same_content"]


def have_same_content(server: Server, pairs: Sequence[tuple[bytes, bytes]]) -> list[bool]:
    """Return for each pair of keys whether both hold the same value and expire at the same moment."""
    commands = [
        command for pair in pairs for key in pair for command in ((b"DUMP", key), (b"PEXPIRETIME", key), (b"TYPE", key))
    ]
    replies = server.bulk(commands) if commands else []
    rows = [replies[start : start + 6] for start in range(0, len(replies), 6)]
    return [_is_equal(server, pair, each[:3], each[3:]) for pair, each in zip(pairs, rows, strict=True)]


def _is_equal(server: Server, pair: tuple[bytes, bytes], first: list[Any], second: list[Any]) -> bool:
    """Compare two keys, each a dump, an expiry and a type; a missing key equals no other."""
    if first[1:] != second[1:] or None in (first[0], second[0]):
        return False
    if first[0] == second[0]:
        return True
    # the fields of a large hash are dumped in an order that depends on the node
    return first[2] == b"hash" and _read_hash(server, pair[0]) == _read_hash(server, pair[1])


def _read_hash(server: Server, key: bytes) -> tuple[dict[bytes, bytes], list[int]]:
    client: Any = server.client
    values: dict[bytes, bytes] = client.hgetall(key)
    names = sorted(values)
    if not names or not server.capabilities.has_hash_field_ttl:
        return values, []
    return values, client.hpexpiretime(key, *names)
