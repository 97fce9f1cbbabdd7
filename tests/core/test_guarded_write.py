"""Writing fields that were computed from other fields, only while these are what they were."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from attrs import frozen

from fieldfare.definition import Storage
from fieldfare.documents import Batch, Column
from fieldfare.server import Server, connect
from fieldfare.server.guarded_write import GuardedWrite, write_guarded

KEYS: Final = (b"k:1", b"k:2", b"k:3", b"k:4", b"k:5")


@frozen
class Fields:
    """Documents with the fields ``a`` and ``b``, and their guards ``ga`` and ``gb``.

    Attributes:
        server: as a user who may run scripts, or who may not.
        storage: of the documents.
    """

    server: Server
    storage: Storage

    def path(self, name: str) -> str:
        """Return the path of a field."""
        return name if self.storage is Storage.HASH else f"$.{name}"

    def value(self, value: str) -> bytes:
        """Return a value as a batch holds it."""
        return value.encode() if self.storage is Storage.HASH else json.dumps(value).encode()

    def set(self, key: bytes, **values: str) -> None:
        """Write a document."""
        if self.storage is Storage.HASH:
            self.server.command("HSET", key, *(part for pair in values.items() for part in pair))
        else:
            self.server.command("JSON.SET", key, "$", json.dumps(values))

    def get(self, key: bytes) -> dict[str, str]:
        """Return a document."""
        if self.storage is Storage.HASH:
            return {name.decode(): value.decode() for name, value in self.server.command("HGETALL", key).items()}
        found: dict[str, str] = json.loads(self.server.command("JSON.GET", key) or "{}")
        return found

    def batch(self, **columns: Any) -> Batch:
        """Return a batch of all documents."""
        return Batch(
            KEYS,
            {
                self.path(name): Column.of(None if each is None else self.value(each) for each in values)
                for name, values in columns.items()
            },
        )

    @property
    def fields(self) -> dict[str, str]:
        """Return guard → field."""
        return {self.path("ga"): self.path("a"), self.path("gb"): self.path("b")}


@pytest.fixture(params=list(Storage))
def storage(request: pytest.FixtureRequest) -> Storage:
    found: Storage = request.param
    return found


@pytest.fixture(params=["scripts", "transactions"])
def fields(request: pytest.FixtureRequest, storage: Storage, server: Server, redis_url: str) -> Iterator[Fields]:
    denied = ["-eval", "-evalsha"] if request.param == "transactions" else []
    server.command("ACL", "SETUSER", "writer", "reset", "on", ">pw", "~*", "+@all", *denied)
    with connect(redis_url.replace("://", "://writer:pw@")) as limited:
        yield Fields(limited, storage)
    server.command("ACL", "DELUSER", "writer")


def test_a_field_is_written_while_its_guard_is_as_expected(fields: Fields) -> None:
    fields.set(b"k:1", ga="1", gb="1")
    fields.set(b"k:2", ga="other", gb="1")
    fields.set(b"k:3", gb="1")
    fields.server.command("SET", "k:5", "a string")
    guards = fields.batch(ga=["1", "1", None, "1", "1"], gb=["1"] * 5)
    write = GuardedWrite(fields.batch(a=["new"] * 5, b=["new"] * 5), guards=guards)
    result = write_guarded(fields.server, fields.storage, write, fields.fields)
    assert fields.get(b"k:1") == {"ga": "1", "gb": "1", "a": "new", "b": "new"}
    assert fields.get(b"k:2") == {"ga": "other", "gb": "1", "b": "new"}
    assert fields.get(b"k:3") == {"gb": "1", "a": "new", "b": "new"}
    assert (result.written, result.changed, result.vanished, result.wrong_type) == (2, [b"k:2"], [b"k:4"], [b"k:5"])
    assert fields.server.command("EXISTS", "k:4") == 0


def test_a_field_is_written_while_it_is_as_expected(fields: Fields) -> None:
    for key, value in zip(KEYS, ("old", "other", "old", "old", "old"), strict=True):
        fields.set(key, ga="1", a=value)
    before = fields.batch(a=["old", "old", None, "old", "old"], b=[None] * 5)
    after = fields.batch(a=["new", "new", "new", None, "old"], b=["new", None, None, None, None])
    result = write_guarded(fields.server, fields.storage, GuardedWrite(after, before), fields.fields)
    expected = [{"a": "new", "b": "new"}, {"a": "other"}, {"a": "old"}, {}, {"a": "old"}]
    assert [fields.get(key) for key in KEYS] == [{"ga": "1", **each} for each in expected]
    assert (result.written, result.changed) == (2, [b"k:2", b"k:3"])


def test_a_field_expires_with_its_guard(fields: Fields, storage: Storage) -> None:
    if storage is Storage.JSON:
        return  # members of JSON documents do not expire
    fields.set(b"k:1", ga="1", a="old")
    command: Callable[..., Any] = fields.server.command
    command("HPEXPIREAT", "k:1", 4102444800456, "FIELDS", 1, "ga")
    command("PEXPIREAT", "k:1", 4102444800999)
    one = fields.batch(a=["new"] * 5, b=[None] * 5)
    write_guarded(fields.server, storage, GuardedWrite(one.select([0], one.columns)), fields.fields)
    assert command("HPEXPIRETIME", "k:1", "FIELDS", 1, "a") == [4102444800456]
    assert command("PEXPIRETIME", "k:1") == 4102444800999
