"""An application that queries by name and writes all the time notices nothing of a migration, nor of its rollback."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from redis.crc import key_slot

from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.server import Server
from fieldfare.server.index_names import real_name
from fieldfare.server.pipeline import Command
from fieldfare.server.search import find_indexed
from fieldfare.testing.indexing import wait_until_indexed
from fieldfare.testing.load import Load, querying

DOCUMENTS: Final = 400
DIMS: Final = 16
VECTORS: Final = np.random.default_rng(5).standard_normal((DOCUMENTS, DIMS)).astype("<f4")
HNSW: Final = {"update_fields": [{"name": "v", "attrs": {"algorithm": "HNSW"}}]}
FIELDS: Final = {
    "add_fields": [{"name": "genre", "type": "tag"}, {"name": "year", "type": "numeric", "attrs": {"sortable": True}}]
}


def load_index(server: Server, name: str) -> None:
    server.bulk([write(row)[1] for row in range(DOCUMENTS)])
    server.command(
        *("FT.CREATE", name, "PREFIX", 1, "d:", "SCHEMA", "title", "TEXT", "kind", "TAG", "v", "VECTOR", "FLAT", 6),
        *("TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "COSINE"),
    )
    wait_until_indexed(server, name)


def write(number: int, prefix: str = "d:") -> tuple[bytes, Command]:
    key = f"{prefix}{number}".encode()
    vector = VECTORS[number % DOCUMENTS].tobytes()
    facts = ("genre", "ab"[number % 2], "year", number)
    return key, ("HSET", key, "title", f"word word{number}", "kind", "ab"[number % 2], "v", vector, *facts)


ADDED: Final = [write(number, "d:new:") for number in range(2000)]


def queries(name: str) -> Sequence[Command]:
    vector = VECTORS[7].tobytes()
    return [
        ("FT.SEARCH", name, "*=>[KNN 5 @v $v]", "PARAMS", 2, "v", vector, "NOCONTENT", "DIALECT", 2),
        ("FT.SEARCH", name, "word7", "NOCONTENT"),
        ("FT.SEARCH", name, "@kind:{a}", "LIMIT", 0, 3),
        ("FT.AGGREGATE", name, "*", "GROUPBY", 1, "@kind", "REDUCE", "COUNT", 0, "AS", "count"),
    ]


def assert_unnoticed(load: Load) -> None:
    assert load.errors == []
    assert load.empty_answers == 0
    assert len(load.answers) > 20


@pytest.mark.parametrize(
    ("index", "name", "mode", "changes"),
    [
        ("books_1", "books", "shadow", HNSW),
        ("books", "books", "shadow", HNSW),
        ("books_1", "books", "alter", FIELDS),
        ("books", "books", "alter", FIELDS),
    ],
    ids=["alias-shadow", "own-shadow", "alias-alter", "own-alter"],
)
def test_queries_go_on(  # noqa: PLR0913, PLR0917 - a case
    index: str, name: str, mode: str, changes: dict[str, Any], server: Server, redis_url: str, tmp_path: Path
) -> None:
    load_index(server, index)
    if index != name:
        server.command("FT.ALIASADD", name, index)
    patch = {"version": 1, "mode": mode, "changes": changes}
    executor = MigrationExecutor()
    with querying(redis_url, queries(name), ADDED) as load:
        plan = MigrationPlanner().create_plan_from_patch(name, schema_patch=patch, server=server)
        report = executor.apply(plan, server=server, backup_dir=tmp_path)
        if mode == "shadow":
            executor.finalize(server=server, backup_dir=tmp_path)
    assert report.validation.passed
    assert_unnoticed(load)
    wait_until_indexed(server)
    assert load.written
    assert find_indexed(server, name, load.written) == set(load.written), "what was written meanwhile is found"

    with querying(redis_url, queries(name), ADDED) as load:
        undone = executor.rollback(server=server, backup_dir=tmp_path)
    assert undone.validation.passed
    assert_unnoticed(load)


@pytest.mark.parametrize("index", ["{t}books_1", "{t}books", "books"])
def test_queries_go_on_in_a_cluster(index: str, cluster: Server, cluster_urls: list[str], tmp_path: Path) -> None:
    """Without a coordinator: an index lives where the slot of its name is, and covers the keys of that node."""
    name = "{t}books" if index.startswith("{t}") else "books"
    if cluster.capabilities.coordinator and index == name:
        pytest.skip("with a coordinator (search 8) the name of an index does not move without a gap")
    load_index(cluster, index)
    if index != name:
        cluster.command("FT.ALIASADD", name, index)
    patch = {"version": 1, "mode": "shadow", "changes": HNSW}
    executor = MigrationExecutor()
    with querying(cluster_urls[0], queries(name), ADDED) as load:
        plan = MigrationPlanner().create_plan_from_patch(name, schema_patch=patch, server=cluster)
        report = executor.apply(plan, server=cluster, backup_dir=tmp_path)
    assert report.validation.passed
    assert_unnoticed(load)
    assert key_slot(plan.target.name.encode()) == key_slot(name.encode())
    assert real_name(cluster, name) == plan.target.name
    with querying(cluster_urls[0], queries(name), ADDED) as load:
        assert executor.rollback(server=cluster, backup_dir=tmp_path).validation.passed
    assert_unnoticed(load)


def test_an_alias_moves_back_at_once_before_finalize(server: Server, redis_url: str, tmp_path: Path) -> None:
    load_index(server, "books_1")
    server.command("FT.ALIASADD", "books", "books_1")
    patch = {"version": 1, "mode": "shadow", "changes": HNSW}
    executor = MigrationExecutor()
    with querying(redis_url, queries("books"), ADDED) as load:
        plan = MigrationPlanner().create_plan_from_patch("books", schema_patch=patch, server=server)
        executor.apply(plan, server=server, backup_dir=tmp_path)
        assert real_name(server, "books") == "books__v2"
        executor.rollback(server=server, backup_dir=tmp_path)
        assert real_name(server, "books") == "books_1"
    assert_unnoticed(load)
