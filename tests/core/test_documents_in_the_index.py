"""A success means that the documents are in the index; what a new index would leave out is found before the drop."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.errors import PreconditionError, ValidationFailed
from fieldfare.hooks.manager import load_plugins
from fieldfare.plan import MigrationPlan
from fieldfare.report import Result
from fieldfare.server import Server
from fieldfare.server.inspect import read_stats
from fieldfare.server.search import find_indexed
from fieldfare.testing.commandline import CommandLine
from fieldfare.testing.digest import database_digest, index_state
from fieldfare.testing.faults import Fault, FaultContext
from fieldfare.testing.indexing import wait_until_indexed
from run_moments import At

COUNT = 20
SORTABLE = {"update_fields": [{"name": "price", "attrs": {"sortable": True}}]}


def plan_of(server: Server, changes: dict[str, Any]) -> MigrationPlan:
    return MigrationPlanner().create_plan_from_patch(
        "idx", schema_patch={"version": 1, "changes": changes}, server=server
    )


def index_by_writing(server: Server, *options: str, field: str = "TEXT") -> None:
    """Create the index first: documents are judged one by one, as they are written."""
    server.command("FT.CREATE", "idx", "PREFIX", 1, "d:", *options, "SCHEMA", "price", field, "n", "NUMERIC")
    server.bulk([("HSET", f"d:{row}", "price", f"about {row}", "n", row) for row in range(COUNT)])
    wait_until_indexed(server, "idx")


def test_a_filter_that_a_scan_judges_differently(server: Server, tmp_path: Path) -> None:
    index_by_writing(server, "FILTER", "@price > 100")
    plan = plan_of(server, SORTABLE)
    assert plan.source.stats.num_docs == COUNT
    before = database_digest(server), index_state(server)
    with pytest.raises(PreconditionError, match=r"20 of 20 sampled documents .* would not be in the new index"):
        MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path)
    assert (database_digest(server), index_state(server)) == before


def test_a_filter_under_a_plan_that_rewrites_documents(server: Server, tmp_path: Path) -> None:
    index_by_writing(server, "FILTER", "@price > 100")
    plan = plan_of(server, {"rename_fields": [{"old_name": "n", "new_name": "number"}]})
    before = database_digest(server), index_state(server)
    with pytest.raises(PreconditionError, match="FILTER leaves them out"):
        MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path)
    assert (database_digest(server), index_state(server)) == before


def test_a_new_field_that_refuses_values(server: Server, tmp_path: Path) -> None:
    index_by_writing(server)
    server.bulk([("HSET", f"d:{row}", "size", "large") for row in range(3)])
    plan = plan_of(server, {"add_fields": [{"name": "size", "type": "numeric"}]})
    before = database_digest(server), index_state(server)
    with pytest.raises(PreconditionError, match=r"3 of 20 .* their values do not fit the fields"):
        MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path)
    assert (database_digest(server), index_state(server)) == before


@pytest.mark.parametrize(
    ("attrs", "options", "is_tried"),
    [
        ({"algorithm": "hnsw"}, (), False),
        ({"algorithm": "hnsw", "m": 8}, (), False),
        ({"algorithm": "hnsw"}, ("FILTER", "@n >= 0"), True),
        ({"distance_metric": "ip"}, (), True),
    ],
)
def test_documents_are_not_tried_where_only_the_search_changes(
    attrs: dict[str, object], options: tuple[str, ...], *, is_tried: bool, server: Server, tmp_path: Path
) -> None:
    vector = ("vec", "VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", 2, "DISTANCE_METRIC", "L2")
    server.command("FT.CREATE", "idx", "PREFIX", 1, "d:", *options, "SCHEMA", "n", "NUMERIC", *vector)
    server.bulk([("HSET", f"d:{row}", "n", row, "vec", bytes([row]) * 8) for row in range(COUNT)])
    wait_until_indexed(server, "idx")
    plan = plan_of(server, {"update_fields": [{"name": "vec", "attrs": attrs}]})
    tried: list[bool] = []
    plugins = load_plugins()
    plugins.register(At("rehearse:finished", lambda: tried.append(True)), "watcher")
    report = MigrationExecutor(plugins=plugins).apply(plan, server=server, backup_dir=tmp_path)
    assert report.result is Result.SUCCEEDED
    assert tried == [True] * is_tried


def test_documents_that_are_lost_fail_the_run(server: Server, redis_url: str, tmp_path: Path) -> None:
    """Values that stop fitting after the rehearsal: the index has fewer documents, which still exist."""
    index_by_writing(server, field="NUMERIC")
    server.bulk([("HSET", f"d:{row}", "price", row) for row in range(COUNT)])
    wait_until_indexed(server, "idx")
    plan = plan_of(server, SORTABLE)

    plugins = load_plugins()
    plugins.register(At("drop:finished", lambda: server.command("HSET", "d:1", "price", "none")), "application")
    with pytest.raises(ValidationFailed, match="19 now, 20 before") as failed:
        MigrationExecutor(plugins=plugins).apply(plan, server=server, backup_dir=tmp_path / "backup")
    assert "fieldfare rollback" in str(failed.value)
    assert "fieldfare apply" in str(failed.value)
    assert failed.value.exit_code == 3

    # a rollback that is not as it was before says so, too
    rolled_back = CommandLine(redis_url, tmp_path)("rollback", "--backup-dir", "backup")
    assert rolled_back.code == 3
    assert "19 now, 20 before" in rolled_back.stdout
    again = CommandLine(redis_url, tmp_path)("rollback", "--backup-dir", "backup")
    assert again.code == 3, "it does not pass by being repeated"
    assert "19 now, 20 before" in again.stdout
    server.command("HSET", "d:1", "price", 1)
    mended = CommandLine(redis_url, tmp_path)("rollback", "--backup-dir", "backup")
    assert mended.code == 0, mended.stdout


def test_documents_that_are_deleted_during_the_run_are_none_of_ours(server: Server, tmp_path: Path) -> None:
    index_by_writing(server)
    plan = plan_of(server, SORTABLE)
    plugins = load_plugins()
    plugins.register(At("drop:finished", lambda: server.command("DEL", "d:1")), "application")
    report = MigrationExecutor(plugins=plugins).apply(plan, server=server, backup_dir=tmp_path)
    assert report.result is Result.SUCCEEDED
    assert MigrationExecutor().rollback(server=server, backup_dir=tmp_path).validation.passed


@pytest.mark.parametrize("then", ["apply", "rollback"])
def test_a_trial_index_that_a_killed_run_left_is_dropped(
    then: str, server: Server, redis_url: str, tmp_path: Path
) -> None:
    index_by_writing(server)
    (tmp_path / "patch.yaml").write_text(json.dumps({"version": 1, "changes": SORTABLE}))
    fieldfare = CommandLine(redis_url, tmp_path)
    assert fieldfare("plan", "--index", "idx", "--schema-patch", "patch.yaml", "--plan-out", "plan.yaml").code == 0
    apply = ("apply", "--plan", "plan.yaml", "--backup-dir", "backup")
    killed = fieldfare(
        *apply, fault=(Fault.parse("rehearse:server.send:after:3=kill"), FaultContext(redis_url, tmp_path))
    )
    assert killed.code == -9
    assert len(server.command("FT._LIST")) == 2, "the trial is there"
    done = fieldfare(*apply) if then == "apply" else fieldfare("rollback", "--backup-dir", "backup")
    assert done.code == 0, done.stderr
    assert server.command("FT._LIST") in ([b"idx"], {b"idx"})


def test_a_document_whose_key_is_the_prefix_of_a_small_index_is_tried_too(server: Server, tmp_path: Path) -> None:
    vector = ("v", "VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", 2, "DISTANCE_METRIC", "L2")
    server.command("FT.CREATE", "idx", "PREFIX", 1, "d:1", "FILTER", "@v>1", "SCHEMA", *vector)
    server.command("HSET", "d:1", "other", "a FILTER accepts what lacks the field, if it is written")
    wait_until_indexed(server)
    if not read_stats(server, "idx").num_docs:
        pytest.skip("this server's FILTER refuses a document without the field also when it is written")
    plan = plan_of(server, {"add_fields": [{"name": "title", "type": "tag"}]})
    with pytest.raises(PreconditionError, match="its FILTER leaves them out when they are scanned"):
        MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path)
    assert find_indexed(server, "idx", [b"d:1"]) == {b"d:1"}
