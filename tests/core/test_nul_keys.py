"""Keys with NUL bytes: the search module cuts them in cursors, in INKEYS and in prefixes. No document is lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.errors import PreconditionError
from fieldfare.plan import MigrationPlan
from fieldfare.report import Result
from fieldfare.server import Server
from fieldfare.testing.commandline import CommandLine
from fieldfare.testing.digest import read_state
from fieldfare.testing.indexing import wait_until_indexed

KEYS = (b"d:1", b"d:2", b"d:2\0x", b"d:2\0y", b"d:20", b"d:3\0", b"d:4\0z", b"d:\0", b"d:5\0\0\xff")
SORTABLE = {"update_fields": [{"name": "n", "attrs": {"sortable": True}}]}
RENAMED = {"rename_fields": [{"old_name": "n", "new_name": "number"}]}
MOVED = {"index": {"prefix": "e:"}}


def fill(server: Server, *options: str, storage: str = "HASH", price: str = "7") -> None:
    """Write documents under every key, with an index over them."""
    fields = ("$.n", "AS", "n", "NUMERIC") if storage == "JSON" else ("n", "NUMERIC", "price", "TEXT")
    server.command("FT.CREATE", "idx", "ON", storage, "PREFIX", 1, "d:", *options, "SCHEMA", *fields)
    server.bulk(
        [
            ("JSON.SET", key, "$", json.dumps({"n": row}))
            if storage == "JSON"
            else ("HSET", key, "n", row, "price", price)
            for row, key in enumerate(KEYS)
        ]
    )
    wait_until_indexed(server, "idx")


def plan_of(server: Server, changes: dict[str, Any]) -> MigrationPlan:
    return MigrationPlanner().create_plan_from_patch(
        "idx", schema_patch={"version": 1, "changes": changes}, server=server
    )


@pytest.mark.parametrize("storage", ["HASH", "JSON"])
@pytest.mark.parametrize("changes", [SORTABLE, RENAMED, MOVED], ids=["index only", "rename", "prefix"])
def test_every_document_is_migrated_and_rolled_back(
    server: Server, tmp_path: Path, storage: str, changes: dict[str, Any]
) -> None:
    if storage == "JSON" and not server.capabilities.json:
        pytest.skip("this server has no JSON module")
    fill(server, storage=storage)
    before = read_state(server)
    report = MigrationExecutor().apply(plan_of(server, changes), server=server, backup_dir=tmp_path, batch_size=2)
    assert report.result is Result.SUCCEEDED
    assert all(finding.passed for finding in report.validation.findings), report.validation.findings
    keys = [key.replace(b"d:", b"e:", 1) for key in KEYS] if changes is MOVED else KEYS
    field = "number" if changes is RENAMED else "n"
    read = [("JSON.GET", key, f"$.{field}") if storage == "JSON" else ("HGET", key, field) for key in keys]
    numbers = [json.loads(reply)[0] if storage == "JSON" else int(reply) for reply in server.bulk(read)]
    assert numbers == list(range(len(KEYS)))
    assert MigrationExecutor().rollback(server=server, backup_dir=tmp_path).validation.passed
    assert read_state(server) == before


def test_an_index_with_a_filter(server: Server, tmp_path: Path) -> None:
    """A scan has the FILTER judge ``d:2`` in place of every key that begins with it and a NUL byte."""
    fill(server, "FILTER", "@n != 1")
    server.bulk([("HSET", f"d:more:{row}", "n", 7) for row in range(1500)])
    wait_until_indexed(server, "idx")
    before = read_state(server)
    plan = plan_of(server, SORTABLE)
    with pytest.raises(PreconditionError, match=r"would not be in the new index.* its FILTER leaves them out"):
        MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path)
    assert read_state(server) == before


def test_an_index_with_a_filter_that_accepts_them_all(server: Server, tmp_path: Path) -> None:
    fill(server, "FILTER", "@n != 100")
    server.bulk([("HSET", key, "n", 7) for key in (b"d:3", b"d:4", b"d:", b"d:5")])
    wait_until_indexed(server, "idx")
    before = read_state(server)
    changes = {"rename_fields": [{"old_name": "price", "new_name": "text"}]}
    report = MigrationExecutor().apply(plan_of(server, changes), server=server, backup_dir=tmp_path)
    assert report.result is Result.SUCCEEDED
    assert MigrationExecutor().rollback(server=server, backup_dir=tmp_path).validation.passed
    assert read_state(server) == before


def test_vectors_of_all_documents_are_converted(server: Server, tmp_path: Path) -> None:
    server.command(
        *("FT.CREATE", "idx", "PREFIX", 1, "d:", "SCHEMA", "v", "VECTOR", "FLAT", 6),
        *("TYPE", "FLOAT32", "DIM", 2, "DISTANCE_METRIC", "COSINE"),
    )
    server.bulk([("HSET", key, "v", b"\0\0\x80\x3f\0\0\0" + bytes([row])) for row, key in enumerate(KEYS)])
    wait_until_indexed(server, "idx")
    before = read_state(server)
    plan = plan_of(server, {"update_fields": [{"name": "v", "attrs": {"datatype": "float16"}}]})
    report = MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path)
    assert report.result is Result.SUCCEEDED
    assert {len(value) for value in server.bulk([("HGET", key, "v") for key in KEYS])} == {4}
    assert MigrationExecutor().rollback(server=server, backup_dir=tmp_path).validation.passed
    assert read_state(server) == before


def test_documents_that_a_new_index_would_leave_out_are_found_before_the_drop(server: Server, tmp_path: Path) -> None:
    fill(server, "FILTER", "@price > 100", price="about 7")
    server.bulk([("DEL", key) for key in KEYS if b"\0" not in key])
    plan = plan_of(server, SORTABLE)
    before = read_state(server)
    with pytest.raises(PreconditionError, match=r"6 of 6 sampled documents .* would not be in the new index"):
        MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path)
    assert read_state(server) == before


def test_the_trial_index_does_not_cover_what_a_cut_key_begins(server: Server, tmp_path: Path) -> None:
    """As a prefix, it ends at the NUL byte, and begins more documents than a trial may index."""
    fill(server)
    server.bulk([("HSET", f"d:9{row}", "n", row) for row in range(150)])
    server.command("HSET", b"d:9\0", "n", 1)
    wait_until_indexed(server, "idx")
    report = MigrationExecutor().apply(plan_of(server, SORTABLE), server=server, backup_dir=tmp_path)
    assert report.result is Result.SUCCEEDED
    assert report.validation.passed


def test_the_command_line_shows_such_keys(server: Server, redis_url: str, tmp_path: Path) -> None:
    fill(server)
    (tmp_path / "patch.yaml").write_text(json.dumps({"version": 1, "changes": RENAMED}))
    fieldfare = CommandLine(redis_url, tmp_path)
    for command in (
        ("info", "--index", "idx"),
        ("plan", "--index", "idx", "--schema-patch", "patch.yaml", "--plan-out", "plan.yaml"),
        ("apply", "--plan", "plan.yaml", "--backup-dir", "backup", "--report-out", "report.yaml"),
        ("validate", "--plan", "plan.yaml"),
        ("rollback", "--backup-dir", "backup"),
    ):
        done = fieldfare(*command)
        assert done.code == 0, done.stderr
        assert "\0" not in done.stdout + done.stderr
