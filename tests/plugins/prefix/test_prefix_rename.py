"""Renaming keys on one node, with scripts and without."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from fieldfare.errors import FieldfareError
from fieldfare.server import Server, connect
from fieldfare_prefix.rename import rename_keys


@pytest.fixture(params=["+@all", "+@all -eval", "+@all -@scripting"])
def user(request: pytest.FixtureRequest, server: Server, redis_url: str) -> Iterator[Server]:
    """A connection of a user with these rights."""
    server.command("ACL", "SETUSER", "mover", "on", ">secret", "~*", "&*", *request.param.split())
    with connect(redis_url.replace("://", "://mover:secret@")) as connection:
        yield connection
    server.command("ACL", "DELUSER", "mover")


def test_a_key_is_renamed_unless_it_is_missing_or_its_new_name_exists(user: Server) -> None:
    keys = [b"k\x00\xff%d" % row for row in range(1200)]
    user.bulk([("SET", key, key, "PXAT", 4102444800123) for key in keys])
    user.command("DEL", keys[5])
    user.command("SET", b"new" + keys[700], "taken")
    renamed = rename_keys(user, [(key, b"new" + key) for key in keys])
    assert renamed == [row not in (5, 700) for row in range(1200)]
    assert user.command("GET", b"new" + keys[1]) == keys[1]
    assert user.command("PEXPIRETIME", b"new" + keys[1]) == 4102444800123
    assert user.command("GET", b"new" + keys[700]) == b"taken"
    assert user.command("GET", keys[700]) == keys[700]
    assert user.command("EXISTS", *keys) == 1


def test_a_user_without_rename_rights_gets_an_error(server: Server, redis_url: str) -> None:
    server.command("SET", "old", 1)
    server.command("ACL", "SETUSER", "reader", "on", ">secret", "~*", "&*", "+@all", "-renamenx")
    try:
        with connect(redis_url.replace("://", "://reader:secret@")) as reader, pytest.raises(FieldfareError) as error:
            rename_keys(reader, [(b"old", b"new")])
    finally:
        server.command("ACL", "DELUSER", "reader")
    assert "refused to rename" in str(error.value)
    assert "renamenx" in str(error.value)
    assert server.command("EXISTS", "old") == 1


def test_nothing_to_rename(server: Any) -> None:
    assert rename_keys(server, []) == []
