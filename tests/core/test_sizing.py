"""How long a run takes with workers and nodes, as the model and 'fieldfare estimate --executor' say."""

from __future__ import annotations

import json
import math
import os
import struct
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from fieldfare.api import MigrationPlanner, size_migration
from fieldfare.cli.app import run
from fieldfare.errors import UsageError
from fieldfare.plan import MigrationPlan
from fieldfare.planning.sizing import (
    Deployment,
    Limit,
    Part,
    Sizing,
    Workload,
    read_deployment,
    scale_plan,
    size_run,
    usual_rates,
    workload_of,
)
from fieldfare.server import Server
from fieldfare.testing.indexing import wait_until_indexed

COUNT: Final = 40
DIMS: Final = 4
USUAL: Final = usual_rates(1)
SHARED: Final = {"dump", "rewrite", "restore"}

workloads = st.builds(
    Workload,
    documents=st.integers(1, 2_000_000_000),
    original_bytes=st.floats(1, 50_000),
    new_bytes=st.floats(1, 50_000),
    index_seconds=st.floats(0, 0.01),
    moved=st.integers(0, 2),
    is_shadow=st.booleans(),
    live_index_seconds=st.floats(0, 0.01),
)
deployments = st.builds(
    Deployment,
    workers=st.integers(1, 5000),
    nodes=st.integers(1, 300),
    cores=st.one_of(st.just(math.inf), st.integers(1, 64)),
    is_one_process=st.booleans(),
    servers_share_cores=st.booleans(),
    storage_rate=st.one_of(st.just(math.inf), st.floats(1e6, 1e12)),
    storage_latency=st.floats(0, 0.5),
    network_rate=st.one_of(st.just(math.inf), st.floats(1e6, 1e11)),
)


def shared(sizing: Sizing) -> dict[str, Part]:
    """Return the parts that workers share as a whole: of the documents that are compared, more workers take more."""
    parts = (*sizing.apply, *sizing.rollback)
    return {part.name: part for part in parts if part.name in SHARED and Limit.WORKERS in part.busy}


def at_most(less: float, more: float) -> bool:
    return less <= more or math.isclose(less, more, rel_tol=1e-9)


@given(workloads, deployments, st.integers(1, 5000))
def test_more_workers_are_never_slower(load: Workload, given: Deployment, more: int) -> None:
    few, many = size_run(load, given, USUAL), size_run(load, evolve(given, workers=given.workers + more), USUAL)
    for name, part in shared(many).items():
        assert at_most(part.seconds, shared(few)[name].seconds)


@given(workloads, deployments, st.integers(1, 300))
def test_more_nodes_are_never_slower(load: Workload, given: Deployment, more: int) -> None:
    few, many = size_run(load, given, USUAL), size_run(load, evolve(given, nodes=given.nodes + more), USUAL)
    assert at_most(many.seconds, few.seconds)
    assert at_most(many.rollback_seconds, few.rollback_seconds)


@given(workloads, deployments, st.integers(1, 1_000_000_000))
def test_more_documents_are_never_faster(load: Workload, given: Deployment, more: int) -> None:
    few, many = size_run(load, given, USUAL), size_run(evolve(load, documents=load.documents + more), given, USUAL)
    given_shards = few.shards == many.shards
    assert at_most(few.seconds, many.seconds) or not given_shards, "other shards leave other workers without work"


@given(workloads, deployments)
def test_a_part_takes_as_long_as_what_limits_it_and_no_worker_works_for_nothing(
    load: Workload, given: Deployment
) -> None:
    sizing = size_run(load, given, USUAL)
    rates = {"dump": USUAL.dump, "rewrite": USUAL.rewrite, "restore": USUAL.restore}
    for part in (*sizing.apply, *sizing.rollback):
        assert part.seconds == part.busy[part.limit] == max(part.busy.values())
    for name, part in shared(sizing).items():
        alone = load.documents * rates[name].worker.of(load.original_bytes)
        assert at_most(alone / given.workers, part.seconds)
        assert at_most(load.documents * rates[name].server.of(load.original_bytes) / given.nodes, part.seconds)
        if given.is_one_process:
            assert at_most(load.documents * rates[name].client.of(load.original_bytes), part.seconds)


@given(workloads, deployments)
def test_every_byte_is_counted(load: Workload, given: Deployment) -> None:
    parts = {part.name: part for part in size_run(load, given, USUAL).apply if Limit.WORKERS in part.busy}
    originals, new = load.documents * load.original_bytes, load.documents * load.new_bytes
    assert parts["dump"].storage_written == pytest.approx(originals)
    assert parts["rewrite"].storage_read == pytest.approx(originals)
    assert parts["dump"].storage_read == (pytest.approx(originals) if given.storage_latency else 0)
    assert parts["dump"].network_out == pytest.approx(originals + load.documents * USUAL.dump.network_overhead)
    assert parts["rewrite"].network_in == pytest.approx(new + load.documents * USUAL.rewrite.network_overhead)
    assert at_most(originals / given.storage_rate, parts["dump"].seconds)
    assert at_most(new / given.nodes / given.network_rate, parts["rewrite"].seconds)


@given(workloads, deployments)
def test_enough_workers_are_enough(load: Workload, given: Deployment) -> None:
    sizing = size_run(load, given, USUAL)
    assert sizing.enough_workers is not None
    assert sizing.fewest_workers is not None
    assert 1 <= sizing.fewest_workers <= sizing.enough_workers
    enough, fewest = (
        size_run(load, evolve(given, workers=each), USUAL) for each in (sizing.enough_workers, sizing.fewest_workers)
    )
    assert at_most(fewest.seconds, 1.1 * enough.seconds)


def test_what_limits_changes_with_the_number_of_workers() -> None:
    load = Workload(1_000_000, 3072, 1536, 20e-6)

    def limit(workers: int, **given: float) -> Limit:
        return {part.name: part.limit for part in size_run(load, Deployment(workers, **given), USUAL).apply}["dump"]  # type: ignore[arg-type]  # as named

    assert limit(1) is Limit.WORKERS
    assert limit(100) is Limit.NODES
    assert limit(100, nodes=100) is Limit.WORKERS
    assert limit(100, nodes=100, storage_rate=1e6) is Limit.STORAGE
    assert limit(100, nodes=100, network_rate=1e5) is Limit.NETWORK
    assert limit(100, nodes=100, cores=2) is Limit.CORES


def test_shards_are_whole() -> None:
    load = Workload(1_000_000, 3072, 1536, 0.0)
    seconds = {
        workers: size_run(load, Deployment(workers, nodes=1000), USUAL).apply[1].seconds for workers in (8, 9, 10, 11)
    }
    assert seconds[8] > seconds[10]
    assert size_run(load, Deployment(8), USUAL).shards == 46


def test_what_executors_say_of_themselves() -> None:
    cores = len(os.sched_getaffinity(0))
    assert read_deployment("processes:3") == Deployment(3, cores=cores)
    assert read_deployment("threads:3") == Deployment(3, cores=cores, is_one_process=True)
    assert read_deployment("dask") == Deployment(cores, cores=cores)
    assert read_deployment("dask://host:8786", workers=40, nodes=7) == Deployment(40, 7)
    for executor in ("dask://host:8786", "processes", "proceses:4", "threads:0"):
        with pytest.raises(UsageError, match="--workers"):
            read_deployment(executor)


@pytest.fixture
def articles(server: Server) -> Server:
    """An index of documents with short vectors."""
    server.bulk(
        [("HSET", f"doc:{row}", "embedding", struct.pack(f"<{DIMS}f", row, 1, -row, 0.5)) for row in range(COUNT)]
    )
    vector = ("embedding", "VECTOR", "HNSW", 6, "TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "L2")
    server.command("FT.CREATE", "articles", "PREFIX", 1, "doc:", "SCHEMA", *vector)
    wait_until_indexed(server, "articles")
    return server


def make_plan(server: Server, mode: str = "drop_recreate", **changes: object) -> MigrationPlan:
    patch = {"version": 1, "changes": changes or {"update_fields": [FLOAT16]}}
    return MigrationPlanner().create_plan_from_patch("articles", schema_patch=patch, server=server, mode=mode)


FLOAT16: Final = {"name": "embedding", "attrs": {"datatype": "float16"}}


def test_a_plan_of_a_small_index_serves_for_a_large_one(articles: Server) -> None:
    plan = make_plan(articles)
    small, large = (
        size_migration(plan, "dask://host:1", workers=10, documents=documents, nodes=nodes)
        for documents, nodes in ((None, 1), (1_000_000_000, 100))
    )
    assert small.workload.documents == COUNT
    assert small.workload.original_bytes == large.workload.original_bytes == DIMS * 4
    assert small.workload.new_bytes == large.workload.new_bytes == DIMS * 2
    growth = math.log(1e7) / math.log(COUNT)
    assert large.workload.index_seconds == pytest.approx(growth * small.workload.index_seconds)
    assert large.downtime_seconds > 1000 * small.downtime_seconds > 0

    scaled = scale_plan(plan, 4000)
    assert plan.forecast is not None
    assert scaled.forecast is not None
    assert scaled.forecast.backup_seconds == pytest.approx(100 * plan.forecast.backup_seconds)
    assert scaled.forecast.disk_bytes == 100 * plan.forecast.disk_bytes
    assert scaled.forecast.index_seconds > 100 * plan.forecast.index_seconds, "a larger graph takes longer"


def test_what_workers_have_no_share_in(articles: Server) -> None:
    plan = make_plan(articles, update_fields=[{"name": "embedding", "attrs": {"m": 20}}])
    sizing = size_migration(plan, "processes:4")
    assert [part.name for part in sizing.apply] == ["enumerate", "index", "validate"]
    assert sizing.enough_workers is sizing.fewest_workers is None
    assert [part.name for part in sizing.rollback] == ["index"]


def test_the_mode_shadow_has_no_downtime_and_its_coordinator_compares(articles: Server) -> None:
    sizing = size_migration(make_plan(articles, "shadow"), "processes:4", documents=1_000_000)
    assert sizing.downtime_seconds == 0
    assert sizing.workload.live_index_seconds > 0, "the live index has each document indexed again"
    assert sizing.apply[-1].limit is Limit.COORDINATOR
    assert sizing.apply[-1].network_out >= 1_000_000 * DIMS * 6
    assert sizing.rollback == (), "it removes what the run has added"


def test_an_index_without_documents_says_nothing_of_their_size(server: Server) -> None:
    vector = ("embedding", "VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "L2")
    server.command("FT.CREATE", "articles", "PREFIX", 1, "doc:", "SCHEMA", *vector)
    with pytest.raises(UsageError, match="without documents"):
        size_migration(make_plan(server), "processes:4", documents=10)


class Estimate:
    """'fieldfare estimate' of a plan file."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str, code: int = 0) -> tuple[str, str]:
        """Run the command, which must end with this code; return stdout and stderr."""
        self._capsys.readouterr()
        ended = run(("estimate", *arguments))
        out, err = self._capsys.readouterr()
        assert ended == code, err
        return out, err

    def json(self, *arguments: str) -> dict[str, Any]:
        """Return the JSON document."""
        read = json.loads(self(*arguments, "--json")[0])
        assert isinstance(read, dict)
        return read


@pytest.fixture
def estimate(
    articles: Server,
    redis_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Estimate:
    """The command, where a plan is."""
    assert articles.nodes()
    monkeypatch.chdir(tmp_path)
    changes = "update_fields: [{name: embedding, attrs: {datatype: float16}}]"
    Path("patch.yaml").write_text(f"version: 1\nchanges:\n  {changes}\n")
    assert run(("plan", "--index", "articles", "--schema-patch", "patch.yaml", "--url", redis_url)) == 0
    return Estimate(capsys)


def test_the_command_says_what_limits_a_run(estimate: Estimate) -> None:
    large = ("--executor", "dask://host:8786", "--workers", "400", "--nodes", "100", "--documents", "1000000000")
    out, _ = estimate(*large)
    assert "Index: articles (1,000,000,000 documents)" in out
    assert "With --executor dask://host:8786: 400 workers, 100 nodes, 1,000,000,000 documents" in out
    assert "build the index" in out
    assert "nodes of the server" in out
    assert "as for the 40 documents of the plan" in out
    assert "not limited: storage (--storage-rate), network (--network-rate)" in out

    found = estimate.json(*large, "--storage-rate", "10", "--network-rate", "1000", "--storage-latency", "20")
    assert found["documents"] == 1_000_000_000
    assert found["disk_bytes"] == DIMS * 4 * 1_000_000_000
    sizing = found["with_executor"]
    assert (sizing["workers"], sizing["nodes"], sizing["cores"]) == (400, 100, None)
    assert (sizing["storage_rate"], sizing["network_rate"]) == (10e6, 1000e6)
    assert sizing["total_seconds"] == pytest.approx(sum(part["seconds"] for part in sizing["apply"]), abs=0.01)
    dump = sizing["apply"][1]
    assert dump["limit"] == "storage"
    assert dump["seconds"] == pytest.approx(2 * 16e9 / 10e6), "an object is read back"
    assert dump["storage_written_bytes"] == found["disk_bytes"]
    assert sizing["basis"]


def test_the_command_needs_to_know_how_many_workers_there_are(estimate: Estimate) -> None:
    _, err = estimate("--executor", "dask://host:8786", code=2)
    assert "pass --workers N" in err
    _, err = estimate("--nodes", "3", code=2)
    assert "--nodes is for an estimate with --executor" in err
    _, err = estimate("--executor", "processes:2", "--storage-rate", "-1", code=2)
    assert "not a number above 0" in err


def test_without_an_executor_documents_scale_the_whole_estimate(estimate: Estimate) -> None:
    found, scaled = estimate.json(), estimate.json("--documents", str(COUNT * 1000))
    assert found["with_executor"] is None
    assert scaled["with_executor"] is None
    assert scaled["disk_bytes"] == 1000 * found["disk_bytes"]
    assert scaled["memory_delta_bytes"] == 1000 * found["memory_delta_bytes"]
    assert scaled["total_seconds"] > 900 * found["total_seconds"]
    assert "40,000 documents instead of the 40 of the plan" in estimate("--documents", "40000")[0]


def test_a_shown_workload_is_that_of_the_plan(articles: Server) -> None:
    from fieldfare.hooks.manager import load_plugins  # noqa: PLC0415 - only here

    load = workload_of(make_plan(articles), load_plugins())
    assert (load.documents, load.original_bytes, load.new_bytes) == (COUNT, DIMS * 4, DIMS * 2)
    assert (load.rewrites, load.moved, load.has_outage) == (True, 0, True)
