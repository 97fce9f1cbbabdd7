"""A plan and a report as text, in one line, and in a notebook."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, assert_type

import pytest
from redis import Redis, RedisCluster

import fieldfare.migration
import fieldfare_batch
from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.cli.plan import shown_plan
from fieldfare.errors import UsageError
from fieldfare.hooks.run import Run
from fieldfare.migration import BatchMigrationPlanner
from fieldfare.server import Server
from fieldfare.support.escape import escape_text
from fieldfare.testing.indexing import wait_until_indexed

CHANGES: dict[str, Any] = {
    "add_fields": [{"name": "kind", "type": "tag"}],
    "remove_fields": ["gone"],
    "update_fields": [{"name": "t", "attrs": {"sortable": True}}],
}
BLOCKED: dict[str, Any] = {
    "add_fields": [
        {
            "name": "v",
            "type": "vector",
            "attrs": {"algorithm": "flat", "dims": 4, "datatype": "float32", "distance_metric": "cosine"},
        }
    ]
}


@pytest.fixture
def index(server: Server) -> Server:
    server.command("HSET", "d:1", "t", "a", "gone", "b")
    server.command("FT.CREATE", "i", "PREFIX", 1, "d:", "SCHEMA", "t", "TEXT", "gone", "TEXT")
    wait_until_indexed(server, "i")
    return server


def test_a_plan_prints_as_the_terminal_shows_it(index: Server, tmp_path: Path) -> None:
    planner = MigrationPlanner()
    plan = planner.create_plan("i", server=index, schema_patch={"version": 1, "changes": CHANGES})
    lines = str(plan).splitlines()
    assert lines[0] == "i (1 document, hash, mode drop_recreate)"
    assert {"  + field 'kind' (tag) [fields]", "  - field 'gone' (text) [fields]"} <= set(lines)
    assert "  ~ field 't': sortable: no → yes [fields]" in lines
    assert "Documents: none is changed" in lines
    assert shown_plan(plan) == str(plan)
    assert repr(plan) == "<MigrationPlan i: 3 changes, mode drop_recreate, 2 steps>"
    assert plan._repr_html_() == f"<pre>{str(plan).replace(chr(39), '&#x27;').replace('>', '&gt;')}</pre>"

    report = MigrationExecutor().apply(plan, server=index, backup_dir=tmp_path)
    assert str(report).startswith("Migration succeeded: i\n\nCheck ")
    assert repr(report).startswith("<MigrationReport i: succeeded, ")
    assert "\n" not in repr(report)
    assert report._repr_html_().startswith("<pre>Migration succeeded: i\n")
    assert not [line for line in report.warnings if "downtime" in line or "--mode" in line or "--alias" in line]


def test_blocked_changes_stand_out(index: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = MigrationPlanner().create_plan("i", server=index, schema_patch={"version": 1, "changes": BLOCKED})
    assert "  ! add vector field 'v': BLOCKED\n      a new vector field requires" in str(plan)
    assert repr(plan) == "<MigrationPlan i: 1 change, 1 blocked, mode drop_recreate, 0 steps>"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("NO_COLOR", raising=False)
    shown = escape_text(shown_plan(plan), with_styles=True)
    assert "\x1b[1;31m  ! add vector field 'v': BLOCKED\x1b[0m" in shown


def test_exactly_one_request_is_needed(index: Server) -> None:
    planner = MigrationPlanner()
    patch = {"version": 1, "changes": {}}
    assert not planner.create_plan("i", server=index, schema_patch=patch).claims
    with pytest.raises(UsageError, match="Give exactly one of"):
        planner.create_plan("i", server=index)
    with pytest.raises(UsageError, match="Give exactly one of"):
        planner.create_plan("i", server=index, schema_patch=patch, schema_patch_path="patch.yaml")


def test_a_star_import_and_type_checkers_know_the_classes_of_plugins() -> None:
    names: dict[str, Any] = {}
    exec("from fieldfare.migration import *", names)  # noqa: S102 - what is tested
    assert names["BatchMigrationPlanner"] is fieldfare.migration.BatchMigrationPlanner
    stub = Path(str(fieldfare.migration.__file__)).with_suffix(".pyi").read_text()
    assert not [name for name in fieldfare.migration.__all__ if f'    "{name}",\n' not in stub]


def typed(run: Run) -> Redis | RedisCluster:
    """Say to the type checker, which reads tests, too, what it is to know."""
    assert_type(run.redis, Redis | RedisCluster)
    assert_type(BatchMigrationPlanner(), fieldfare_batch.BatchMigrationPlanner)
    return run.redis
