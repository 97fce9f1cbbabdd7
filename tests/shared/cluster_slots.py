"""Giving a slot of a cluster to another node."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic, sleep
from typing import Any

SETTLE_SECONDS = 60
"""Within which nodes hear of each other's epochs."""


def assign_slot(slot: int, owner: Any, nodes: Sequence[Any]) -> None:
    """Give a slot to a node, that node first; its new epoch settles what the others still say of each other.

    Its epoch is the highest only if the node has heard of all others. If it has not, a message of the former owner that
    is still on its way takes the slot back, and then no node has it.
    """
    deadline = monotonic() + SETTLE_SECONDS
    latest = max(map(_current_epoch, nodes))
    while _current_epoch(owner) < latest:
        assert monotonic() < deadline, f"the node does not hear of epoch {latest}"
        sleep(0.02)
    name = owner.execute_command("CLUSTER", "MYID")
    owner.execute_command("CLUSTER", "BUMPEPOCH")
    for node in sorted(nodes, key=lambda node: node is not owner):
        node.execute_command("CLUSTER", "SETSLOT", slot, "NODE", name)


def _current_epoch(node: Any) -> int:
    """Return the latest epoch that a node has heard of."""
    return int(node.execute_command("CLUSTER INFO")["cluster_current_epoch"])
