"""Pytest fixtures that give tests a real Redis server.

Write ``pytest_plugins = ["fieldfare.testing.fixtures"]`` in ``conftest.py``. Tests run on a private server
(extra ``embedded``), one per pytest-xdist worker, or on the one that ``FIELDFARE_TEST_URL`` names:
ALL ITS DATA IS DELETED.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from typing import Final, TypeAlias

import pytest
from redis import Redis

from fieldfare.hooks.manager import Plugins
from fieldfare.server.connection import Server
from fieldfare.server.connector import connect
from fieldfare.server.embedded import EmbeddedServer
from fieldfare.testing.recorder import HookRecorder, recording
from fieldfare.testing.servers import clear, start_cluster

__all__ = [
    "PrivateServer",
    "RecordHooks",
    "client",
    "cluster",
    "cluster_urls",
    "private_server",
    "record_hooks",
    "redis_url",
    "server",
]

pytest.register_assert_rewrite("fieldfare.testing.conformance")

SUITE: Final = "fieldfare.testing.conformance."

PrivateServer: TypeAlias = Callable[..., EmbeddedServer]
"""Takes the arguments of :class:`~fieldfare.server.embedded.EmbeddedServer`, and returns a running one."""

RecordHooks: TypeAlias = Callable[[Plugins], HookRecorder]
"""Takes plugins, and returns a recorder of their hook calls until the test ends."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show a failure of the conformance suite as what was promised and what was seen; ``--tb`` shows more."""
    report = yield
    if report.failed and call.excinfo is not None and item.config.getoption("tbstyle") == "auto":
        from fieldfare.testing.conformance.failure import failure_text  # noqa: PLC0415 - start-up time
        from fieldfare.testing.conformance.plugin_under_test import PluginUnderTest  # noqa: PLC0415 - start-up time

        kind, test = getattr(item, "cls", None), getattr(item, "function", None)
        if kind is not None and issubclass(kind, PluginUnderTest) and (test.__module__ or "").startswith(SUITE):
            report.longrepr = failure_text(test, call.excinfo.value)
    return report


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """Give the URL of a server with Search and JSON, for the whole session."""
    named = os.environ.get("FIELDFARE_TEST_URL")
    if named is None:
        with EmbeddedServer(tcp=True) as embedded:
            yield embedded.url
        return
    if "PYTEST_XDIST_WORKER" in os.environ:
        pytest.fail("FIELDFARE_TEST_URL names one server, and each test empties it: run pytest without -n")
    yield named


@pytest.fixture(scope="session")
def session_server(redis_url: str) -> Iterator[Server]:
    """Give a connection for the whole session; tests use ``server`` instead."""
    with connect(redis_url) as server:
        yield server


@pytest.fixture
def server(session_server: Server) -> Server:
    """Give a connection to the server, emptied of keys and indexes."""
    clear(session_server)
    return session_server


@pytest.fixture
def client(server: Server) -> Redis:
    """Give redis-py's client to the emptied server."""
    return server.nodes()[0]


@pytest.fixture
def private_server() -> Iterator[PrivateServer]:
    """Give a function that starts another server, with the given options."""
    with ExitStack() as stack:
        yield lambda *arguments, **options: stack.enter_context(EmbeddedServer(*arguments, **options))


@pytest.fixture
def record_hooks() -> Iterator[RecordHooks]:
    """Give a function that starts to record hook calls."""
    with ExitStack() as stack:
        yield lambda plugins: stack.enter_context(recording(plugins))


@pytest.fixture(scope="session")
def cluster_urls() -> Iterator[list[str]]:
    """Give the URLs of a cluster of three, in the order of their slots."""
    with start_cluster() as urls:
        yield urls


@pytest.fixture(scope="session")
def session_cluster(cluster_urls: list[str]) -> Iterator[Server]:
    """Give a connection for the whole session; tests use ``cluster`` instead."""
    with connect(cluster_urls[0]) as server:
        yield server


@pytest.fixture
def cluster(session_cluster: Server) -> Server:
    """Give a connection to the cluster, emptied of keys and indexes."""
    clear(session_cluster)
    return session_cluster
