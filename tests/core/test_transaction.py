"""Reading, deciding and writing as if nobody else was there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from redis.exceptions import ResponseError, WatchError

from fieldfare.server import Server
from fieldfare.server.pipeline import Command
from fieldfare.server.transaction import transact


def read(key: bytes) -> list[Command]:
    return [(b"GET", key)]


def double(key: bytes, replies: Sequence[Any]) -> tuple[bytes, list[Command]]:
    value = b"%d" % (int(replies[0]) * 2)
    return value, [(b"SET", key, value)]


@pytest.mark.parametrize("where", ["server", "cluster"])
def test_every_key_gets_its_own_answer_and_writes(where: str, request: pytest.FixtureRequest) -> None:
    server: Server = request.getfixturevalue(where)
    keys = [b"key:%d" % number for number in range(50)]
    server.bulk([("SET", key, number) for number, key in enumerate(keys)])
    assert transact(server, keys, read, double) == [b"%d" % (2 * number) for number in range(50)]
    assert server.bulk([("GET", key) for key in keys]) == [b"%d" % (2 * number) for number in range(50)]


def test_key_that_somebody_writes_to_meanwhile_is_read_again(server: Server) -> None:
    keys = [b"a", b"b", b"c", b"d"]
    server.bulk([("SET", key, 1) for key in keys])
    others = iter([b"c", b"c", b"a"])

    def decide(key: bytes, replies: Sequence[Any]) -> tuple[bytes, list[Command]]:
        other = next(others, None)
        if other is not None:
            server.command("INCRBY", other, 10)
        return double(key, replies)

    assert transact(server, keys, read, decide) == [b"22", b"2", b"42", b"2"]
    assert server.command("MGET", *keys) == [b"22", b"2", b"42", b"2"]


def test_writer_that_never_stops_wins(server: Server) -> None:
    server.bulk([("SET", key, 1) for key in ("a", "b")])

    def decide(key: bytes, replies: Sequence[Any]) -> tuple[bytes, list[Command]]:
        if key == b"b":
            server.command("INCR", key)
        return double(key, replies)

    with pytest.raises(WatchError, match="b'b'"):
        transact(server, [b"a", b"b"], read, decide)
    assert server.command("GET", "a") == b"2"


def test_refused_write_is_an_error_and_leaves_the_connection_clean(server: Server) -> None:
    server.command("SET", "a", 1)
    with pytest.raises(ResponseError, match=r"has no command NO\.SUCH"):
        transact(server, [b"a"], read, lambda key, _: (0, [(b"SET", key, 2), (b"NO.SUCH", key)]))
    assert server.command("GET", "a") == b"1"
    assert transact(server, [b"a"], read, double) == [b"2"]


def test_nothing_is_written_where_nothing_is_to_be(server: Server) -> None:
    assert transact(server, [b"a"], read, lambda _, replies: (replies[0], [])) == [None]
    assert transact(server, [], read, double) == []
