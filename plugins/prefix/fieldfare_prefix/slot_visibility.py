"""Which keys an index of a cluster covers: without the coordinator, only those of one node."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from redis import RedisCluster
from redis.crc import key_slot

from fieldfare.definition.reply import encode
from fieldfare.hooks.run import Run
from fieldfare.server.inspect import has_index

__all__ = ["source_visibility", "target_visibility"]


def target_visibility(run: Run) -> Callable[[bytes], bool]:
    """Return a function that tells whether the target index would cover a key of this name.

    Without the cluster coordinator (search before 8.0) an index exists only on the node that owns the slot of its
    name, and covers only the keys of that node.
    """
    return _visibility(run, live=run.source.name, index=run.target.name)


def source_visibility(run: Run) -> Callable[[bytes], bool]:
    """Return a function that tells whether the source index covered a key of this name; the target is live."""
    return _visibility(run, live=run.target.name, index=run.source.name)


def _visibility(run: Run, *, live: str, index: str) -> Callable[[bytes], bool]:
    server = run.server
    if all(has_index(server, node, live) for node in server.nodes()):
        return lambda _: True
    if not isinstance(run.redis, RedisCluster):
        return lambda _: True
    node_of: Callable[[int], Any] = cache(run.redis.nodes_manager.get_node_from_slot)
    node = node_of(key_slot(encode(index))).name
    return lambda key: bool(node_of(key_slot(key)).name == node)
