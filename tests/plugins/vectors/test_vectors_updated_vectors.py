"""Vectors that an application overwrites during a run do not lower the measured recall."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fieldfare import hookimpl
from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.hooks.manager import load_plugins
from fieldfare.report import Result, StepReport
from fieldfare.server import Server
from fieldfare.testing.indexing import wait_until_indexed

COUNT, DIMS = 200, 8
DICE = np.random.default_rng(5)
VECTORS = DICE.standard_normal((COUNT, DIMS)).astype("<f4")
UPDATED = DICE.standard_normal((COUNT, DIMS)).astype("<f4")
CONVERTED: dict[str, Any] = {"update_fields": [{"name": "v", "attrs": {"datatype": "float16"}}]}
PATCHES = {
    "converted": CONVERTED,
    "converted and moved": {
        **CONVERTED,
        "rename_fields": [{"old_name": "v", "new_name": "vec"}],
        "index": {"prefix": "e:"},
    },
}


class Application:
    """Writes every fifth document once the index is gone."""

    def __init__(self, server: Server) -> None:
        self.server = server

    @hookimpl
    def fieldfare_step_report(self, report: StepReport) -> None:  # noqa: D102 - as the hook says
        if (report.activity, str(report.moment)) == ("drop", "finished"):
            self.server.bulk([("HSET", f"d:{row}", "v", UPDATED[row].tobytes()) for row in range(0, COUNT, 5)])


@pytest.mark.parametrize("changes", PATCHES)
def test_vectors_that_are_overwritten_during_a_run_are_no_loss(changes: str, server: Server, tmp_path: Path) -> None:
    server.bulk([("HSET", f"d:{row}", "v", VECTORS[row].tobytes()) for row in range(COUNT)])
    server.command(
        *("FT.CREATE", "idx", "PREFIX", 1, "d:", "SCHEMA", "v", "VECTOR", "FLAT", 6),
        *("TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "L2"),
    )
    wait_until_indexed(server)
    patch = {"version": 1, "changes": PATCHES[changes]}
    plan = MigrationPlanner().create_plan_from_patch("idx", schema_patch=patch, server=server)
    plugins = load_plugins()
    plugins.register(Application(server), "application")

    report = MigrationExecutor(plugins=plugins).apply(plan, server=server, backup_dir=tmp_path, batch_size=50)

    assert report.result is Result.SUCCEEDED
    [finding] = [each for each in report.validation.findings if each.name.startswith("recall:")]
    assert finding.detail.startswith("recall@10 is 1.000 on 25 queries")
