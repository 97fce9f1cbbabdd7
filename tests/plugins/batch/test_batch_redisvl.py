"""The batch classes with RedisVL's names and arguments, and RedisVL's own batch plans and state files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from redis import Redis

from fieldfare.errors import BackupDirectoryRequired
from fieldfare.migration import (
    BatchMigrationExecutor,
    BatchMigrationPlanner,
    BatchPlan,
    BatchState,
    SchemaPatch,
)
from fieldfare.patch import load_patch
from fieldfare.server import Server
from fieldfare.server.inspect import read_definition
from fieldfare.support.yamlfile import load_yaml
from fieldfare.testing.digest import database_digest
from fieldfare.testing.vectors import direction
from fieldfare_batch.errors import BatchStateUnusable, OverlappingIndexes
from fieldfare_batch.plan_file import load_batch_plan
from fieldfare_batch.report import BatchStatus
from fieldfare_batch.state import Status
from fieldfare_batch.state_file import load_state

DATA: Final = Path(__file__).parents[2] / "data/redisvl_0_28"
"""Files that RedisVL 0.28 wrote."""

PATCH: Final = "version: 1\nchanges:\n  update_fields:\n    - {name: embedding, attrs: {datatype: float16}}\n"
COUNT: Final = 6


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "patch.yaml").write_text(PATCH)
    return tmp_path


@pytest.fixture
def client(redis_url: str, server: Server) -> Iterator[Redis]:
    """A client as an application has it: replies are text."""
    del server
    with Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


def load(server: Server, name: str, prefix: str, *, floats: str = "f") -> None:
    rows = [("HSET", f"{prefix}:{row}", "embedding", direction(row, floats), "title", "text") for row in range(COUNT)]
    server.bulk(rows)
    server.command(
        *("FT.CREATE", name, "PREFIX", 1, prefix, "SCHEMA", "title", "TEXT"),
        *("embedding", "VECTOR", "FLAT", 6, "TYPE", "FLOAT32" if floats == "f" else "FLOAT16"),
        *("DIM", 2, "DISTANCE_METRIC", "COSINE"),
    )


def datatype(server: Server, name: str) -> object:
    field = read_definition(server, name).find("embedding")
    return field and field.attrs["datatype"]


def test_a_batch_with_redisvls_arguments_and_attributes(server: Server, client: Redis, directory: Path) -> None:
    load(server, "a_idx", "a")
    load(server, "b_idx", "b")
    server.command("FT.CREATE", "plain_idx", "PREFIX", 1, "plain:", "SCHEMA", "title", "TEXT")
    planner = BatchMigrationPlanner()
    plan = planner.create_batch_plan(
        indexes=None,
        pattern="*_idx",
        indexes_file=None,
        schema_patch_path="patch.yaml",
        redis_url=None,
        redis_client=client,
        failure_policy="continue_on_error",
    )
    assert isinstance(plan, BatchPlan)
    assert (plan.applicable_count, plan.skipped_count) == (2, 1)
    assert plan.requires_quantization
    planner.write_batch_plan(plan, "batch_plan.yaml")

    calls: list[tuple[str, int, int, str]] = []
    report = BatchMigrationExecutor().apply(
        plan,
        batch_plan_path="batch_plan.yaml",
        state_path="state.yaml",
        report_dir="reports",
        redis_url=None,
        redis_client=client,
        backup_dir="backups",
        batch_size=4,
        num_workers=2,
        progress_callback=lambda *call: calls.append(call),
    )
    assert report.status is BatchStatus.COMPLETED
    assert report.backup_dir == str((directory / "backups").resolve())
    assert report.started_at <= report.completed_at
    assert {call[0] for call in calls} == {"a_idx", "b_idx"}
    migrated = [each for each in report.indexes if each.status == "success"]
    assert [each.docs_migrated for each in migrated] == [COUNT, COUNT]
    assert all(each.duration_seconds and each.duration_seconds > 0 for each in migrated)
    skipped = next(each for each in report.indexes if each.status == "skipped")
    assert (skipped.duration_seconds, skipped.docs_migrated) == (None, None)

    state = BatchMigrationExecutor().status("state.yaml")
    assert isinstance(state, BatchState)
    assert (state.success_count, state.failed_count, state.skipped_count) == (2, 0, 1)
    assert state.is_complete
    assert state.current_index is None
    assert state.remaining == ()
    assert [each.name for each in state.completed] == ["a_idx", "b_idx"]
    assert all(each.completed_at and each.error is None for each in state.completed)
    assert state.plan_path == str(directory / "batch_plan.yaml")
    assert (state.settings.batch_size, state.settings.num_workers) == (4, 2)
    assert client.ping(), "the caller's client stays open"


def test_a_failed_index_is_retried_with_redisvls_arguments(server: Server, client: Redis) -> None:
    load(server, "a_idx", "a")
    load(server, "b_idx", "b")
    planner = BatchMigrationPlanner()
    plan = planner.create_batch_plan(indexes=["a_idx", "b_idx"], schema_patch_path="patch.yaml", redis_client=client)
    planner.write_batch_plan(plan, "batch_plan.yaml")
    server.command("FT.ALTER", "a_idx", "SCHEMA", "ADD", "year", "NUMERIC")  # the plan is stale
    executor = BatchMigrationExecutor()
    report = executor.apply(plan, state_path="state.yaml", redis_client=client, backup_dir="backups")
    assert report.status is BatchStatus.FAILED
    state = executor.status("state.yaml")
    assert (state.success_count, state.failed_count, state.is_complete) == (0, 1, False)
    assert state.remaining == ("b_idx",)
    [failed] = state.completed
    assert failed.error is not None
    assert "Source schema mismatch" in failed.error

    report = executor.resume(
        state_path="state.yaml",
        batch_plan_path="batch_plan.yaml",
        retry_failed=True,
        report_dir="other-reports",
        redis_url=None,
        redis_client=client,
        backup_dir="backups",
        batch_size=3,
        num_workers=1,
        progress_callback=lambda *_: server.command("FT.INFO", "b_idx"),
    )
    assert report.summary.failed == 1, "the plan is still stale"
    report = executor.resume("state.yaml", redis_client=client)
    assert report.status is BatchStatus.PARTIAL_FAILURE
    [path] = [each.report_path for each in report.indexes if each.status == "success"]
    assert path is not None
    assert Path(path).parent.name == "other-reports"
    assert executor.status("state.yaml").settings.batch_size == 3
    assert executor.rollback("state.yaml", redis_client=client).status is BatchStatus.ROLLED_BACK


def test_overlapping_indexes_are_a_value_error_that_names_the_wider_one_first(server: Server, client: Redis) -> None:
    load(server, "z_broad", "nest")
    load(server, "a_narrow", "nest:premium")
    with pytest.raises(ValueError, match="overlapping indexes detected") as refused:
        BatchMigrationPlanner().create_batch_plan(
            indexes=["a_narrow", "z_broad"], schema_patch_path="patch.yaml", redis_client=client
        )
    assert "z_broad <-> a_narrow" in str(refused.value)
    assert isinstance(refused.value, OverlappingIndexes)
    assert refused.value.exit_code == 4


def test_a_plan_of_another_batch_does_not_resume_it(server: Server, client: Redis) -> None:
    load(server, "a_idx", "a")
    planner, executor = BatchMigrationPlanner(), BatchMigrationExecutor()
    plan = planner.create_batch_plan(indexes=["a_idx"], schema_patch_path="patch.yaml", redis_client=client)
    executor.apply(plan, state_path="state.yaml", redis_client=client, backup_dir="backups")
    with pytest.raises(BatchStateUnusable, match="is the plan of batch_dc1056fa988f"):
        executor.resume("state.yaml", batch_plan_path=DATA / "batch_plan.yaml", redis_client=client)


def write_redisvl_files(directory: Path) -> None:
    for name in ("batch_plan.yaml", "batch_state.yaml"):
        (directory / name).write_text((DATA / name).read_text().replace("DIRECTORY", str(directory)))


def test_a_batch_plan_of_redisvl_is_applied(server: Server, client: Redis, directory: Path) -> None:
    for name in "abc":
        load(server, f"{name}_idx", f"batch_{name}")
    write_redisvl_files(directory)
    (directory / "batch_state.yaml").unlink()
    plan = load_batch_plan("batch_plan.yaml")
    assert (plan.batch_id, plan.applicable_count, plan.skipped_count) == ("batch_dc1056fa988f", 3, 1)
    assert plan.is_unplanned
    assert "RedisVL wrote this batch plan" in plan.warnings[0]
    before = database_digest(server)

    executor = BatchMigrationExecutor()
    report = executor.apply(plan, state_path="batch_state.yaml", redis_client=client, backup_dir="backups")
    assert report.status is BatchStatus.COMPLETED
    assert report.batch_id == "batch_dc1056fa988f"
    assert {each.name: each.status.value for each in report.indexes} == {
        "a_idx": "success",
        "b_idx": "success",
        "c_idx": "success",
        "plain_idx": "skipped",
    }
    assert {datatype(server, f"{name}_idx") for name in "abc"} == {"float16"}
    again = executor.apply(plan, state_path="batch_state.yaml", redis_client=client, backup_dir="backups")
    assert again.status is BatchStatus.COMPLETED, "the same call again finds the batch done"
    assert executor.rollback("batch_state.yaml", redis_client=client).status is BatchStatus.ROLLED_BACK
    assert database_digest(server) == before


def test_a_state_file_of_redisvl_is_resumed(server: Server, client: Redis, directory: Path) -> None:
    load(server, "a_idx", "batch_a", floats="e")  # RedisVL migrated this one, and was stopped in the next one
    load(server, "b_idx", "batch_b")
    load(server, "c_idx", "batch_c")
    write_redisvl_files(directory)
    (directory / "backups").mkdir()
    written = (directory / "batch_state.yaml").read_text()
    state = load_state(directory / "batch_state.yaml")
    assert (state.current_index, state.remaining, state.success_count) == ("b_idx", ("b_idx", "c_idx"), 1)

    executor = BatchMigrationExecutor()
    report = executor.resume("batch_state.yaml", redis_client=client)
    assert report.status is BatchStatus.COMPLETED
    assert report.summary.successful == 3
    assert {datatype(server, f"{name}_idx") for name in "abc"} == {"float16"}
    assert (directory / "batch_state.yaml.redisvl").read_text() == written
    assert (load_yaml("batch_state.yaml").data)["version"] == 1, "it is one of ours from now on"

    executor.rollback("batch_state.yaml", redis_client=client)
    assert [datatype(server, f"{name}_idx") for name in "abc"] == ["float16", "float32", "float32"]
    assert executor.status("batch_state.yaml").indexes[0].status is Status.SUCCESS, "its backup is RedisVL's"


def test_an_index_that_redisvl_dropped_fails_and_the_others_are_migrated(
    server: Server, client: Redis, directory: Path
) -> None:
    load(server, "a_idx", "batch_a", floats="e")
    load(server, "c_idx", "batch_c")
    write_redisvl_files(directory)
    (directory / "backups").mkdir()
    report = BatchMigrationExecutor().resume("batch_state.yaml", redis_client=client)
    assert report.status is BatchStatus.PARTIAL_FAILURE
    [failed] = [each for each in report.indexes if each.status == "failed"]
    assert failed.name == "b_idx"
    assert "RedisVL was interrupted while it migrated this index" in str(failed.error)
    assert datatype(server, "c_idx") == "float16"
    state = BatchMigrationExecutor().status("batch_state.yaml")
    assert state.failed_count == 1


def test_a_state_file_of_redisvl_without_a_backup_directory_or_a_plan(
    server: Server, client: Redis, directory: Path
) -> None:
    for name in "abc":
        load(server, f"{name}_idx", f"batch_{name}")
    write_redisvl_files(directory)
    path = directory / "batch_state.yaml"
    lines = [line for line in path.read_text().splitlines() if not line.startswith(("backup_dir", "current_index"))]
    path.write_text("\n".join(lines).replace("/batch_plan.yaml", "/moved.yaml"))
    executor = BatchMigrationExecutor()
    with pytest.raises(BackupDirectoryRequired):
        executor.resume("batch_state.yaml", redis_client=client)
    with pytest.raises(BatchStateUnusable, match="Name the batch plan with --plan"):
        executor.resume("batch_state.yaml", backup_dir="backups", redis_client=client)
    report = executor.resume(
        "batch_state.yaml", backup_dir="backups", batch_plan_path="batch_plan.yaml", redis_client=client
    )
    assert report.status is BatchStatus.COMPLETED


def test_a_patch_that_redisvls_wizard_wrote_is_read() -> None:
    patch = load_patch(DATA / "schema_patch.yaml")
    assert isinstance(patch, SchemaPatch)
    assert [each.name for each in patch.update_fields] == ["embedding", "title"]
