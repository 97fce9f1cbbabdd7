"""Which keys other clients change is known, and a document that was changed is never overwritten unseen."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from threading import Event, Thread

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.exceptions import (
    ConnectionError,  # noqa: A004 - redis-py's, which is no OSError
    NoPermissionError,
)

from fieldfare.definition import Storage
from fieldfare.documents import Batch, Column
from fieldfare.errors import LockLost
from fieldfare.server import Server, connect
from fieldfare.server.change_tracking import MARKS, MOST_KEYS, OWN_MARKS, ChangeTracking, track_changes
from fieldfare.server.document_writer import ConditionalWrite, WriteResult, write_batches
from fieldfare.server.pipeline import receive, send
from fieldfare.server.refusal import TRIAL_KEY
from fieldfare.server.transaction_limit import TransactionLimit

KEYS = tuple(b"d:%d" % row for row in range(8))


@pytest.fixture
def tracking(server: Server) -> Iterator[ChangeTracking]:
    server.bulk([("HSET", key, "f", b"old", "g", b"other") for key in KEYS])
    made = track_changes(server, ["d:", "d:1", "e:"])
    if made is None:
        pytest.skip("this server has no HSETEX: fields are written with comparing scripts")
    with made:
        yield made


def changed(tracking: ChangeTracking) -> set[bytes]:
    """Return the keys that count as changed, as :func:`write_batches` asks for them."""
    send(tracking.connection, [("WATCH", KEYS[0])])
    receive(tracking.connection, 1)
    tracking.synchronize()
    return {key for key in KEYS if tracking.may_be_changed(key)}


def write(tracking: ChangeTracking, server: Server, old: bytes = b"old", new: bytes = b"new") -> WriteResult:
    before = Batch(KEYS, {"f": Column.of([old] * len(KEYS))})
    after = Batch(KEYS, {"f": Column.of([new] * len(KEYS))})
    batches = [ConditionalWrite(after, before)]
    [result] = write_batches(server, Storage.HASH, batches, ["f"], tracking=tracking)
    return result


def values(server: Server) -> list[bytes | None]:
    return server.bulk([("HGET", key, "f") for key in KEYS])


@pytest.mark.parametrize(
    "command",
    [
        ("HSET", "d:1", "f", "x"),
        ("HSET", "d:1", "f", "old"),
        ("HDEL", "d:1", "g"),
        ("DEL", "d:1"),
        ("UNLINK", "d:1"),
        ("RENAME", "d:1", "elsewhere"),
        ("PEXPIRE", "d:1", "1"),
        ("HPEXPIRE", "d:1", "1", "FIELDS", "1", "g"),
        ("EVAL", "redis.call('HSET', KEYS[1], 'f', 'x')", "1", "d:1"),
    ],
    ids=lambda command: command[0],
)
def test_each_way_to_change_a_key_is_told(command: tuple[str, ...], server: Server, tracking: ChangeTracking) -> None:
    server.command(*command)
    if "EXPIRE" in command[0]:
        deadline = time.monotonic() + 30
        while server.command("HEXISTS", "d:1", "g") and time.monotonic() < deadline:
            pass
    assert changed(tracking) == {b"d:1"}


@pytest.mark.parametrize("command", ["FLUSHALL", "FLUSHDB"])
def test_after_a_flush_every_key_counts_as_changed(command: str, server: Server, tracking: ChangeTracking) -> None:
    server.command(command)
    assert changed(tracking) == set(KEYS)


def test_after_too_many_changes_every_key_counts_as_changed(server: Server, tracking: ChangeTracking) -> None:
    for start in range(0, MOST_KEYS + 1, 1000):
        server.bulk([("SET", f"d:x{row}", "") for row in range(start, start + 1000)])
        tracking.collect()
    assert changed(tracking) == set(KEYS)


def test_nothing_is_told_of_other_keys_and_of_own_writes(server: Server, tracking: ChangeTracking) -> None:
    server.command("HSET", "other:1", "f", "x")
    assert write(tracking, server).written == len(KEYS)
    assert changed(tracking) == set()
    assert values(server) == [b"new"] * len(KEYS)


def test_what_was_changed_before_the_write_is_compared(server: Server, tracking: ChangeTracking) -> None:
    server.command("HSET", KEYS[1], "f", "theirs")
    server.command("HSET", KEYS[2], "g", "the other field")
    server.command("DEL", KEYS[3])
    result = write(tracking, server)
    assert (result.changed, result.vanished) == ([KEYS[1]], [KEYS[3]])
    assert values(server) == [b"new", b"theirs", b"new", None, b"new", b"new", b"new", b"new"]


def test_a_document_that_expires_is_not_created_again(server: Server, tracking: ChangeTracking) -> None:
    server.command("PEXPIREAT", KEYS[1], 1)
    server.command("HPEXPIRE", KEYS[2], 1, "FIELDS", 1, "f")
    deadline = time.monotonic() + 30
    while server.command("HEXISTS", KEYS[2], "f") and time.monotonic() < deadline:
        pass
    result = write(tracking, server)
    assert (result.changed, sorted(result.vanished)) == ([], [KEYS[1], KEYS[2]])
    assert values(server)[1:3] == [None, None]


def test_expiries_stay(server: Server, tracking: ChangeTracking) -> None:
    server.command("PEXPIREAT", KEYS[0], 9_000_000_000_000)
    server.command("HPEXPIREAT", KEYS[1], 9_000_000_000_000, "FIELDS", 1, "f")
    assert write(tracking, server).written == len(KEYS)
    assert server.command("PEXPIRETIME", KEYS[0]) == 9_000_000_000_000
    assert server.command("HPEXPIRETIME", KEYS[1], "FIELDS", 1, "f") == [9_000_000_000_000]


def test_a_key_of_another_type_is_reported(server: Server, tracking: ChangeTracking) -> None:
    server.command("DEL", KEYS[0])
    server.command("SET", KEYS[0], "text")
    assert write(tracking, server).wrong_type == [KEYS[0]]


def test_a_closed_connection_is_noticed_though_the_one_that_listens_stays_open(
    server: Server, tracking: ChangeTracking
) -> None:
    send(tracking.connection, [("CLIENT", "ID")])
    [number] = receive(tracking.connection, 1)
    server.command("CLIENT", "KILL", "ID", number)
    server.command("HSET", "d:1", "f", "x")
    with pytest.raises(ConnectionError):
        tracking.synchronize()
    with pytest.raises(ConnectionError):
        tracking.has_news(0)


@pytest.mark.parametrize("command", ["client|tracking", "watch", "multi", "exec", "discard"])
def test_without_the_right_there_is_no_tracking(command: str, server: Server) -> None:
    server.command("ACL", "SETUSER", "default", f"-{command}")
    try:
        assert track_changes(server, ["d:"]) is None
    finally:
        server.command("ACL", "SETUSER", "default", f"+{command}")


def test_without_the_right_to_one_of_the_marks_there_is_no_tracking(server: Server) -> None:
    try:
        for marks, is_enough in (([MARKS], False), ([OWN_MARKS], False), ([MARKS, OWN_MARKS], True)):
            patterns = [b"~" + TRIAL_KEY, *(b"~%b*" % mark for mark in marks)]
            server.command("ACL", "SETUSER", "default", "resetkeys", *patterns)
            with track_changes(server, ["d:"]) or nullcontext() as made:
                assert (made is not None) == is_enough
    finally:
        server.command("ACL", "SETUSER", "default", "allkeys")


@pytest.mark.parametrize("rights", [["multi"], ["watch", "multi", "exec", "discard"]])
def test_without_a_transaction_nothing_is_written(rights: list[str], server: Server, tracking: ChangeTracking) -> None:
    server.command("HSET", KEYS[1], "f", "theirs")
    server.command("ACL", "SETUSER", "default", *(f"-{right}" for right in rights))
    try:
        with pytest.raises(NoPermissionError):
            write(tracking, server)
    finally:
        server.command("ACL", "SETUSER", "default", *(f"+{right}" for right in rights))
    assert values(server) == [b"old", b"theirs", *[b"old"] * 6]
    assert write(tracking, server).changed == [KEYS[1]]


@pytest.mark.parametrize("moment", ["before the keys are watched", "before the look", "after the look"])
def test_the_last_moment_before_the_write_is_closed(
    moment: str, server: Server, tracking: ChangeTracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_mark, synchronize = tracking.make_mark, tracking.synchronize

    def interfere(now: str) -> None:
        if now == moment:
            server.command("HSET", KEYS[1], "f", "theirs")

    def interrupted_mark() -> tuple[bytes, bytes]:
        interfere("before the keys are watched")
        return make_mark()

    def interrupted_look(*, mark: bytes) -> None:
        interfere("before the look")
        synchronize(mark=mark)
        interfere("after the look")  # nothing is asked any more until the transaction is executed

    monkeypatch.setattr(tracking, "make_mark", interrupted_mark)
    monkeypatch.setattr(tracking, "synchronize", interrupted_look)
    result = write(tracking, server)
    assert result.changed == [KEYS[1]]
    assert values(server) == [b"new", b"theirs", *[b"new"] * 6]


def test_a_connection_that_is_closed_before_the_look_is_noticed_behind_unread_replies(
    server: Server, tracking: ChangeTracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    synchronize = tracking.synchronize
    send(tracking.connection, [("CLIENT", "ID")])
    [number] = receive(tracking.connection, 1)

    def interrupted(*, mark: bytes) -> None:
        while not any(each["id"] == str(number) and each["multi"] == "8" for each in server.nodes()[0].client_list()):
            pass
        server.command("CLIENT", "KILL", "ID", number)
        synchronize(mark=mark)

    monkeypatch.setattr(tracking, "synchronize", interrupted)
    with pytest.raises(ConnectionError):
        write(tracking, server)
    assert values(server) == [b"old"] * len(KEYS)


def test_a_closed_connection_is_not_replaced_by_a_health_check(server: Server, redis_url: str) -> None:
    server.bulk([("HSET", key, "f", b"old") for key in KEYS])
    with connect(f"{redis_url}?health_check_interval=1") as checking:
        made = track_changes(checking, ["d:"])
        if made is None:
            pytest.skip("this server has no HSETEX: fields are written with comparing scripts")
        with made:
            send(made.connection, [("CLIENT", "ID")])
            [number] = receive(made.connection, 1)
            server.command("CLIENT", "KILL", "ID", number)
            server.command("HSET", KEYS[1], "f", "theirs")
            made.connection.next_health_check = 0  # as after a long dump
            with pytest.raises(ConnectionError):
                write(made, checking)
    assert values(server) == [b"old", b"theirs", *[b"old"] * 6]


class Lock:
    """A lock that another process takes after some answers."""

    command = ("GET", "fieldfare:lock:i")

    def __init__(self, answers: int) -> None:
        self.answers = answers

    def confirm(self, _: object) -> None:
        """Take an answer."""
        self.answers -= 1
        if self.answers < 0:
            raise LockLost("index 'i'", "elsewhere")


def test_nothing_is_written_once_the_lock_is_lost(server: Server, tracking: ChangeTracking) -> None:
    before = Batch(KEYS, {"f": Column.of([b"old"] * len(KEYS))})
    batches = (ConditionalWrite(before.replace("f", [b"new %d" % turn] * len(KEYS)), before) for turn in range(5))
    with pytest.raises(LockLost):
        list(write_batches(server, Storage.HASH, batches, ["f"], lock=Lock(2), tracking=tracking))
    assert values(server) == [b"new 1"] * len(KEYS)
    assert write(tracking, server).written == len(KEYS), "the connection has no answers left, and no transaction"


def test_a_batch_is_written_in_several_transactions(server: Server, tracking: ChangeTracking) -> None:
    keys = tuple(b"e:%d" % row for row in range(20))
    server.bulk([("HSET", key, "f", b"old") for key in keys])
    with track_changes(server, ["e:"]) or tracking as made:
        server.command("HSET", keys[-1], "f", "theirs")
        before = Batch(keys, {"f": Column.of([b"old"] * len(keys))})
        write = ConditionalWrite(before.replace("f", [b"new"] * len(keys)), before)
        server.command("CONFIG", "RESETSTAT")
        limit = TransactionLimit(documents=4)
        [result] = write_batches(server, Storage.HASH, [write], ["f"], tracking=made, limit=limit)
        executed = server.nodes()[0].info("commandstats")["cmdstat_exec"]["calls"]
    assert (result.written, result.changed, executed > 1) == (19, [keys[-1]], True)
    assert server.bulk([("HGET", key, "f") for key in keys]) == [b"new"] * 19 + [b"theirs"]


@contextmanager
def writers(server: Server, count: int) -> Iterator[dict[bytes, bytes]]:
    """Have other clients write to documents of their own all the time; yields the last value of each document."""
    stop, last = Event(), dict[bytes, bytes]()

    def overwrite(number: int) -> None:
        turn, own = 0, KEYS[number::count]
        while not stop.is_set():
            key, value = own[turn % len(own)], b"theirs %d" % turn
            server.command("HSET", key, "f", value)
            last[key] = value
            turn += 1

    threads = [Thread(target=overwrite, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield last
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_a_lost_mark_is_noticed_while_others_write_all_the_time(server: Server, tracking: ChangeTracking) -> None:
    send(tracking.connection, [("CLIENT", "ID")])
    [own] = receive(tracking.connection, 1)
    clients = server.nodes()[0].client_list()
    [marker] = (each["id"] for each in clients if each["redir"] != "-1" and each["id"] != str(own))
    with writers(server, 2) as last:
        server.command("CLIENT", "KILL", "ID", marker)
        with pytest.raises(ConnectionError):
            write(tracking, server)
    assert values(server) == [last.get(key, b"old") for key in KEYS]


@given(count=st.integers(1, 4), rounds=st.integers(1, 30))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_concurrent_write_is_overwritten(count: int, rounds: int, server: Server) -> None:
    server.bulk([("HSET", key, "f", b"first") for key in KEYS])
    with writers(server, count) as last:
        for _ in range(rounds):
            tracking = track_changes(server, ["d:"])
            if tracking is None:
                pytest.skip("this server has no HSETEX: fields are written with comparing scripts")
            with tracking:
                before = Batch(KEYS, {"f": Column.of(values(server))})
                after = before.replace("f", [(value or b"") + b"+" for value in before["f"]])
                list(write_batches(server, Storage.HASH, [ConditionalWrite(after, before)], ["f"], tracking=tracking))
    for key, value in zip(KEYS, values(server), strict=True):
        # converted, maybe more than once, but never replaced by what was there before
        assert (value or b"").rstrip(b"+") == last.get(key, b"first")
