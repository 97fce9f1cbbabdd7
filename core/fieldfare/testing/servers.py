"""Servers for tests."""

from __future__ import annotations

from fieldfare.server.connection import Server

__all__ = ["clear"]


def clear(server: Server) -> None:
    """Delete every index and every key."""
    for node in server.nodes():
        for name in server.command_at(node, "FT._LIST"):
            server.command_at(node, "FT.DROPINDEX", name)
        server.command_at(node, "FLUSHALL")
