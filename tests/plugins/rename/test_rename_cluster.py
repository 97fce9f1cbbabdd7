"""Renaming fields of documents that live in many slots."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from fieldfare.definition import Storage
from fieldfare.server import Server, connect
from fieldfare_rename.document import move_values, restore_originals
from fieldfare_rename.movement import Keep, Movement, Outcome
from fieldfare_rename.original import Original

Migration = Any  # the class of that name in conftest.py, which tests cannot import

KEYS = [f"doc:{number}".encode() for number in range(300)]


@pytest.fixture(params=["scripts", "no scripts"])
def nodes(request: pytest.FixtureRequest, cluster: Server, cluster_urls: list[str]) -> Any:
    if request.param == "scripts":
        yield cluster
        return
    for node in cluster.nodes():
        cluster.command_at(node, "ACL", "SETUSER", "scriptless", "on", ">secret", "~*", "&*", "+@all", "-@scripting")
    with connect(cluster_urls[0].replace("redis://", "redis://scriptless:secret@")) as connection:
        yield connection
    for node in cluster.nodes():
        cluster.command_at(node, "ACL", "DELUSER", "scriptless")


def move(server: Server, storage: Storage, keys: Sequence[bytes], movement: Movement) -> list[tuple[bytes, Outcome]]:
    [(_, others)] = move_values(server, storage, [("batch", [(movement, keys)])])
    return others


def test_hashes_in_all_slots(nodes: Server, cluster: Server) -> None:
    cluster.bulk([("HSET", key, "old", row) for row, key in enumerate(KEYS)])
    cluster.command("HSET", KEYS[7], "new", "taken")
    others = move(nodes, Storage.HASH, [*KEYS, b"nothing"], Movement("old", "new"))
    assert dict(others) == {KEYS[7]: Outcome.BOTH, b"nothing": Outcome.NO_DOCUMENT}
    assert cluster.bulk([("HGET", key, "new") for key in KEYS]) == [
        b"taken" if row == 7 else b"%d" % row for row in range(300)
    ]
    original = Original(KEYS[7], b"7", b"taken", keep=b"source")
    assert move(nodes, Storage.HASH, [KEYS[7]], Movement("old", "new", Keep.SOURCE)) == []
    restore_originals(nodes, Storage.HASH, [original], "old", "new")
    assert cluster.command("HMGET", KEYS[7], "old", "new") == [b"7", b"taken"]


def test_json_documents_in_all_slots(nodes: Server, cluster: Server) -> None:
    cluster.bulk([("JSON.SET", key, "$", json.dumps({"old": [row]})) for row, key in enumerate(KEYS)])
    movement = Movement("$.old", "$.in.new", containers=("$.in",))
    assert move(nodes, Storage.JSON, KEYS, movement) == []
    assert [json.loads(text) for text in cluster.bulk([("JSON.GET", key) for key in KEYS])] == [
        {"in": {"new": [row]}} for row in range(300)
    ]
    back = Movement("$.in.new", "$.old", remove_if_empty=("$.in",))
    assert move(nodes, Storage.JSON, KEYS, back) == []
    assert cluster.command("JSON.GET", KEYS[4]) == b'{"old":[4]}'


def test_index_in_a_cluster(cluster: Server, open_migration: Callable[[Server], Migration]) -> None:
    migration = open_migration(cluster)
    cluster.bulk([("HSET", f"doc:{{t}}:{row}", "title", f"title {row}") for row in range(60)])
    cluster.command("FT.CREATE", "docs{t}", "PREFIX", 1, "doc:{t}:", "SCHEMA", "title", "TEXT")
    plan = migration.plan("docs{t}", {"title": "headline"})
    migration.interrupt(plan, 2, batch_size=8)
    migration.apply(plan)
    assert cluster.bulk([("HMGET", f"doc:{{t}}:{row}", "title", "headline") for row in range(60)]) == [
        [None, f"title {row}".encode()] for row in range(60)
    ]
    migration.rollback()
    assert cluster.command("HGET", "doc:{t}:5", "title") == b"title 5"
