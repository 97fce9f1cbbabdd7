"""Backups hold what users have stored: nobody else on the machine may read them, whatever the umask says."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.server import Server

PATCH = {"version": 1, "changes": {"update_fields": [{"name": "v", "attrs": {"datatype": "float16"}}]}}


@pytest.fixture
def lenient() -> Iterator[None]:
    earlier = os.umask(0)
    yield
    os.umask(earlier)


def modes(directory: Path) -> dict[str, str]:
    paths = [directory, *directory.iterdir()]
    return {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in paths}


@pytest.mark.usefixtures("lenient")
def test_others_can_read_nothing_of_a_backup(server: Server, tmp_path: Path) -> None:
    server.bulk([("HSET", f"d:{row}", "v", bytes(16)) for row in range(20)])
    server.command(
        *("FT.CREATE", "idx", "PREFIX", 1, "d:", "SCHEMA", "v", "VECTOR", "FLAT", 6),
        *("TYPE", "FLOAT32", "DIM", 4, "DISTANCE_METRIC", "L2"),
    )
    plan = MigrationPlanner().create_plan_from_patch("idx", schema_patch=PATCH, server=server)
    backup = tmp_path / "backup"
    MigrationExecutor().apply(plan, server=server, backup_dir=backup, batch_size=5, num_workers=2)

    found = modes(backup)

    assert found.pop("backup") == "0o700"
    assert {name.partition(".")[2] for name in found} >= {"header", "keys", "shard-0.data", "manifest", "lock"}
    assert set(found.values()) == {"0o600"}


@pytest.mark.usefixtures("lenient")
def test_a_directory_that_is_there_keeps_its_permissions(server: Server, tmp_path: Path) -> None:
    """A team may want to share one."""
    backup = tmp_path / "backup"
    backup.mkdir(0o770)
    server.command("FT.CREATE", "idx", "PREFIX", 1, "d:", "SCHEMA", "t", "TEXT")
    patch = {"version": 1, "changes": {"add_fields": [{"name": "u", "type": "tag"}]}}
    plan = MigrationPlanner().create_plan_from_patch("idx", schema_patch=patch, server=server)
    MigrationExecutor().apply(plan, server=server, backup_dir=backup)
    assert modes(backup)["backup"] == "0o770"
