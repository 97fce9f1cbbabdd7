"""Which keys an index of a cluster sees."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from redis.crc import key_slot

from fieldfare.definition.reply import encode
from fieldfare.engine.run import Run

__all__ = ["saw", "sees"]


def sees(run: Run) -> Callable[[bytes], bool]:
    """Return a function that says whether the target index would see a key of this name.

    Without a cluster coordinator (search before 8.0) an index lives on the node that owns the slot of its
    name, and sees that node's keys only. It is known by other nodes not having the index.
    """
    return _on_home(run, live=run.source.name, home=run.target.name)


def saw(run: Run) -> Callable[[bytes], bool]:
    """Return a function that says whether the source index saw a key of this name; the target is live."""
    return _on_home(run, live=run.target.name, home=run.source.name)


def _on_home(run: Run, *, live: str, home: str) -> Callable[[bytes], bool]:
    server, name = run.server, encode(live)
    if not server.capabilities.cluster:
        return lambda _: True
    if all(name in server.command_at(node, b"FT._LIST") for node in server.nodes()):
        return lambda _: True
    node_of: Callable[[int], Any] = cache(run.redis.nodes_manager.get_node_from_slot)
    node = node_of(key_slot(encode(home))).name
    return lambda key: bool(node_of(key_slot(key)).name == node)
