"""KNN queries to a live index: how often it is asked."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from fieldfare.hooks.run import Run
from fieldfare.server import Server
from fieldfare.server.inspect import read_definition
from fieldfare.testing.indexing import wait_until_indexed
from fieldfare_vectors.ground_truth import GroundTruth
from fieldfare_vectors.knn_query import run_knn_queries

VECTORS = np.random.default_rng(5).standard_normal((50, 8)).astype("<f4")


def queries_answered(server: Server) -> int:
    stats: Any = server.nodes()[0].info("commandstats")
    return int(stats.get("cmdstat_FT.SEARCH", {"calls": 0})["calls"])


@pytest.mark.parametrize(("algorithm", "queries"), [("FLAT", 3), ("HNSW", 4)])
def test_only_a_graph_that_misses_a_neighbour_is_queried_twice(algorithm: str, queries: int, server: Server) -> None:
    server.bulk([("HSET", f"d:{row}", "vec", vector.tobytes()) for row, vector in enumerate(VECTORS)])
    server.command(
        *("FT.CREATE", "words", "PREFIX", 1, "d:", "SCHEMA", "vec", "VECTOR", algorithm, 6),
        *("TYPE", "FLOAT32", "DIM", 8, "DISTANCE_METRIC", "L2"),
    )
    wait_until_indexed(server, "words")
    field = read_definition(server, "words").find("vec")
    assert field is not None
    truths = []
    for row in range(3):
        distances = ((VECTORS - VECTORS[row]) ** 2).sum(axis=1)
        truths.append(GroundTruth({b"d:%d" % each: -float(distances[each]) for each in np.argsort(distances)[1:21]}))
    # as if the graph had missed the nearest document
    truths[2] = GroundTruth({b"d:missed": 0.0, **truths[2].neighbours})
    before = queries_answered(server)

    run = cast("Run", SimpleNamespace(server=server, check=lambda: None))
    vectors = [each.tobytes() for each in VECTORS[:3]]
    results = run_knn_queries(run, "words", field, [b"d:0", b"d:1", b"d:2"], vectors, truths)

    assert queries_answered(server) - before == queries
    for truth, result in zip(truths[:2], results[:2], strict=True):
        assert set(result.default_ef[:10]) == set(result.wide_ef[:10]) == truth.nearest
