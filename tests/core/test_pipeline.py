"""Packing commands, and reading raw replies."""

from __future__ import annotations

import hiredis
import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from fieldfare.server import Server
from fieldfare.server.pipeline import acquire_connection, exchange, pack, pack_slowly, receive, send

ARGUMENTS = st.one_of(st.binary(max_size=20), st.text(max_size=20), st.integers(), st.floats(allow_nan=False))


@given(st.lists(ARGUMENTS, min_size=1, max_size=5))
def test_slow_and_fast_packing_agree(command: list[bytes | str | int | float]) -> None:
    assert pack_slowly(command) == pack(command)


def test_a_command_is_packed_as_the_protocol_says() -> None:
    assert pack(("SET", b"k\xff", 7)) == b"*3\r\n$3\r\nSET\r\n$2\r\nk\xff\r\n$1\r\n7\r\n"


def test_text_that_is_no_utf8_keeps_its_bytes() -> None:
    key = b"doc:\xff\xfe".decode("utf-8", "surrogateescape")
    assert pack(("GET", key)) == pack(("GET", b"doc:\xff\xfe"))


def test_memory_is_packed_without_being_asked_for_twice() -> None:
    assert pack(("SET", "k", memoryview(b"abc"))) == pack(("SET", "k", bytearray(b"abc"))) == pack(("SET", "k", "abc"))


def test_packing_works_without_hiredis(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    assert hiredis.pack_command is not None
    monkeypatch.setattr("fieldfare.server.pipeline._pack", None)
    assert exchange(server.nodes()[0], [("SET", b"k\xff", 1.5), ("GET", b"k\xff")]) == [b"OK", b"1.5"]


def test_an_error_stands_in_its_place(server: Server) -> None:
    before, error, after = exchange(server.nodes()[0], [("SET", "text", "a"), ("INCR", "text"), ("GET", "text")])
    assert (before, after) == (b"OK", b"a")
    assert isinstance(error, ResponseError)


def test_a_connection_with_unread_replies_is_not_used_again(server: Server) -> None:
    node = server.nodes()[0]

    def interrupted() -> None:
        with acquire_connection(node) as connection:
            send(connection, [("ECHO", "left over")] * 3)
            receive(connection, 1)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert exchange(node, [("ECHO", "mine")]) == [b"mine"]


def test_a_connection_that_the_server_closed_is_an_error_and_then_replaced(server: Server) -> None:
    node = server.nodes()[0]

    def killed() -> None:
        with acquire_connection(node) as connection:
            send(connection, [("CLIENT", "ID")])
            [number] = receive(connection, 1)
            exchange(node, [("CLIENT", "KILL", "ID", number)])
            send(connection, [("ECHO", "anybody there?")])
            receive(connection, 1)

    with pytest.raises(RedisConnectionError):
        killed()
    assert exchange(node, [("ECHO", "again")]) == [b"again"]
