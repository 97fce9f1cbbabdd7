"""Users who may not run scripts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fieldfare.server import Server, connect
from fieldfare.server.inspect import list_indexes
from fieldfare.testing.digest import database_digest, index_state

Migration = Any  # the class of that name in conftest.py, which tests cannot import

NEVER = 4102444800123
COUNT = 40


@pytest.fixture
def scriptless(server: Server, redis_url: str) -> Iterator[Server]:
    """A connection of a user whom Redis forbids scripts."""
    server.command("ACL", "SETUSER", "scriptless", "on", ">secret", "~*", "&*", "+@all", "-@scripting")
    with connect(redis_url.replace("redis://", "redis://scriptless:secret@")) as connection:
        yield connection
    server.command("ACL", "DELUSER", "scriptless")


@pytest.fixture
def migration(scriptless: Server, open_migration: Callable[[Server], Migration]) -> Migration:
    return open_migration(scriptless)


@pytest.mark.parametrize("choice", ["keep-old", "keep-new"])
def test_hashes_are_renamed_and_restored(choice: str, migration: Migration, server: Server) -> None:
    server.bulk([("HSET", f"doc:{row}", "title", f"title {row}", "x", 1) for row in range(COUNT)])
    server.command("HSET", "doc:5", "headline", "new")
    server.command("HSET", "doc:only", "headline", "x")
    server.command("HSET", "doc:none", "x", 1)
    server.command("HPEXPIREAT", "doc:5", NEVER, "FIELDS", 2, "title", "headline")
    server.command("HPEXPIREAT", "doc:6", NEVER + 1, "FIELDS", 1, "title")
    server.command("PEXPIREAT", "doc:7", NEVER)
    server.command("FT.CREATE", "docs", "PREFIX", 1, "doc:", "SCHEMA", "title", "TEXT", "x", "NUMERIC")
    before = database_digest(server), index_state(server)
    plan = migration.plan("docs", {"title": "headline"})

    migration.interrupt(plan, 3, batch_size=7, on_conflict=choice)
    report = migration.apply(plan)

    expected = {row: f"title {row}".encode() for row in range(COUNT)} | ({} if choice == "keep-old" else {5: b"new"})
    found = {row: server.command("HMGET", f"doc:{row}", "headline", "title") for row in range(COUNT)}
    assert found == {row: [value, None] for row, value in expected.items()}
    assert server.command("HPEXPIRETIME", "doc:6", "FIELDS", 1, "headline") == [NEVER + 1]
    assert server.command("PEXPIRETIME", "doc:7") == NEVER
    counted = {note.kind: note.count for note in report.notes}
    assert counted == {"both names": 1, "new name only": 1, "without the field": 1}
    migration.rollback()
    assert (database_digest(server), index_state(server)) == before


@pytest.mark.parametrize("choice", ["keep-old", "keep-new"])
def test_json_documents_are_renamed_and_restored(choice: str, migration: Migration, server: Server) -> None:
    documents: dict[int, dict[str, Any]] = {row: {"title": {"of": [row, None]}} for row in range(COUNT)}
    documents[3]["meta"] = {}
    documents[4]["meta"] = {"headline": 4.5, "more": 1}
    documents[5] = {"x": 1}
    server.bulk([("JSON.SET", f"doc:{row}", "$", json.dumps(document)) for row, document in documents.items()])
    server.command("PEXPIREAT", "doc:7", NEVER)
    server.command("FT.CREATE", "docs", "ON", "JSON", "PREFIX", 1, "doc:", "SCHEMA", "$.title", "AS", "title", "TAG")
    plan = migration.plan("docs", {"title": "meta.headline"})

    migration.interrupt(plan, 3, batch_size=7, on_conflict=choice)
    migration.apply(plan)

    expected: dict[int, Any] = {row: {"meta": {"headline": {"of": [row, None]}}} for row in range(COUNT)}
    expected[4] = {"meta": {"headline": {"of": [4, None]} if choice == "keep-old" else 4.5, "more": 1}}
    expected[5] = {"x": 1}
    assert {row: json.loads(server.command("JSON.GET", f"doc:{row}")) for row in range(COUNT)} == expected
    assert server.command("PEXPIRETIME", "doc:7") == NEVER
    migration.rollback()
    assert {row: json.loads(server.command("JSON.GET", f"doc:{row}")) for row in range(COUNT)} == documents
    assert list_indexes(server) == ["docs"]
