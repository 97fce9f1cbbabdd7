"""Every row of "what is supported" and "what is blocked", on hashes and on JSON, through the command line."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from comparison.markdown import write_between
from fieldfare.api import MigrationPlanner
from fieldfare.definition import IndexDefinition, Storage
from fieldfare.plan import MigrationPlan
from fieldfare.server import Server
from fieldfare.server.capabilities import Capabilities
from fieldfare.server.inspect import read_definition
from fieldfare.testing.commandline import CommandLine
from fieldfare.testing.digest import database_digest, index_state
from fieldfare.testing.servers import clear
from supported_page import BEGIN, END, PAGE, ROWS, Row, make_page_table, table_on_page
from torture import pairs

COUNT, DIMS = 60, 4
LEADING: Final = np.array([1, 0.5, 0.001, 0.0001], "<f4")
"""The first values of a vector decide who is near."""

SUPPORTED: Final[Mapping[str, Mapping[str, Any]]] = {
    "add text field": {"add_fields": [{"name": "body", "type": "text", "attrs": {"no_stem": True, "weight": 0.5}}]},
    "add tag field": {"add_fields": [{"name": "extra", "type": "tag", "attrs": {"separator": "|"}}]},
    "add numeric field": {"add_fields": [{"name": "pages", "type": "numeric", "attrs": {"sortable": True}}]},
    "add geo field": {"add_fields": [{"name": "place", "type": "geo"}]},
    "add geoshape field": {"add_fields": [{"name": "area", "type": "geoshape", "attrs": {"coord_system": "FLAT"}}]},
    "remove a field": {"remove_fields": ["year"]},
    "rename a field": {"rename_fields": [{"old_name": "kind", "new_name": "sort"}]},
    "rename a vector field": {"rename_fields": [{"old_name": "embedding", "new_name": "vec"}]},
    "rename a field in the index alone": {"rename_fields": [{"old_name": "kind", "new_name": "sort", "logical": True}]},
    "rename a vector field in the index alone": {
        "rename_fields": [{"old_name": "embedding", "new_name": "vec", "logical": True}]
    },
    "change the key prefix": {"index": {"prefix": "article:"}},
    "rename the index": {"index": {"name": "articles_v2"}},
    "make a field sortable": {"update_fields": [{"name": "title", "attrs": {"sortable": True}}]},
    "change the separator": {"update_fields": [{"name": "kind", "attrs": {"separator": ";"}}]},
    "change stemming": {"update_fields": [{"name": "title", "attrs": {"no_stem": True}}]},
    "change the weight": {"update_fields": [{"name": "title", "attrs": {"weight": 3.5}}]},
    "FLAT to HNSW": {"update_fields": [{"name": "embedding", "attrs": {"algorithm": "hnsw", "m": 24}}]},
    "HNSW to FLAT": {"update_fields": [{"name": "graph", "attrs": {"algorithm": "flat", "block_size": 512}}]},
    "COSINE to L2": {"update_fields": [{"name": "embedding", "attrs": {"distance_metric": "l2"}}]},
    "COSINE to IP": {"update_fields": [{"name": "embedding", "attrs": {"distance_metric": "ip"}}]},
    "tune HNSW": {"update_fields": [{"name": "graph", "attrs": {"m": 8, "ef_construction": 50, "ef_runtime": 20}}]},
    "float32 to float16": {"update_fields": [{"name": "embedding", "attrs": {"datatype": "float16"}}]},
    "float32 to bfloat16": {"update_fields": [{"name": "graph", "attrs": {"datatype": "bfloat16"}}]},
    "fewer dimensions": {"update_fields": [{"name": "graph", "attrs": {"dims": 3}}]},
    "fewer dimensions, half the width": {
        "update_fields": [{"name": "graph", "attrs": {"dims": 2, "datatype": "float16"}}]
    },
    "float32 to float64": {"update_fields": [{"name": "embedding", "attrs": {"datatype": "float64"}}]},
}

BLOCKED: Final[Mapping[str, tuple[Mapping[str, Any], str]]] = {
    "more dimensions": (
        {"update_fields": [{"name": "embedding", "attrs": {"dims": 8}}]},
        "changing vector dimensions requires re-embedding",
    ),
    "far fewer dimensions": (
        {"update_fields": [{"name": "embedding", "attrs": {"dims": 1}}]},
        "of the ten nearest neighbours",
    ),
    "change storage": ({"index": {"storage_type": "OTHER"}}, "storage"),
    "add a vector field": (
        {
            "add_fields": [
                {
                    "name": "second",
                    "type": "vector",
                    "attrs": {"dims": 4, "algorithm": "flat", "datatype": "float32", "distance_metric": "l2"},
                }
            ]
        },
        "vector",
    ),
    "change a type": ({"update_fields": [{"name": "kind", "type": "text"}]}, "type"),
    "change a path": ({"update_fields": [{"name": "kind", "path": "OTHER"}]}, "path"),
    "a rename in disguise": (
        {"remove_fields": ["kind"], "add_fields": [{"name": "sort", "type": "tag", "attrs": {"separator": ","}}]},
        "rename_fields",
    ),
    "SVS on this server": (
        {"update_fields": [{"name": "embedding", "attrs": {"algorithm": "svs-vamana"}}]},
        "8.2",
    ),
    "int8 on this server": ({"update_fields": [{"name": "embedding", "attrs": {"datatype": "int8"}}]}, "8.0"),
}


def rewrites(changes: Mapping[str, Any]) -> bool:
    """Whether changes are made in documents as well: vectors, names of fields, keys."""
    updates = (each.get("attrs", {}).keys() for each in changes.get("update_fields", ()))
    return (
        "rename_fields" in changes
        or "prefix" in changes.get("index", {})
        or any(attrs & {"datatype", "dims"} for attrs in updates)
    )


SUPPORTED_BY_NEWER: dict[str, Callable[[Capabilities], bool]] = {
    "SVS on this server": lambda capabilities: capabilities.has_svs,
    "int8 on this server": lambda capabilities: capabilities.indexes("int8"),
}


@pytest.fixture
def fieldfare(redis_url: str, server: Server, storage: Storage, tmp_path: Path) -> CommandLine:
    """Sixty documents with every type of field, and an index over some of them."""
    _fill(server, storage)
    return CommandLine(redis_url, tmp_path)


def _fill(server: Server, storage: Storage) -> None:
    vectors = np.random.default_rng(2).standard_normal((COUNT, DIMS)).astype("<f4")
    documents = [
        {
            "title": f"title {row}",
            "kind": "ab"[row % 2],
            "year": 1990 + row,
            "pages": row,
            "body": "some words",
            "extra": "x|y",
            "place": "13.4,52.5",
            "area": "POLYGON((0 0, 0 1, 1 1, 0 0))",
            "embedding": vectors[row],
            "graph": vectors[row] * LEADING,
        }
        for row in range(COUNT)
    ]
    server.bulk([_write(storage, f"doc:{row}", document) for row, document in enumerate(documents)])
    server.command("PEXPIREAT", "doc:1", 4102444800123)
    server.command(*_create(storage))
    server.command("FT.SYNUPDATE", "articles", "group", "title", "heading")


def _write(storage: Storage, key: str, document: Mapping[str, Any]) -> tuple[str | bytes | int, ...]:
    if storage is Storage.JSON:
        plain = {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in document.items()}
        return ("JSON.SET", key, "$", json.dumps(plain))
    flat = ((name, value.tobytes() if isinstance(value, np.ndarray) else value) for name, value in document.items())
    return ("HSET", key, *(part for pair in flat for part in pair))


def _create(storage: Storage) -> list[str | int]:
    vector: list[str | int] = ["TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "COSINE"]
    fields: list[tuple[str, list[str | int]]] = [
        ("title", ["TEXT"]),
        ("kind", ["TAG", "SEPARATOR", ","]),
        ("year", ["NUMERIC", "SORTABLE"]),
        ("embedding", ["VECTOR", "FLAT", 6, *vector]),
        ("graph", ["VECTOR", "HNSW", 8, *vector, "M", 20]),
    ]
    command: list[str | int] = ["FT.CREATE", "articles", "ON", str(storage).upper(), "PREFIX", 1, "doc:", "SCHEMA"]
    for name, attributes in fields:
        command += [f"$.{name}", "AS", name, *attributes] if storage is Storage.JSON else [name, *attributes]
    return command


def _patch(changes: Mapping[str, Any], storage: Storage) -> str:
    """Spell a patch; OTHER stands for what this storage is not."""
    other = ("hash", "elsewhere") if storage is Storage.JSON else ("json", "elsewhere")
    text = json.dumps({"version": 1, "changes": changes})
    return text.replace('"storage_type": "OTHER"', f'"storage_type": "{other[0]}"').replace("OTHER", other[1])


def test_the_page_says_what_plans_say(server: Server) -> None:
    """With WRITE_PAGES in the environment, the page is written (``make supported``)."""
    planned: dict[Storage, dict[str, list[MigrationPlan]]] = {}
    for storage in Storage:
        clear(server)
        _fill(server, storage)
        planned[storage] = {row.change: _plans(server, row, storage) for row in ROWS if storage in row.storages}
    table = make_page_table(lambda row, storage: planned[storage][row.change], table_on_page())
    if "WRITE_PAGES" in os.environ:
        write_between(PAGE, BEGIN, END, table)
    assert table == table_on_page(), "the page says something else than plans do: 'make supported' writes it"


def _plans(server: Server, row: Row, storage: Storage) -> list[MigrationPlan]:
    """Return the plans of a row with the mode ``auto``; none if this server cannot do it."""
    plans = []
    for each in row.patches:
        patch = json.loads(_patch(SUPPORTED[each] if isinstance(each, str) else each, storage))
        for custom in patch["changes"].get("custom", ()):
            custom["field"] = f"$.{custom['field']}" if storage is Storage.JSON else custom["field"]
        plan = MigrationPlanner().create_plan_from_patch("articles", schema_patch=patch, server=server, mode="auto")
        if plan.supported:
            plans.append(plan)
        else:
            assert any("8.0" in line for line in plan.blocked_reasons), plan.blocked_reasons
    return plans


def _state(server: Server) -> tuple[str, Mapping[str, tuple[IndexDefinition, Mapping[str, tuple[str, ...]], int]]]:
    return database_digest(server), index_state(server)


@pytest.mark.parametrize(
    ("row", "storage"),
    [
        *product((row for row, changes in SUPPORTED.items() if rewrites(changes)), Storage),
        *pairs([row for row, changes in SUPPORTED.items() if not rewrites(changes)], list(Storage)),
    ],
)
def test_supported(row: str, storage: Storage, fieldfare: CommandLine, server: Server) -> None:
    before = _state(server)
    (fieldfare.directory / "patch.yaml").write_text(_patch(SUPPORTED[row], storage))

    planned = fieldfare("plan", "--index", "articles", "--schema-patch", "patch.yaml", "--plan-out", "plan.yaml")
    assert planned.code == 0, planned.stdout + planned.stderr
    applied = fieldfare("apply", "--plan", "plan.yaml", "--backup-dir", "backup", "--batch-size", "25", "--json")
    assert applied.code == 0, applied.stderr
    report = json.loads(applied.stdout)
    assert read_definition(server, report["target_index"]) != before[1]["articles"][0]
    rolled_back = fieldfare("rollback", "--backup-dir", "backup")
    assert rolled_back.code == 0, rolled_back.stderr
    assert _state(server) == before


@pytest.mark.parametrize(("row", "storage"), list(product(BLOCKED, Storage)))
def test_blocked(row: str, storage: Storage, fieldfare: CommandLine, server: Server) -> None:
    if row in SUPPORTED_BY_NEWER and SUPPORTED_BY_NEWER[row](server.capabilities):
        pytest.skip("this server can do it")
    before = _state(server)
    changes, word = BLOCKED[row]
    (fieldfare.directory / "patch.yaml").write_text(_patch(changes, storage))

    planned = fieldfare("plan", "--index", "articles", "--schema-patch", "patch.yaml", "--plan-out", "plan.yaml")
    assert planned.code == 4, planned.stdout + planned.stderr
    assert word in planned.stdout + planned.stderr
    applied = fieldfare("apply", "--plan", "plan.yaml", "--backup-dir", "backup")
    assert applied.code == 4
    assert "unsupported change" in applied.stderr
    assert _state(server) == before
