"""Renaming fields of JSON documents."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from fieldfare.errors import UnconvertibleDocuments
from fieldfare.server import Server
from fieldfare.server.inspect import read_definition
from fieldfare.testing.digest import database_digest, index_state
from fieldfare.testing.indexing import wait_until_indexed

Migration = Any  # the class of that name in conftest.py, which tests cannot import

VALUES = [
    '"a string with \\"quotes\\", \\u0000 and \u00e9"',
    "18446744073709551615",
    "-0.0",
    "1e300",
    "2.50",
    "true",
    "null",
    "[]",
    "{}",
    '[1,[2,{"deep":[null,"x"]}],"y"]',
    '{"z":1,"a":{"m":[0.1,-3]},"title":"inner"}',
    json.dumps([0.1 * number for number in range(384)]),
]


def write(server: Server, documents: dict[str, str]) -> None:
    assert set(server.bulk([("JSON.SET", key, "$", text) for key, text in documents.items()])) == {b"OK"}


def read(server: Server, key: str) -> Any:
    return json.loads(server.command("JSON.GET", key))


def create(server: Server, *schema: str | int) -> None:
    server.command("FT.CREATE", "docs", "ON", "JSON", "PREFIX", 1, "j:", *schema)
    wait_until_indexed(server, "docs")


def state(server: Server) -> tuple[dict[str, Any], object]:
    """Everything, with JSON by its meaning: the order of an object's members is none of it."""
    keys = [key for key in server.command("KEYS", "*") if not key.startswith(b"fieldfare:")]
    return {key: (read(server, key), server.command("PEXPIRETIME", key)) for key in keys}, index_state(server)


def test_numbers_move_and_are_restored_to_the_last_bit(migration: Migration, server: Server) -> None:
    random = np.random.default_rng(6)
    numbers = random.standard_normal((40, 100)) * 10.0 ** random.integers(-30, 3, (40, 100))
    write(server, {f"j:{row}": json.dumps({"title": each}) for row, each in enumerate(numbers.tolist())})
    server.command("JSON.NUMINCRBY", "j:3", "$.title[7]", "0.12345678912345678")
    create(server, "SCHEMA", "$.title[*]", "AS", "title", "NUMERIC")
    before = [server.command("JSON.GET", f"j:{row}", "$.title") for row in range(40)]
    migration.apply(migration.plan("docs", {"title": "heading"}))
    assert [server.command("JSON.GET", f"j:{row}", "$.heading") for row in range(40)] == before
    migration.rollback()
    assert [server.command("JSON.GET", f"j:{row}", "$.title") for row in range(40)] == before


def test_a_value_of_any_type_moves_and_is_restored(migration: Migration, server: Server) -> None:
    write(server, {f"j:{row}": f'{{"first":1,"title":{value},"last":2}}' for row, value in enumerate(VALUES)})
    write(server, {"j:none": '{"first":1}', "j:only": '{"headline":"5"}'})
    server.command("PEXPIREAT", "j:3", 4102444800123)
    create(server, "SCHEMA", "$.title", "AS", "title", "TEXT", "$.first", "AS", "first", "NUMERIC")
    before = database_digest(server), index_state(server)
    texts = {row: server.command("JSON.GET", f"j:{row}", "$.title") for row in range(len(VALUES))}

    report = migration.apply(migration.plan("docs", {"title": "headline"}), batch_size=5)

    for row, text in texts.items():
        assert server.command("JSON.GET", f"j:{row}", "$.headline") == text
        assert server.command("JSON.GET", f"j:{row}", "$.title") == b"[]"
    assert server.command("PEXPIRETIME", "j:3") == 4102444800123
    field = read_definition(server, "docs").find("headline")
    assert field is not None
    assert field.path == "$.headline"
    counted = {note.kind: note.count for note in report.notes}
    assert counted["without the field"] == 1
    assert counted["new name only"] == 1

    migration.rollback()
    assert (database_digest(server), index_state(server)) == before


@pytest.mark.parametrize(
    ("name", "path", "new", "target", "found"),
    [
        ("author", "$.meta.author", "writer", "$.meta.writer", {"meta": {"writer": "Ann", "year": 1}}),
        (
            "author",
            '$["meta"].author',
            "the writer",
            '$.meta["the writer"]',
            {"meta": {"the writer": "Ann", "year": 1}},
        ),
        ("meta.author", "$.meta.author", "meta.writer", "$.meta.writer", {"meta": {"writer": "Ann", "year": 1}}),
        ("meta.author", "$.meta.author", "author", "$.author", {"meta": {"year": 1}, "author": "Ann"}),
        ("$.meta.author", "$.meta.author", "$.by", "$.by", {"meta": {"year": 1}, "by": "Ann"}),
        ("author", "$.meta.author", "größe", '$.meta["größe"]', {"meta": {"größe": "Ann", "year": 1}}),
        ("author", "$.meta.author", "by.name", "$.meta.by.name", {"meta": {"by": {"name": "Ann"}, "year": 1}}),
        ("writer", "$.meta.author", "by", "$.meta.author", {"meta": {"author": "Ann", "year": 1}}),
    ],
)
def test_nested_value_moves(  # noqa: PLR0913, PLR0917 - one case
    name: str, path: str, new: str, target: str, found: Any, migration: Migration, server: Server
) -> None:
    write(server, {"j:1": '{"meta":{"author":"Ann","year":1}}', "j:2": "{}"})
    create(server, "SCHEMA", path, "AS", name, "TAG")
    before = state(server)
    migration.apply(migration.plan("docs", {name: new}))
    assert read(server, "j:1") == found
    assert read(server, "j:2") == {}
    field = read_definition(server, "docs").find(new)
    assert field is not None
    assert field.path == target
    migration.rollback()
    assert state(server) == before


def test_array_moves_with_the_path_to_its_elements(migration: Migration, server: Server) -> None:
    write(server, {"j:1": '{"tags":["a","b"]}'})
    create(server, "SCHEMA", "$.tags[*]", "AS", "tags", "TAG")
    migration.apply(migration.plan("docs", {"tags": "labels"}))
    assert read(server, "j:1") == {"labels": ["a", "b"]}
    reply = server.command("FT.SEARCH", "docs", "@labels:{b}", "NOCONTENT")
    assert (reply[0] if isinstance(reply, list) else reply[b"total_results"]) == 1


def test_missing_parent_objects_are_created_and_removed_again(migration: Migration, server: Server) -> None:
    write(
        server,
        {
            "j:1": '{"title":"one"}',
            "j:2": '{"title":"two","meta":{"year":1}}',
            "j:3": '{"title":"three","meta":{"info":{}}}',
            "j:4": '{"meta":{}}',
        },
    )
    create(server, "SCHEMA", "$.title", "AS", "title", "TEXT")
    before = state(server)
    plan = migration.plan("docs", {"title": "meta.info.title"})
    migration.interrupt(plan, 2, batch_size=1)
    migration.apply(plan)
    assert read(server, "j:1") == {"meta": {"info": {"title": "one"}}}
    assert read(server, "j:2") == {"meta": {"year": 1, "info": {"title": "two"}}}
    assert read(server, "j:3") == {"meta": {"info": {"title": "three"}}}
    assert read(server, "j:4") == {"meta": {}}
    migration.rollback()
    assert state(server) == before


def test_a_parent_that_is_no_object_stops_the_run(migration: Migration, server: Server) -> None:
    write(server, {"j:1": '{"title":"one","meta":"a string"}', "j:2": '{"meta":"no title"}', "j:3": '{"title":"x"}'})
    create(server, "SCHEMA", "$.title", "AS", "title", "TEXT")
    before = state(server)
    with pytest.raises(
        UnconvertibleDocuments, match=r"a parent of \$.meta.title is not an object in 1 document, such as j:1"
    ):
        migration.apply(migration.plan("docs", {"title": "meta.title"}), on_conflict="keep-old")
    assert state(server) == before


@pytest.mark.parametrize(("choice", "stays"), [("keep-old", {"a": [1]}), ("keep-new", None)])
def test_the_chosen_value_is_kept_and_rollback_restores_both(
    choice: str, stays: Any, migration: Migration, server: Server
) -> None:
    write(server, {"j:1": '{"title":{"a":[1]},"headline":null,"x":1}', "j:2": '{"title":2.0,"headline":2.0}'})
    create(server, "SCHEMA", "$.title", "AS", "title", "TEXT")
    before = state(server)
    plan = migration.plan("docs", {"title": "headline"})
    with pytest.raises(UnconvertibleDocuments, match=r"2 documents, such as j:"):
        migration.apply(plan)
    assert state(server) == before
    migration.apply(plan, on_conflict=choice)
    assert read(server, "j:1") == {"headline": stays, "x": 1}
    assert read(server, "j:2") == {"headline": 2.0}
    migration.rollback()
    assert state(server) == before


def test_names_move_along_a_chain(migration: Migration, server: Server) -> None:
    write(server, {f"j:{row}": json.dumps({"a": row, "b": {"of": row}}) for row in range(9)})
    write(server, {"j:x": '{"b":1}', "j:y": '{"a":1}'})
    create(server, "SCHEMA", "$.a", "AS", "a", "NUMERIC", "$.b", "AS", "b", "TAG")
    before = database_digest(server), index_state(server)
    plan = migration.plan("docs", {"a": "b", "b": "c"})
    migration.interrupt(plan, 4, batch_size=2)
    report = migration.apply(plan)
    assert read(server, "j:4") == {"b": 4, "c": {"of": 4}}
    assert read(server, "j:x") == {"c": 1}
    assert read(server, "j:y") == {"b": 1}
    assert report.validation.passed
    migration.rollback()
    assert (database_digest(server), index_state(server)) == before
