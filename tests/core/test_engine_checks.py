"""Findings: each fails when it should, and none fails over what no migration can help."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fieldfare import hookimpl
from fieldfare.api import MigrationExecutor, MigrationPlanner, MigrationValidator
from fieldfare.engine.checks import builtin
from fieldfare.errors import ValidationFailed
from fieldfare.hooks.manager import load_plugins
from fieldfare.hooks.run import Run
from fieldfare.plan import MigrationPlan
from fieldfare.report import Finding, MigrationReport, Moment, Result, Severity, StepReport
from fieldfare.server import Server, connect
from fieldfare.server.inspect import read_stats
from fieldfare.server.knn import pack, unpack
from fieldfare.server.search import count_results
from fieldfare.testing.fixtures import PrivateServer
from fieldfare.testing.indexing import wait_until_indexed

COUNT, DIMS = 40, 8
TO_FLOAT16 = {"update_fields": [{"name": "v", "attrs": {"datatype": "float16"}}]}
ADD_TAG = {"add_fields": [{"name": "kind", "type": "tag"}]}
RENAME = {"rename_fields": [{"old_name": "v", "new_name": "w"}]}
MOVE = {"index": {"prefix": "e:"}}
VECTORS = np.random.default_rng(5).standard_normal((COUNT, DIMS))


def fill(server: Server, vectors: Any = VECTORS, field: str = "v") -> None:
    server.bulk([("HSET", f"d:{row}", field, each.astype("<f4").tobytes()) for row, each in enumerate(vectors)])


def create(server: Server, metric: str = "L2", algorithm: str = "FLAT", *more: object) -> None:
    server.command(
        *("FT.CREATE", "i", "PREFIX", 1, "d:", "SCHEMA", "v", "VECTOR", algorithm, 6 + len(more)),
        *("TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", metric, *more),  # type: ignore[arg-type]  # words and numbers
        *("t", "TEXT"),
    )
    wait_until_indexed(server, "i")


def make_plan(server: Server, changes: Mapping[str, Any], **options: Any) -> MigrationPlan:
    patch = {"version": 1, "changes": changes}
    return MigrationPlanner().create_plan_from_patch("i", schema_patch=patch, server=server, **options)


def migrate(server: Server, tmp_path: Path, changes: Mapping[str, Any], **options: Any) -> MigrationReport:
    return MigrationExecutor().apply(make_plan(server, changes), server=server, backup_dir=tmp_path, **options)


def named(report: MigrationReport) -> dict[str, Finding]:
    return {finding.name: finding for finding in report.validation.findings}


@pytest.fixture
def applied(server: Server, tmp_path: Path) -> MigrationPlan:
    """A migration that went well."""
    fill(server)
    create(server)
    server.command("FT.SYNUPDATE", "i", "group", "title", "heading")
    server.command("FT.ALIASADD", "news", "i")
    plan = make_plan(server, TO_FLOAT16, aliases=["news"])
    report = MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path)
    assert all(finding.passed for finding in report.validation.findings)
    return plan


def delete_a_sampled_key(server: Server) -> None:
    server.command("DEL", "d:0")


def make_another_index(server: Server) -> None:
    server.command("FT.DROPINDEX", "i")
    server.command("FT.CREATE", "i", "PREFIX", 1, "d:", "SCHEMA", "t", "TEXT")


BREAKS: list[tuple[str, Callable[[Server], object]]] = [
    ("schema", make_another_index),
    ("schema", lambda server: server.command("FT.DROPINDEX", "i")),
    ("synonyms", lambda server: server.command("FT.SYNUPDATE", "i", "other", "a", "b")),
    ("aliases", lambda server: server.command("FT.ALIASDEL", "news")),
    ("document_count", delete_a_sampled_key),
    ("indexing_failures", lambda server: server.command("HSET", "d:new", "v", "no vector")),
]


@pytest.mark.parametrize(("name", "break_it"), BREAKS)
def test_finding_fails_where_it_should(
    name: str, break_it: Callable[[Server], object], applied: MigrationPlan, server: Server
) -> None:
    break_it(server)
    report = MigrationValidator().validate(applied, server=server)
    assert report.result is Result.FAILED
    assert named(report)[name].fatal


def test_documents_that_come_and_go_while_they_are_counted(
    applied: MigrationPlan, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = server.command("HGET", "d:0", "v")

    def count_without_one(counted: Server, index: str, query: str) -> int:
        monkeypatch.undo()
        server.command("DEL", "d:0")
        total = count_results(counted, index, query)
        server.command("HSET", "d:0", "v", value)
        return total

    monkeypatch.setattr(builtin, "count_results", count_without_one)
    finding = named(MigrationValidator().validate(applied, server=server))["wildcard_query"]
    assert finding.passed, finding.detail


def test_sampled_key_that_is_gone_is_a_warning(server: Server, tmp_path: Path) -> None:
    fill(server)
    create(server)
    plan = make_plan(server, ADD_TAG, key_sample_limit=COUNT)
    server.command("DEL", "d:7")
    report = MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path)
    finding = named(report)["key_sample"]
    assert (finding.passed, finding.severity) == (False, Severity.WARNING)
    assert "d:7" in finding.detail


def test_vector_that_the_index_does_not_find_again_fails(server: Server) -> None:
    # a graph with two links per node, searched with the shortest list there is, loses its way
    vectors = np.random.default_rng(1).standard_normal((3000, DIMS))
    fill(server, vectors)
    create(server, "L2", "HNSW")
    plan = make_plan(server, ADD_TAG, key_sample_limit=300)
    server.command("FT.DROPINDEX", "i")
    create(server, "L2", "HNSW", "M", 2, "EF_CONSTRUCTION", 1, "EF_RUNTIME", 1)
    report = MigrationValidator().validate(plan, server=server)
    assert named(report)["knn_self_query:v"].fatal


@pytest.mark.parametrize("changes", [ADD_TAG, TO_FLOAT16, RENAME], ids=["index only", "float16", "rename"])
@pytest.mark.parametrize("zeros", [1, 12])
@pytest.mark.parametrize("algorithm", ["FLAT", "HNSW"])
def test_documents_that_the_source_did_not_find_either_are_no_loss(
    algorithm: str, zeros: int, changes: Mapping[str, Any], server: Server, tmp_path: Path
) -> None:
    """Indexed first, a vector of zeros has a place among the results of every query under cosine."""
    vectors = np.random.default_rng(7).standard_normal((300, DIMS))
    vectors[:zeros] = 0
    create(server, "COSINE", algorithm)
    fill(server, vectors)
    report = migrate(server, tmp_path, changes)
    assert report.result is Result.SUCCEEDED
    finding = next(each for name, each in named(report).items() if name.startswith("knn_self_query:"))
    assert not finding.fatal
    if algorithm == "FLAT":
        assert "that the source index did not find either do not count" in finding.detail
    back = MigrationExecutor().rollback(backup_dir=tmp_path, server=server)
    assert not any(each.fatal for each in back.validation.findings)


@pytest.mark.parametrize("changes", [TO_FLOAT16, RENAME, MOVE], ids=["float16", "rename", "prefix"])
def test_documents_that_the_source_found_are_asked_for_by_their_new_names(
    changes: Mapping[str, Any], server: Server, tmp_path: Path
) -> None:
    fill(server)
    create(server)
    report = migrate(server, tmp_path, changes)
    finding = next(each for name, each in named(report).items() if name.startswith("knn_self_query:"))
    assert finding.data == {"queried": 10, "lost": 0}
    back = MigrationExecutor().rollback(backup_dir=tmp_path, server=server)
    assert named(back)["knn_self_query:v"].data == {"queried": 10, "lost": 0}


def test_a_graph_that_finds_less_than_the_source_fails(server: Server, tmp_path: Path) -> None:
    vectors = np.random.default_rng(1).standard_normal((3000, DIMS))
    fill(server, vectors)
    create(server, "L2", "HNSW")
    poor = {"algorithm": "hnsw", "m": 2, "ef_construction": 1, "ef_runtime": 1}
    plan = make_plan(server, {"update_fields": [{"name": "v", "attrs": poor}]}, key_sample_limit=300)
    with pytest.raises(ValidationFailed, match="knn_self_query:v: not found by their own vector"):
        MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path)


def test_query_checks_fail_where_they_should(applied: MigrationPlan, server: Server, tmp_path: Path) -> None:
    checks = tmp_path / "checks.yaml"
    checks.write_text(
        "keys_exist: ['d:1', 'd:none']\nfetch_ids: ['2', nobody]\n"
        "queries:\n  - {query: '*', min_results: 41}\n  - {query: '*'}\n  - {query: '@nothing:{x'}\n"
    )
    report = MigrationValidator().validate(applied, server=server, query_check_file=checks)
    failed = [finding.name for finding in report.validation.findings if not finding.passed]
    assert failed == ["key:d:none", "fetch:nobody", "query:*", "query:@nothing:{x"]


@pytest.mark.parametrize("metric", ["L2", "COSINE", "IP"])
@pytest.mark.parametrize("kind", ["zero", "one", "equal", "parallel", "nearly equal", "huge", "NaN", "few"])
def test_no_set_of_vectors_fails_by_what_it_is(metric: str, kind: str, server: Server, tmp_path: Path) -> None:
    base = VECTORS[0]
    vectors = {
        "zero": np.zeros((COUNT, DIMS)),
        "one": VECTORS[:1],
        "equal": np.tile(base, (COUNT, 1)),
        "parallel": np.array([base * (row + 1) for row in range(COUNT)]),
        "nearly equal": base + 1e-7 * VECTORS,
        "huge": 1e6 + VECTORS,
        "NaN": np.where(VECTORS > 0, VECTORS, np.nan),
        "few": VECTORS[:3],
    }[kind]
    fill(server, vectors)
    create(server, metric, "HNSW")
    planner = MigrationPlanner(accept_recall_loss=True)  # vectors so close that float16 cannot tell them apart
    plan = planner.create_plan_from_patch("i", schema_patch={"version": 1, "changes": TO_FLOAT16}, server=server)
    report = MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path, allow={"overflow"})
    assert report.result is Result.SUCCEEDED


def test_documents_with_a_vector_are_asked_for_among_many_without(server: Server, tmp_path: Path) -> None:
    fill(server)
    server.bulk([("HDEL", f"d:{row}", "v") for row in range(COUNT) if row % 4])
    server.bulk([("HSET", f"d:{row}", "t", "text") for row in range(COUNT)])
    create(server)
    report = migrate(server, tmp_path, TO_FLOAT16)
    assert named(report)["knn_self_query:v"].data == {"queried": 10, "lost": 0}


def test_json_numbers_beyond_the_datatype_do_not_break_validation(server: Server, tmp_path: Path) -> None:
    server.bulk([("JSON.SET", f"d:{row}", "$", '{"v": [1e6, 1e300]}') for row in range(COUNT)])
    server.command(
        *("FT.CREATE", "i", "ON", "JSON", "PREFIX", 1, "d:", "SCHEMA", "$.v", "AS", "v", "VECTOR", "FLAT", 6),
        *("TYPE", "FLOAT64", "DIM", 2, "DISTANCE_METRIC", "L2"),
    )
    assert migrate(server, tmp_path, TO_FLOAT16).result is Result.SUCCEEDED


def test_packed_vectors_unpack_to_the_same_numbers() -> None:
    for datatype in ("float64", "float32", "float16", "bfloat16"):
        vector = pack(b"[[1.5, -2.0, 0.0]]", 3, datatype)
        assert vector is not None
        assert unpack(vector, datatype) == (1.5, -2.0, 0.0)


# ---- what no migration can help


def test_failures_of_the_past_do_not_count(server: Server, tmp_path: Path) -> None:
    create(server)
    fill(server)
    for _ in range(3):
        server.command("HSET", "d:0", "v", "no vector")
    server.command("HSET", "d:0", "v", VECTORS[0].astype("<f4").tobytes())
    server.command("HSET", "d:gone", "v", "no vector")
    server.command("DEL", "d:gone")
    assert read_stats(server, "i").hash_indexing_failures == 4
    report = migrate(server, tmp_path, TO_FLOAT16)
    assert report.result is Result.SUCCEEDED
    assert report.validation.doc_count_match


def test_document_that_failed_before_may_fail_again_where_synonyms_start_a_second_scan(
    server: Server, tmp_path: Path
) -> None:
    fill(server)
    server.command("HSET", "d:0", "v", "no vector")
    create(server)
    server.command("FT.SYNUPDATE", "i", "group", "SKIPINITIALSCAN", "title", "heading")
    assert read_stats(server, "i").hash_indexing_failures == 1
    assert migrate(server, tmp_path, TO_FLOAT16).result is Result.SUCCEEDED


class Meanwhile:
    """Does something when the index has just been dropped, as an application would."""

    def __init__(self, act: Callable[[], object]) -> None:
        self.act = act

    @hookimpl
    def fieldfare_step_report(self, report: StepReport) -> None:  # noqa: D102 - as the hook says
        if (report.activity, report.moment) == ("drop", Moment.FINISHED):
            self.act()


def migrate_meanwhile(
    server: Server, tmp_path: Path, changes: Mapping[str, Any], act: Callable[[], object]
) -> MigrationReport:
    fill(server)
    create(server)
    plugins = load_plugins()
    plugins.register(Meanwhile(act), "meanwhile")
    return MigrationExecutor(plugins=plugins).apply(make_plan(server, changes), server=server, backup_dir=tmp_path)


def test_documents_written_meanwhile_are_told_and_fail_nothing(server: Server, tmp_path: Path) -> None:
    vector = struct.pack(f"<{DIMS}e", *VECTORS[0])
    report = migrate_meanwhile(server, tmp_path, TO_FLOAT16, lambda: server.command("HSET", "d:new", "v", vector))
    finding = named(report)["document_count"]
    assert (report.result, finding.passed, finding.severity) == (Result.SUCCEEDED, False, Severity.WARNING)
    assert not report.validation.doc_count_match


@pytest.mark.parametrize("changes", [TO_FLOAT16, ADD_TAG], ids=["rewrite", "index only"])
def test_documents_deleted_meanwhile_are_told_and_fail_nothing(
    changes: Mapping[str, Any], server: Server, tmp_path: Path
) -> None:
    report = migrate_meanwhile(server, tmp_path, changes, lambda: server.command("DEL", "d:1", "d:2"))
    assert report.result is Result.SUCCEEDED
    assert "38 now, 40 before" in named(report)["document_count"].detail


class CountingCheck:
    """Two checks that need the same result."""

    def __init__(self) -> None:
        self.computed = 0

    @hookimpl
    def fieldfare_validate(self, run: Run) -> list[Finding]:
        """Ask twice."""
        found = [run.once("counting: answer", self.compute) for _ in range(2)]
        return [Finding("counting", passed=True, detail=str(found))]

    def compute(self) -> int:
        """Count the calls."""
        self.computed += 1
        return self.computed


def test_what_several_checks_need_is_computed_once_in_each_validation(server: Server, tmp_path: Path) -> None:
    fill(server)
    create(server)
    check = CountingCheck()
    plugins = load_plugins()
    plugins.register(check, "counting")
    report = MigrationExecutor(plugins=plugins).apply(make_plan(server, ADD_TAG), server=server, backup_dir=tmp_path)
    assert named(report)["counting"].detail == "[1, 1]"
    validated = MigrationValidator(plugins=plugins).validate(make_plan(server, {}), server=server)
    assert {each.name: each.detail for each in validated.validation.findings}["counting"] == "[2, 2]"


def test_documents_that_expire_while_the_index_is_built_fail_nothing(
    private_server: PrivateServer, tmp_path: Path
) -> None:
    with connect(private_server(["--enable-debug-command", "yes"]).url) as server:

        def write_and_let_expire() -> None:
            server.command("DEBUG", "SET-ACTIVE-EXPIRE", 0)  # the build's scan finds the key, and cannot read it
            server.command("HSET", "d:new", "v", struct.pack(f"<{DIMS}f", *VECTORS[0]))
            server.command("PEXPIRE", "d:new", 1)
            expires = server.command("PEXPIRETIME", "d:new")
            while True:  # a look at the key itself would delete it
                seconds, microseconds = map(int, server.command("TIME"))
                if seconds * 1000 + microseconds // 1000 > expires:
                    break

        report = migrate_meanwhile(server, tmp_path, ADD_TAG, write_and_let_expire)
        finding = named(report)["indexing_failures"]
        assert report.result is Result.SUCCEEDED
        assert (finding.passed, finding.severity) == (False, Severity.WARNING)
        assert "it lost none" in finding.detail
