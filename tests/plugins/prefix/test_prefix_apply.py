"""Keys move to another prefix and back through the command line, also when it is killed at any moment."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from fieldfare.plan.file import load_plan
from fieldfare.server.inspect import read_snapshot
from torture import pairs

COUNT: Final = 130

SIMPLE: Final = {"doc:": "art:"}
LONGER: Final = {"doc:": "doc:v2:"}
SHORTER: Final = {"doc:v2:": "doc:"}
CHAIN: Final = {"a:": "b:", "b:": "c:"}
CONTAINED: Final = {"doc:": "art:", "doc:draft:": "draft:"}


def moved(mapping: dict[str, str], key: bytes) -> bytes:
    """Return the name that a key is to have: the longest prefix decides."""
    old = max((each for each in mapping if key.startswith(each.encode())), key=len, default=None)
    return key if old is None else mapping[old].encode() + key[len(old) :]


def fill(database: Any, mapping: dict[str, str]) -> None:
    """Build the index ``idx`` over all old prefixes of a mapping, with documents, and some keys beside it."""
    for prefix in mapping:
        database.documents(prefix, COUNT // len(mapping))
    database.documents("else:", 10)
    database.index("idx", *mapping)


@pytest.mark.parametrize("storage", ["HASH", "JSON"])
def test_every_document_gets_its_new_name_and_nothing_else_changes(storage: str, database: Any, migration: Any) -> None:
    database.documents("doc:", COUNT, storage)
    database.documents("else:", 5, storage)
    database.index("idx", "doc:", storage=storage)
    before, contents = database.state(), database.contents()
    migration.plan(SIMPLE)
    outcome = migration.apply("--json")
    assert database.contents() == {moved(SIMPLE, key): value for key, value in contents.items()}
    live = read_snapshot(database.server, "idx")
    assert live.definition.prefixes == ("art:",)
    assert live.stats.num_docs == COUNT
    [step] = [each for name, each in json.loads(outcome.stdout)["steps"].items() if name.startswith("prefix.move")]
    assert step["documents"] == COUNT
    migration.rollback()
    assert database.state() == before


def test_the_short_form_of_the_patch(database: Any, migration: Any) -> None:
    database.documents("doc:", 5)
    database.index("idx", "doc:")
    said = migration.plan_patch("version: 1\nchanges: {index: {prefix: 'art:'}}\n")
    assert "Move keys from 'doc:' to 'art:'" in said
    migration.apply()
    assert {key[:4] for key in database.contents()} == {b"art:"}


KILLED: Final = [
    (SIMPLE, "dump:progress:2"),
    (SIMPLE, "drop:finished:1"),
    (SIMPLE, "prefix.move:started:1"),
    (SIMPLE, "prefix.move:progress:1"),
    (SIMPLE, "prefix.move:progress:4"),
    (SIMPLE, "prefix.move:progress:7"),
    (SIMPLE, "create:finished:1"),
    (LONGER, "prefix.move:progress:4"),
    (SHORTER, "prefix.move:progress:4"),
    (CHAIN, "prefix.move:progress:4"),  # in the first step, and then in the second
    (CHAIN, "prefix.move:progress:10"),
    (CONTAINED, "prefix.move:progress:4"),
    (CONTAINED, "prefix.move:progress:10"),
]


@pytest.mark.parametrize(("case", "then"), pairs(KILLED, ("resume", "rollback")))
def test_killed_run_is_resumed_or_rolled_back(
    case: tuple[dict[str, str], str], then: str, database: Any, migration: Any
) -> None:
    mapping, moment = case
    fill(database, mapping)
    before, expected = database.state(), {moved(mapping, key): each for key, each in database.contents().items()}
    migration.plan(mapping)

    migration.killed_apply(moment)
    if then == "resume":
        migration.apply()
        assert database.contents() == expected
    migration.rollback()
    assert database.state() == before


@pytest.mark.parametrize("mapping", [SIMPLE, LONGER, CHAIN], ids=str)
def test_killed_rollback_is_run_again(mapping: dict[str, str], database: Any, migration: Any) -> None:
    fill(database, mapping)
    before = database.state()
    migration.plan(mapping)
    migration.apply()
    migration.killed_rollback("prefix.move:progress:3")
    migration.apply(code=4)  # a started rollback must be finished first
    migration.rollback()
    assert database.state() == before


@pytest.mark.parametrize("mapping", [SIMPLE, LONGER, SHORTER, CHAIN, CONTAINED], ids=str)
def test_the_plan_knows_the_new_name_of_every_key(mapping: dict[str, str], database: Any, migration: Any) -> None:
    fill(database, mapping)
    migration.plan(mapping)
    plan = load_plan(migration.command_line.directory / "plan.yaml")
    keys = list(database.contents())
    assert [plan.moved(key) for key in keys] == [moved(mapping, key) for key in keys]


def test_keys_of_a_longer_prefix_that_is_not_changed_stay(database: Any, migration: Any) -> None:
    database.documents("doc:", 30)
    database.documents("doc:draft:", 30)
    database.index("idx", "doc:", "doc:draft:")
    before = database.contents()
    migration.plan(SIMPLE)
    migration.apply()
    mapping = {**SIMPLE, "doc:draft:": "doc:draft:"}
    assert database.contents() == {moved(mapping, key): each for key, each in before.items()}
    assert read_snapshot(database.server, "idx").stats.num_docs == 60


def test_only_keys_that_the_index_covers_move(database: Any, migration: Any) -> None:
    database.server.bulk([("HSET", f"doc:{row}", "n", row) for row in range(40)])
    database.server.command("HSET", "doc:no number", "n", "none")
    database.index("idx", "doc:", filtered="@n<20")
    before, covered = database.state(), read_snapshot(database.server, "idx").stats.num_docs
    migration.plan(SIMPLE)
    migration.apply()
    assert len([key for key in database.contents() if key.startswith(b"art:")]) == covered == 20
    migration.rollback()
    assert database.state() == before


def test_a_prefix_that_is_no_text(database: Any, migration: Any) -> None:
    database.documents(b"d\xff:", 30)
    database.index("idx", b"d\xff:")
    before = database.state()
    migration.plan_patch("version: 1\nchanges: {index: {prefix: 'art:'}}\n")
    migration.killed_apply("prefix.move:progress:1")
    migration.apply()
    assert {key[:4] for key in database.contents()} == {b"art:"}
    assert read_snapshot(database.server, "idx").stats.num_docs == 30
    migration.rollback()
    assert database.state() == before


def test_vectors_are_converted_and_moved_in_one_run(database: Any, migration: Any) -> None:
    server = database.server
    server.bulk([("HSET", f"doc:{row}", "v", bytes(row % 100 for _ in range(16))) for row in range(1, 100)])
    server.command(
        *("FT.CREATE", "idx", "PREFIX", 1, "doc:", "SCHEMA", "v", "VECTOR", "FLAT", 6),
        *("TYPE", "FLOAT32", "DIM", 4, "DISTANCE_METRIC", "L2"),
    )
    before = database.state()
    update = "update_fields: [{name: v, attrs: {datatype: float64}}]"
    migration.plan_patch(f"version: 1\nchanges:\n  {update}\n  index: {{prefix: 'art:', name: idx2}}\n")
    migration.killed_apply("prefix.move:progress:3")
    migration.apply()
    assert {len(server.command("HGET", f"art:{row}", "v")) for row in range(1, 100)} == {32}
    assert read_snapshot(server, "idx2").stats.num_docs == 99
    migration.rollback()
    assert database.state() == before
