"""Connecting to a server, and what it answers."""

from __future__ import annotations

from redis.exceptions import ResponseError

from fieldfare.server import Server


def test_commands_give_raw_replies(server: Server) -> None:
    assert server.command("SET", b"k\xff", "v") == b"OK"
    assert server.command("GET", b"k\xff") == b"v"


def test_bulk_answers_in_order_and_returns_errors(server: Server) -> None:
    server.command("SET", "text", "words")
    first, second, third = server.bulk([("GET", "text"), ("INCR", "text"), ("STRLEN", "text")])
    assert first == b"words"
    assert isinstance(second, ResponseError)
    assert third == 5


def test_capabilities_are_the_servers(server: Server) -> None:
    assert server.capabilities.search_version >= (2, 8, 0)
    assert server.capabilities.json
