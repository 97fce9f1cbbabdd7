"""Killed with SIGKILL in the middle, then resumed or rolled back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fieldfare.plan import MigrationPlan
from fieldfare.plan.file import write_plan
from fieldfare.server import Server
from fieldfare.testing.commandline import CommandLine
from fieldfare.testing.digest import database_digest, index_state
from fieldfare.testing.indexing import wait_until_indexed
from torture import pairs

COUNT = 95
Migration = Any  # the class of that name in conftest.py, which tests cannot import

NEVER = 4102444800123
APPLY = ("apply", "--plan", "plan.yaml", "--backup-dir", "backup", "--batch-size", "10", "--on-conflict")
ROLLBACK = ("rollback", "--backup-dir", "backup")


def create_hashes(server: Server) -> None:
    server.bulk([("HSET", f"doc:{row}", "title", f"title {row}", "tag", f"tag {row}") for row in range(COUNT)])
    server.bulk([("HSET", f"doc:{row}", "label", f"label {row}") for row in range(0, COUNT, 4)])
    server.bulk([("HDEL", f"doc:{row}", "tag") for row in range(0, COUNT, 6)])
    server.bulk([("HPEXPIREAT", f"doc:{row}", NEVER + row, "FIELDS", 1, "tag") for row in range(0, COUNT, 5)])
    server.bulk([("PEXPIREAT", f"doc:{row}", NEVER) for row in range(0, COUNT, 7)])
    server.command("FT.CREATE", "docs", "PREFIX", 1, "doc:", "SCHEMA", "title", "TEXT", "tag", "TAG")


def create_json(server: Server) -> None:
    documents = [{"title": f"title {row}", "tag": [f"tag {row}"]} for row in range(COUNT)]
    for row in range(0, COUNT, 4):
        documents[row]["label"] = [f"label {row}"]
    for row in range(0, COUNT, 6):
        del documents[row]["tag"]
    server.bulk([("JSON.SET", f"doc:{row}", "$", json.dumps(document)) for row, document in enumerate(documents)])
    server.command(
        *("FT.CREATE", "docs", "ON", "JSON", "PREFIX", 1, "doc:", "SCHEMA"),
        *("$.title", "AS", "title", "TEXT", "$.tag[*]", "AS", "tag", "TAG"),
    )


def state(server: Server) -> object:
    """Everything; of JSON documents that had both names, the order of members may be another one."""
    if server.command("TYPE", "doc:0") == b"hash":
        return database_digest(server), index_state(server)
    documents: dict[str, Any] = {
        f"doc:{row}": json.loads(server.command("JSON.GET", f"doc:{row}")) for row in range(COUNT)
    }
    return documents, server.command("DBSIZE"), index_state(server)


@pytest.fixture
def fieldfare(redis_url: str, server: Server, tmp_path: Path) -> CommandLine:
    del server  # a flushed database
    return CommandLine(redis_url, tmp_path)


def planned(fieldfare: CommandLine, migration: Migration) -> MigrationPlan:
    plan: MigrationPlan = migration.plan("docs", {"title": "tag", "tag": "label"})
    write_plan(plan, fieldfare.directory / "plan.yaml")
    return plan


CASES = [
    ("dump:progress:15", create_hashes, "keep-old"),
    ("rename.field:started:1", create_json, "keep-new"),
    ("rename.field:progress:4", create_hashes, "keep-old"),
    ("rename.field:progress:4", create_hashes, "keep-new"),
    ("rename.field:progress:4", create_json, "keep-old"),
    ("rename.field:finished:1", create_hashes, "keep-new"),
    ("rename.field:progress:13", create_hashes, "keep-old"),
    ("rename.field:progress:13", create_json, "keep-new"),
    ("rename.field:finished:2", create_json, "keep-old"),
    ("create:started:1", create_hashes, "keep-new"),
]


@pytest.mark.parametrize(("case", "then"), pairs(CASES, ("resume", "rollback")))
def test_killed_run_is_resumed_or_rolled_back(
    case: tuple[str, Callable[[Server], None], str],
    then: str,
    fieldfare: CommandLine,
    migration: Migration,
    server: Server,
) -> None:
    moment, create, choice = case
    create(server)
    wait_until_indexed(server, "docs")
    before = state(server)
    plan = planned(fieldfare, migration)
    if then == "resume":
        migration.apply(plan, on_conflict=choice, batch_size=10)
        after = state(server)
        assert after != before
        migration.rollback()
        assert state(server) == before

    assert fieldfare(*APPLY, choice, crash_at=moment).code == -9
    if then == "resume":
        outcome = fieldfare(*APPLY, choice)
        assert outcome.code == 0, outcome.stderr
        assert state(server) == after
    outcome = fieldfare(*ROLLBACK)
    assert outcome.code == 0, outcome.stderr
    assert state(server) == before


@pytest.mark.parametrize("create", [create_hashes, create_json])
@pytest.mark.parametrize("moment", ["rename.field:progress:3", "rename.field:finished:1", "rename.field:progress:14"])
def test_killed_rollback_is_run_again(
    moment: str, create: Callable[[Server], None], fieldfare: CommandLine, migration: Migration, server: Server
) -> None:
    create(server)
    wait_until_indexed(server, "docs")
    before = state(server)
    migration.apply(planned(fieldfare, migration), on_conflict="keep-old", batch_size=10)
    assert fieldfare(*ROLLBACK, crash_at=moment).code == -9
    outcome = fieldfare(*ROLLBACK)
    assert outcome.code == 0, outcome.stderr
    assert state(server) == before
