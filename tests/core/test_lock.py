"""The lock on an index: one process at a time; the lock of a process that has ended is removed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any

import pytest

from fieldfare.errors import LockHeld, LockLost
from fieldfare.server import Server
from fieldfare.server.lock import IndexLock
from fieldfare.server.process import this_process

NAME = "fieldfare:lock:articles"

HOLDER = """
import sys
from fieldfare.server import connect
from fieldfare.server.lock import IndexLock
with connect(sys.argv[1]) as server, IndexLock(server, "articles", backup_dir="/backups"):
    print("held", flush=True)
    sys.stdin.read()
"""


def lock(server: Server, *, seconds: float = 30, index: str = "articles") -> IndexLock:
    return IndexLock(server, index, backup_dir="/backups", seconds=seconds)


@contextmanager
def holder(url: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock until its input ends."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process


def test_a_lock_says_whose_it_is_and_goes_at_the_end(server: Server) -> None:
    with lock(server) as held:
        held.check()
        token = json.loads(server.command("GET", NAME))
        assert token["pid"] == os.getpid()
        assert token["backup_dir"] == "/backups"
        assert 0 < server.command("PTTL", NAME) <= 30_000
    assert server.command("EXISTS", NAME) == 0


def test_a_lock_goes_when_its_work_fails(server: Server) -> None:
    with pytest.raises(ZeroDivisionError), lock(server):
        _ = 1 / 0
    assert server.command("EXISTS", NAME) == 0


def test_a_second_migrator_is_told_who_the_first_one_is(server: Server, redis_url: str) -> None:
    with holder(redis_url) as other:
        with pytest.raises(LockHeld, match=rf"process {other.pid} on {this_process().host} since 20") as caught:
            lock(server).__enter__()
        assert "/backups" in caught.value.holder
        assert caught.value.exit_code == 4
        assert server.command("EXISTS", NAME) == 1
        with lock(server, index="another"):
            pass
        assert other.stdin is not None
        other.stdin.close()
        assert other.wait() == 0
    with lock(server):
        pass


def test_the_lock_of_a_killed_process_is_taken_over_at_once(server: Server, redis_url: str) -> None:
    with holder(redis_url) as other:
        other.send_signal(signal.SIGKILL)
        # dead but not reaped: that is enough
        wait_until(lambda: dead(other.pid))
        with lock(server) as held:
            held.check()
            assert json.loads(server.command("GET", NAME))["pid"] == os.getpid()


def test_a_number_that_went_to_another_process_is_no_holder(server: Server) -> None:
    plant(server, birth=this_process().start_ticks - 1)
    with lock(server) as held:
        held.check()


@pytest.mark.parametrize(
    "facts", [{"host": "elsewhere"}, {"machine": "another boot"}, {"machine": ""}, {}], ids=["host", "boot", "?", "we"]
)
def test_whoever_may_live_keeps_the_lock(server: Server, facts: dict[str, Any]) -> None:
    if facts:
        facts["pid"] = 2**22 + 1  # more than Linux gives out
    plant(server, **facts)
    with pytest.raises(LockHeld):
        lock(server).__enter__()
    assert server.command("EXISTS", NAME) == 1


def test_a_holder_with_an_impossible_number_is_respected(server: Server) -> None:
    plant(server, pid=10**30)
    with pytest.raises(LockHeld):
        lock(server).__enter__()


@pytest.mark.parametrize("token", [b"\xff", b"[]", b"{}", b"", b"[" * 100_000, b"9" * 5000])
def test_a_lock_of_an_unknown_holder_is_respected(server: Server, token: bytes) -> None:
    server.command("SET", NAME, token)
    with pytest.raises(LockHeld, match="an unknown holder"):
        lock(server).__enter__()
    assert server.command("GET", NAME) == token


def test_a_lock_is_kept_alive(server: Server) -> None:
    with lock(server, seconds=3) as held:
        server.command("PEXPIRE", NAME, 600_000)
        wait_until(lambda: server.command("PTTL", NAME) <= 3000)  # a renewal sets it
        held.check()


@pytest.mark.parametrize("taken", [True, False], ids=["taken", "deleted"])
def test_a_lost_lock_is_noticed_and_left_to_its_holder(server: Server, *, taken: bool) -> None:
    with lock(server, seconds=0.3) as held:
        if taken:
            plant(server, host="elsewhere")
        else:
            server.command("DEL", NAME)
        with pytest.raises(LockLost, match="on elsewhere" if taken else "no process"):
            check_until_lost(held)
    assert server.command("EXISTS", NAME) == taken


def test_names_are_bytes(server: Server) -> None:
    with lock(server, index=b"odd\xff".decode("utf-8", "surrogateescape")):
        assert server.command("EXISTS", b"fieldfare:lock:odd\xff") == 1


def plant(server: Server, **facts: Any) -> None:
    """Put the lock of somebody else there; by default of this process, which lives."""
    here = this_process()
    token = {
        "host": here.host,
        "pid": here.pid,
        "machine": here.machine,
        "birth": here.start_ticks,
        "started": "2026-01-01",
    }
    server.command("SET", NAME, json.dumps(token | facts))


def check_until_lost(held: IndexLock) -> None:
    deadline = monotonic() + 120
    while monotonic() < deadline:
        held.check()
        sleep(0.01)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = monotonic() + 120
    while not condition():
        assert monotonic() < deadline
        sleep(0.01)


def dead(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
