"""Pytest fixtures that give tests a real Redis server.

Say ``pytest_plugins = ["fieldfare.testing.fixtures"]`` in ``conftest.py``. Tests run on a private server
(extra ``embedded``), one per pytest-xdist worker, or on the one that ``FIELDFARE_TEST_URL`` names:
ALL ITS DATA IS DELETED.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from redis import Redis

from fieldfare.server.connection import Server
from fieldfare.server.embedded import EmbeddedServer, free_port
from fieldfare.server.opening import connect
from fieldfare.testing.servers import clear

__all__ = ["client", "redis_url", "server"]


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """Give the URL of a server with Search and JSON, for the whole session."""
    named = os.environ.get("FIELDFARE_TEST_URL")
    if named:
        yield named
        return
    with EmbeddedServer(port=free_port()) as embedded:
        yield embedded.url


@pytest.fixture(scope="session")
def _session_server(redis_url: str) -> Iterator[Server]:
    with connect(redis_url) as server:
        yield server


@pytest.fixture
def server(_session_server: Server) -> Server:
    """Give a connection to the server, emptied of keys and indexes."""
    clear(_session_server)
    return _session_server


@pytest.fixture
def client(server: Server) -> Redis:
    """Give redis-py's client to the emptied server."""
    return server.nodes()[0]
