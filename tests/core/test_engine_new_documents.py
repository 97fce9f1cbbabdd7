"""Documents that the new index can't take are found, whatever else may have failed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fieldfare import hookimpl
from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.hooks.manager import load_plugins
from fieldfare.report import MigrationReport, Result, StepReport
from fieldfare.server import Server
from fieldfare.server.inspect import read_stats
from fieldfare.testing.indexing import wait_until_indexed

COUNT, DIMS = 200, 4
PATCH = {"version": 1, "changes": {"update_fields": [{"name": "v", "attrs": {"datatype": "float16"}}]}}
VECTORS = np.random.default_rng(4).standard_normal((COUNT + 1, DIMS)).astype("<f4")


class Application:
    """Writes while the index is gone."""

    def __init__(self, write: Callable[[], object]) -> None:
        self.write = write

    @hookimpl
    def fieldfare_step_report(self, report: StepReport) -> None:  # noqa: D102 - as the hook says
        if (report.activity, str(report.moment)) == ("drop", "finished"):
            self.write()


def write(server: Server, row: int, vector: bytes | None = None) -> None:
    server.command("HSET", f"d:{row}", "v", VECTORS[row].tobytes() if vector is None else vector)


@pytest.fixture
def index(server: Server) -> Server:
    for row in range(COUNT):
        write(server, row)
    server.command(
        *("FT.CREATE", "idx", "PREFIX", 1, "d:", "SCHEMA", "v", "VECTOR", "FLAT", 6),
        *("TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "L2"),
    )
    wait_until_indexed(server)
    return server


def migrated(server: Server, tmp_path: Path, application: Callable[[], object]) -> MigrationReport:
    plan = MigrationPlanner().create_plan_from_patch("idx", schema_patch=PATCH, server=server)
    plugins = load_plugins()
    plugins.register(Application(application), "application")
    return MigrationExecutor(plugins=plugins).apply(plan, server=server, backup_dir=tmp_path)


def require_converted(server: Server, report: MigrationReport) -> None:
    assert report.result is Result.SUCCEEDED
    assert {note.kind: note.keys for note in report.notes}["added during the run"] == (f"d:{COUNT}".encode(),)
    assert server.command("HGET", f"d:{COUNT}", "v") == VECTORS[COUNT].astype("<f2").tobytes()
    assert read_stats(server, "idx").num_docs == COUNT + 1


def test_document_that_was_added_while_another_one_was_changed(index: Server, tmp_path: Path) -> None:
    """The other one was converted in its turn, so its failure to be indexed, which never was, excused nobody."""

    def go_on() -> None:
        write(index, 7, VECTORS[8].tobytes())
        write(index, COUNT)

    require_converted(index, migrated(index, tmp_path, go_on))


def test_document_that_was_added_to_an_index_in_which_attempts_had_failed(index: Server, tmp_path: Path) -> None:
    """Attempts are counted for as long as an index lives, also those with documents that were mended since."""
    write(index, 7, b"too short")
    write(index, 7)
    wait_until_indexed(index)
    assert read_stats(index, "idx").hash_indexing_failures == 1

    require_converted(index, migrated(index, tmp_path, lambda: write(index, COUNT)))
