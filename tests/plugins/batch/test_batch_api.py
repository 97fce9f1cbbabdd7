"""The batch classes, as programs use them."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from fieldfare.engine.stop import StopRequest
from fieldfare.errors import BackupDirectoryRequired, Interrupted, PreconditionError, UsageError
from fieldfare.server import Server
from fieldfare.server.inspect import read_definition
from fieldfare.testing.digest import database_digest, index_state
from fieldfare_batch import BatchMigrationExecutor, BatchMigrationPlanner
from fieldfare_batch.errors import OverlappingIndexes
from fieldfare_batch.plan_file import load_batch_plan
from fieldfare_batch.report import BatchStatus
from fieldfare_batch.state import Settings, Status

QUANTIZE = {"version": 1, "changes": {"update_fields": [{"name": "embedding", "attrs": {"datatype": "float16"}}]}}

REDISVL_EXAMPLE = """\
from fieldfare.migration import BatchMigrationPlanner, BatchMigrationExecutor

# Create batch plan
planner = BatchMigrationPlanner()
batch_plan = planner.create_batch_plan(
    redis_url="redis://localhost:6379",
    pattern="*_idx",
    schema_patch_path="quantize_patch.yaml",
)

# Review applicability
for idx in batch_plan.indexes:
    if idx.applicable:
        print(f"Will migrate: {idx.name}")
    else:
        print(f"Skipping {idx.name}: {idx.skip_reason}")

# Execute batch
executor = BatchMigrationExecutor()
report = executor.apply(
    batch_plan,
    redis_url="redis://localhost:6379",
    state_path="batch_state.yaml",
    report_dir="./reports/",
    backup_dir="/tmp/migration_backups",
    progress_callback=lambda name, pos, total, status: print(f"[{pos}/{total}] {name}: {status}"),
)
print(f"Batch status: {report.status}")
print(f"Successful: {report.summary.successful}/{report.summary.total_indexes}")
"""


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_example_of_redisvls_migration_guide(
    server: Server, load: Any, redis_url: str, directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del server
    load("products_idx")
    load("users_idx")
    load("legacy_idx", vector=False)
    (directory / "quantize_patch.yaml").write_text(
        dedent(
            """\
            version: 1
            changes:
              update_fields:
                - name: embedding
                  attrs:
                    datatype: float16
            """
        )
    )
    example = REDISVL_EXAMPLE.replace("redis://localhost:6379", redis_url)
    example = example.replace("/tmp/migration_backups", f"{directory}/b")  # noqa: S108 - that directory is not used
    exec(example, {})  # noqa: S102 - the example itself
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Skipping legacy_idx: Field 'embedding' not found")
    assert lines[1:] == [
        "Will migrate: products_idx",
        "Will migrate: users_idx",
        "[1/2] products_idx: in_progress",
        "[1/2] products_idx: success",
        "[2/2] users_idx: in_progress",
        "[2/2] users_idx: success",
        "Batch status: completed",
        "Successful: 2/3",
    ]


def test_several_indexes_at_a_time(server: Server, load: Any) -> None:
    names = [f"i{number}" for number in range(6)]
    for name in names:
        load(name)
    before = database_digest(server), index_state(server)
    plan = BatchMigrationPlanner().create_batch_plan(server=server, pattern="i*", schema_patch=QUANTIZE)
    executor = BatchMigrationExecutor()
    seen: list[tuple[str, str]] = []

    def record(name: str, _position: int, _total: int, status: str) -> None:
        seen.append((name, status))

    report = executor.apply(
        plan, server=server, backup_dir="b", settings=Settings(parallel=3), progress_callback=record
    )
    assert {status for _, status in seen[:3]} == {"in_progress"}, "three are started before one ends"
    assert report.status == "completed"
    assert report.summary.successful == len(names)
    for name in names:
        field = read_definition(server, name).find("embedding")
        assert field is not None
        assert field.attrs["datatype"] == "float16"
    assert executor.rollback(server=server).status is BatchStatus.ROLLED_BACK
    assert (database_digest(server), index_state(server)) == before


def test_indexes_that_share_keys_never_run_at_the_same_time(server: Server, load: Any) -> None:
    load("main", ["product:"])
    load("premium", ["product:premium:"])
    load("users")
    patch = {"version": 1, "changes": {"update_fields": [{"name": "title", "attrs": {"sortable": True}}]}}
    plan = BatchMigrationPlanner().create_batch_plan(server=server, pattern="*", schema_patch=patch)
    running: set[str] = set()

    def watch(name: str, _position: int, _total: int, status: str) -> None:
        (running.add if status == "in_progress" else running.discard)(name)
        assert not {"main", "premium"} <= running

    report = BatchMigrationExecutor().apply(
        plan, server=server, backup_dir="b", settings=Settings(parallel=3), progress_callback=watch
    )
    assert report.summary.successful == 3


def test_a_plan_from_its_file_is_the_plan(server: Server, load: Any, directory: Path) -> None:
    load("a")
    planner = BatchMigrationPlanner()
    plan = planner.create_batch_plan(server=server, pattern="*", schema_patch=QUANTIZE)
    planner.write_batch_plan(plan, "batch_plan.yaml")
    assert load_batch_plan("batch_plan.yaml") == plan
    assert plan.indexes[0].plan_path == str(directory / "plans" / "a.yaml")


def test_an_index_can_be_excluded_in_the_batch_plan_file(server: Server, load: Any, directory: Path) -> None:
    load("a")
    load("b")
    planner = BatchMigrationPlanner()
    planner.write_batch_plan(
        planner.create_batch_plan(server=server, pattern="*", schema_patch=QUANTIZE), "batch_plan.yaml"
    )
    path = directory / "batch_plan.yaml"
    path.write_text(path.read_text().replace("applicable: true", "applicable: false", 1))
    executor = BatchMigrationExecutor()
    report = executor.apply(load_batch_plan(path), server=server, backup_dir="b")
    assert (report.summary.successful, report.summary.skipped) == (1, 1)
    assert [each.status for each in executor.status().indexes] == [Status.SKIPPED, Status.SUCCESS]


def test_a_stop_between_two_indexes(server: Server, load: Any) -> None:
    load("a")
    load("b")
    plan = BatchMigrationPlanner().create_batch_plan(server=server, pattern="*", schema_patch=QUANTIZE)
    executor, stop = BatchMigrationExecutor(), StopRequest()

    def stop_after_a(name: str, _position: int, _total: int, status: str) -> None:
        if (name, status) == ("a", "success"):
            stop.set()

    with pytest.raises(Interrupted, match="Migrated 1 of 2 indexes"):
        executor.apply(plan, server=server, backup_dir="b", progress_callback=stop_after_a, stop=stop)
    assert executor.resume(server=server).status == "completed"
    stopped = StopRequest()
    stopped.set()
    with pytest.raises(Interrupted, match="2 indexes are not rolled back yet"):
        executor.rollback(server=server, stop=stopped)
    assert executor.rollback(server=server).status == "rolled_back"


def test_invalid_arguments_are_refused(server: Server, load: Any) -> None:
    load("a", ["k:"])
    load("b", ["k:1"])
    planner = BatchMigrationPlanner()
    with pytest.raises(OverlappingIndexes) as refused:
        planner.create_batch_plan(server=server, pattern="*", schema_patch=QUANTIZE)
    assert refused.value.conflicts == ("a <-> b: 'k:' <-> 'k:1'",)
    with pytest.raises(OverlappingIndexes):
        planner.create_group_plans(server=server, pattern="*", schema_patch=QUANTIZE)
    with pytest.raises(UsageError, match="schema_patch"):
        planner.create_batch_plan(server=server, pattern="*")
    with pytest.raises(UsageError, match="must be fail_fast or continue_on_error"):
        planner.create_batch_plan(server=server, pattern="*", schema_patch=QUANTIZE, failure_policy="never")
    with pytest.raises(UsageError, match="No server"):
        planner.create_batch_plan(pattern="*", schema_patch=QUANTIZE)
    plan = planner.create_batch_plan(server=server, indexes=["a"], schema_patch=QUANTIZE)
    executor = BatchMigrationExecutor()
    with pytest.raises(PreconditionError, match="applies to no index"):
        executor.apply(plan, server=server, backup_dir="b")
    with pytest.raises(BackupDirectoryRequired):
        executor.apply(plan, server=server, backup_dir=" ")
    with pytest.raises(UsageError, match="parallel=0"):
        executor.apply(plan, server=server, backup_dir="b", settings=Settings(parallel=0))


def test_every_index_moves_to_a_prefix_of_its_own_or_none_does(server: Server, load: Any) -> None:
    load("a", ["a:"])
    load("b", ["b:"])
    patch = {"version": 1, "changes": {"index": {"prefix": "new:"}}}
    with pytest.raises(OverlappingIndexes, match="a <-> b: 'new:' <-> 'new:'"):
        BatchMigrationPlanner().create_batch_plan(server=server, pattern="*", schema_patch=patch)
