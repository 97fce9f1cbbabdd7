"""Indexes that migrations have left behind are found, and nothing else is dropped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fieldfare.api import MigrationExecutor, MigrationPlanner, drop_abandoned, find_abandoned
from fieldfare.errors import LockHeld
from fieldfare.server import Server
from fieldfare.server.inspect import REHEARSAL_PREFIX, list_indexes
from fieldfare.server.lock import IndexLock
from fieldfare.testing.commandline import CommandLine
from fieldfare.testing.digest import database_digest

PATCH = {"version": 1, "mode": "shadow", "changes": {"update_fields": [{"name": "title", "attrs": {"sortable": True}}]}}


def create(server: Server, name: str, prefix: str = "d:") -> None:
    server.command("FT.CREATE", name, "PREFIX", 1, prefix, "SCHEMA", "title", "TEXT")


def abandoned(server: Server, *backup_dirs: Path) -> list[str]:
    return [each.name for each in find_abandoned(server=server, backup_dirs=backup_dirs)]


@pytest.fixture(autouse=True)
def books(server: Server) -> None:
    server.bulk([("HSET", f"d:{row}", "title", f"word{row}") for row in range(20)])
    create(server, "books")


def test_versions_that_no_name_leads_to_and_trial_indexes(server: Server, redis_url: str, tmp_path: Path) -> None:
    create(server, "books__v2")
    create(server, "books__v3", "other:")  # covers other keys
    create(server, "library__v2")  # nothing is called library
    create(server, f"{REHEARSAL_PREFIX}0123456789abcdef", "none:")
    before = database_digest(server)
    run = CommandLine(redis_url, tmp_path)
    asked = run("cleanup")
    assert asked.code == 2
    assert "books__v2" in asked.stdout
    assert "books__v2" in list_indexes(server)
    done = run("--json", "cleanup", "--yes")
    assert json.loads(done.stdout) == {"dropped": ["books__v2", f"{REHEARSAL_PREFIX}0123456789abcdef"]}
    assert list_indexes(server) == ["books", "books__v3", "library__v2"]
    assert database_digest(server) == before
    assert run("cleanup", "--yes").stdout == "Nothing to clean up.\n"


def test_what_a_migration_still_needs_stays(server: Server, tmp_path: Path) -> None:
    server.command("FT.ALIASADD", "shelf", "books")
    executor, planner = MigrationExecutor(), MigrationPlanner()
    first = planner.create_plan_from_patch("shelf", schema_patch=PATCH, server=server)
    executor.apply(first, server=server, backup_dir=tmp_path, switch=False)
    assert abandoned(server, tmp_path) == []
    executor.switch(server=server, backup_dir=tmp_path)
    assert abandoned(server) == [], "it answers to its name"
    second = planner.create_plan_from_patch(
        "shelf", schema_patch={**PATCH, "changes": {"add_fields": [{"name": "year", "type": "numeric"}]}}, server=server
    )
    assert second.target.name == "shelf__v3"
    executor.apply(second, server=server, backup_dir=tmp_path)
    assert abandoned(server, tmp_path) == [], "a rollback needs it"
    assert abandoned(server) == ["shelf__v2"], "without the backup nobody knows"
    executor.finalize(server=server, backup_dir=tmp_path, index="shelf__v3")
    assert list_indexes(server) == ["books", "shelf__v3"]


def test_what_a_running_migration_holds_stays(server: Server) -> None:
    create(server, "books__v2")
    create(server, f"{REHEARSAL_PREFIX}0123456789abcdef", "none:")
    found = find_abandoned(server=server)
    with IndexLock(server, "books", backup_dir=""):
        assert abandoned(server) == []
    with IndexLock(server, "books__v2", backup_dir=""), pytest.raises(LockHeld):
        drop_abandoned(found, server=server)


def test_an_index_that_got_the_name_since_it_was_found_stays(server: Server) -> None:
    create(server, "books__v2")
    found = find_abandoned(server=server)
    server.command("FT.DROPINDEX", "books")
    server.command("FT.ALIASADD", "books", "books__v2")
    drop_abandoned(found, server=server)
    assert list_indexes(server) == ["books__v2"]
