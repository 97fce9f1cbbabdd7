"""The lock of users who may not run scripts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fieldfare.errors import LockHeld, LockLost
from fieldfare.server import Server, connect
from fieldfare.server.lock import IndexLock

KEY = "fieldfare:lock:articles"


@pytest.fixture
def scriptless(server: Server, redis_url: str) -> Iterator[Server]:
    server.command("ACL", "SETUSER", "scriptless", "on", ">secret", "~*", "&*", "+@all", "-@scripting")
    with connect(redis_url.replace("redis://", "redis://scriptless:secret@")) as connection:
        yield connection
    server.command("ACL", "DELUSER", "scriptless")


def check_for_ever(lock: IndexLock) -> None:
    while True:
        lock.check()


def test_lock_is_kept_and_given_back(scriptless: Server, server: Server) -> None:
    with IndexLock(scriptless, "articles", backup_dir="/backups", seconds=0.5) as lock:
        with pytest.raises(LockHeld), IndexLock(scriptless, "articles", backup_dir="/other"):
            pass
        server.command("PEXPIRE", KEY, 60_000)
        while server.command("PTTL", KEY) > 1000:  # until the keeper has been there
            pass
        lock.check()
    assert server.command("EXISTS", KEY) == 0


def test_lock_of_somebody_else_is_left_alone(scriptless: Server, server: Server) -> None:
    with IndexLock(scriptless, "articles", backup_dir="/backups", seconds=0.2) as lock:
        server.command("SET", KEY, "somebody else's")
        with pytest.raises(LockLost):
            check_for_ever(lock)
    assert server.command("GET", KEY) == b"somebody else's"
