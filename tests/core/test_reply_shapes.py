"""Maps in replies may come as flat lists, at any level, in either protocol: as search 8.2 gives them in a cluster."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.definition.info import parse_info
from fieldfare.report import Result
from fieldfare.server import Server, connect
from fieldfare.server.inspect import read_snapshot, read_stats
from fieldfare.server.keys import iterate_keys
from fieldfare.server.knn import nearest
from fieldfare.server.search import count_results, find_indexed, search_keys
from fieldfare.testing.indexing import wait_until_indexed

COUNT, DIMS = 12, 4
LEVELS = range(4)
VECTORS = np.random.default_rng(5).standard_normal((COUNT, DIMS)).astype("<f4")
PATCH = {"version": 1, "changes": {"update_fields": [{"name": "v", "attrs": {"datatype": "float16"}}]}}
RECORDED = [
    pytest.param(case["resp3"], id=f"{path.stem}-{case['case']}")
    for path in sorted((Path(__file__).parents[1] / "data/ft_info").glob("*.json"))
    for case in json.loads(path.read_text())["cases"]
    if "error" not in case
]


def reshape(reply: Any, levels: frozenset[int], level: int = 0) -> Any:
    """Make flat lists of the maps at these levels; level 3 stands for all below, too."""
    if isinstance(reply, Mapping):
        pairs = {key: reshape(value, levels, min(level + 1, 3)) for key, value in reply.items()}
        return [part for pair in pairs.items() for part in pair] if level in levels else pairs
    return [reshape(each, levels, level) for each in reply] if isinstance(reply, list) else reply


class Reshaping(Server):
    """A connection whose replies have maps as flat lists."""

    levels: frozenset[int] = frozenset()

    def command(self, *arguments: Any) -> Any:
        """Reshape the reply."""
        return reshape(super().command(*arguments), self.levels)

    def bulk(self, commands: Any) -> list[Any]:
        """Reshape each reply."""
        return [reshape(reply, self.levels) for reply in super().bulk(commands)]


@pytest.fixture(params=[2, 3])
def reshaping(server: Server, redis_url: str, request: pytest.FixtureRequest) -> Iterator[Reshaping]:
    """An index with documents, and a connection in each protocol."""
    server.bulk([("HSET", f"doc:{row}", "v", VECTORS[row].tobytes(), "t", "a word") for row in range(COUNT)])
    server.command(
        *("FT.CREATE", "articles", "PREFIX", 1, "doc:", "STOPWORDS", 1, "foo", "SCHEMA", "t", "TEXT", "SORTABLE"),
        *("v", "VECTOR", "HNSW", 8, "TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "L2", "EF_RUNTIME", 20),
    )
    server.command("FT.SYNUPDATE", "articles", "group", "word", "term")
    server.command("FT.ALIASADD", "news", "articles")
    wait_until_indexed(server)
    with connect(f"{redis_url}{'&' if '?' in redis_url else '?'}protocol={request.param}") as other:
        yield Reshaping(other.client, other.url, other.capabilities)


def read_all(server: Server) -> list[Any]:
    """Read whatever a migration reads from an index."""
    snapshot = read_snapshot(server, "news")
    stats = read_stats(server, "articles")
    keys = sorted(key for batch in iterate_keys(server, snapshot.definition, stats, 5) for key in batch)
    return [
        (snapshot.definition, snapshot.synonyms, snapshot.aliases, sorted(snapshot.key_sample), snapshot.unreadable),
        keys,
        sorted(search_keys(server, "articles", 50)),
        count_results(server, "articles", "word"),
        sorted(find_indexed(server, "articles", [*keys, b"doc:none"])),
        nearest(server, "articles", "v", VECTORS[0].tobytes(), 5),
    ]


@pytest.mark.parametrize("levels", [{0}, {1}, {2}, {3}, {0, 1, 2, 3}], ids=str)
def test_maps_as_flat_lists_are_read(reshaping: Reshaping, levels: set[int]) -> None:
    expected = read_all(reshaping)
    assert len(expected[1]) == COUNT
    reshaping.levels = frozenset(levels)
    assert read_all(reshaping) == expected


def test_so_is_a_query_beyond_the_greatest_number_of_results(reshaping: Reshaping, server: Server) -> None:
    expected = nearest(reshaping, "articles", "v", VECTORS[0].tobytes(), 5)
    server.command("FT.CONFIG", "SET", "MAXSEARCHRESULTS", 3)
    try:
        for level in LEVELS:
            reshaping.levels = frozenset({level})
            assert nearest(reshaping, "articles", "v", VECTORS[0].tobytes(), 5) == expected
    finally:
        server.command("FT.CONFIG", "SET", "MAXSEARCHRESULTS", 1_000_000)


@pytest.mark.parametrize("reply", RECORDED)
def test_recorded_replies_are_read(reply: dict[str, Any]) -> None:
    for level in LEVELS:
        assert parse_info(reshape(reply, frozenset({level}))) == parse_info(reply)


def test_a_run_reads_them(reshaping: Reshaping, tmp_path: Path) -> None:
    reshaping.levels = frozenset(LEVELS)
    plan = MigrationPlanner().create_plan_from_patch("articles", schema_patch=PATCH, server=reshaping)
    report = MigrationExecutor().apply(plan, server=reshaping, backup_dir=tmp_path)
    assert report.result is Result.SUCCEEDED
    assert MigrationExecutor().rollback(server=reshaping, backup_dir=tmp_path).result is Result.ROLLED_BACK
