"""What commands show at a terminal of 80 columns; and that their last line is a command that works."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fieldfare.cli.app import run
from fieldfare.server import Server
from fieldfare.testing.commandline import CommandLine
from fieldfare.testing.indexing import wait_until_indexed

BACKUPS = ("--backup-dir", "backups")
PATCH = {"version": 1, "changes": {"update_fields": [{"name": "embedding", "attrs": {"datatype": "float16"}}]}}


@pytest.fixture
def rejected(server: Server, redis_url: str, tmp_path: Path) -> CommandLine:
    """A migration whose target did not pass its checks."""
    vectors = np.random.default_rng(1).standard_normal((20, 4)).astype("<f4")
    server.bulk([("HSET", f"d:{row}", "embedding", each.tobytes()) for row, each in enumerate(vectors)])
    vector = ("embedding", "VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", 4, "DISTANCE_METRIC", "L2")
    server.command("FT.CREATE", "i", "PREFIX", 1, "d:", "SCHEMA", *vector)
    wait_until_indexed(server, "i")
    (tmp_path / "patch.yaml").write_text(json.dumps(PATCH))
    (tmp_path / "queries.yaml").write_text("keys_exist: ['d:999']\n")
    fieldfare = CommandLine(redis_url, tmp_path)
    assert fieldfare("plan", "--index", "i", "--schema-patch", "patch.yaml", "--mode", "shadow").code == 0
    assert fieldfare("apply", *BACKUPS, "--query-check-file", "queries.yaml").code == 4
    return fieldfare


RESUME = "fieldfare apply --plan migration_plan.yaml --backup-dir backups --query-check-file queries.yaml"


def test_finalize_of_a_rejected_target_asks_nothing_and_names_the_command_that_resumes(rejected: CommandLine) -> None:
    refused = rejected("finalize", *BACKUPS)
    assert refused.code == 4
    assert "did not pass its checks" in refused.stderr
    assert refused.stderr.rstrip().endswith(f"First run: {RESUME}")


def test_a_synchronization_of_a_rejected_target_names_the_command_that_resumes(rejected: CommandLine) -> None:
    synchronized = rejected("sync", *BACKUPS)
    assert synchronized.code == 0
    assert synchronized.stdout.splitlines()[-1] == f"To resume:    {RESUME}"


def test_a_synchronization_after_the_switch_leads_to_finalize(rejected: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "queries.yaml").write_text("keys_exist: ['d:1']\n")
    assert rejected("apply", *BACKUPS, "--query-check-file", "queries.yaml").code == 0
    synchronized = rejected("sync", *BACKUPS)
    assert synchronized.stdout.splitlines()[-1] == "Next: fieldfare finalize --backup-dir backups --index i"


@pytest.fixture
def at_terminal(monkeypatch: pytest.MonkeyPatch, redis_url: str, tmp_path: Path) -> Callable[..., int]:
    """Runs a command whose standard output and standard error are a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("FIELDFARE_URL", redis_url)
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> int:
        for stream in (sys.stdout, sys.stderr):
            monkeypatch.setattr(stream, "isatty", lambda: True)
        return run(arguments)

    return call


def test_the_reasons_of_a_blocked_plan_are_told_once(
    server: Server, tmp_path: Path, at_terminal: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    server.command("FT.CREATE", "i", "PREFIX", 1, "d:", "SCHEMA", "n", "TEXT")
    changes = {"update_fields": [{"name": "n", "type": "numeric"}]}
    (tmp_path / "patch.yaml").write_text(json.dumps({"version": 1, "changes": changes}))
    assert at_terminal("plan", "--index", "i", "--schema-patch", "patch.yaml") == 4
    out, err = capsys.readouterr()
    assert out.count("may not be valid as numeric") == 1
    assert err.splitlines() == [
        "Error: Migration blocked: unsupported change. Nothing was changed.",
        "Next, without the blocked changes: fieldfare plan --index i \\",
        "    --schema-patch patch.yaml --plan-out migration_plan.yaml",
    ]


def test_long_names_of_indexes_are_shown_whole(
    server: Server, at_terminal: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    name = "an_index_whose_name_is_so_long_that_no_table_has_room_for_it"
    server.command("FT.CREATE", name, "PREFIX", 1, "d:", "SCHEMA", "n", "TEXT")
    assert at_terminal("list") == 0
    assert capsys.readouterr().out.splitlines()[:5] == [
        "Indices:",
        "1.",
        f"Name:      {name}",
        "Documents: 0",
        "Storage:   hash",
    ]


def test_a_validation_that_sees_no_backup_says_which_directory_a_rollback_needs(rejected: CommandLine) -> None:
    validated = rejected("validate", "--plan", "migration_plan.yaml")
    assert "To roll back, with the backup directory of 'apply': fieldfare rollback --backup-dir DIR" in validated.stdout


def test_a_log_shows_the_summary_of_a_step_as_the_plan_does(rejected: CommandLine) -> None:
    assert rejected("rollback", *BACKUPS, "--yes").code == 0
    assert rejected("plan", "--index", "i", "--schema-patch", "patch.yaml").code == 0
    applied = rejected("apply", "--backup-dir", "others").stderr
    assert "Back up for: Measure recall@10 of 'embedding'" in applied
