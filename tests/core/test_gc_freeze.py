"""Work on documents freezes Python's garbage collection, and unfreezes it afterwards."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fieldfare import hookimpl
from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.hooks.manager import load_plugins
from fieldfare.report import Moment, StepReport
from fieldfare.server import Server
from fieldfare.support.gc_freeze import frozen_gc


@pytest.fixture(autouse=True)
def nothing_frozen() -> Iterator[None]:
    gc.unfreeze()
    yield
    gc.unfreeze()


def test_objects_that_exist_before_are_frozen_inside() -> None:
    before = len(gc.get_objects())
    with frozen_gc():
        assert gc.get_freeze_count() >= before
        assert len(gc.get_objects()) < before / 10
    assert gc.get_freeze_count() == 0


def test_it_ends_with_the_last_of_several_runs() -> None:
    with frozen_gc():
        with frozen_gc():
            assert gc.get_freeze_count() > 0
        assert gc.get_freeze_count() > 0
    assert gc.get_freeze_count() == 0


def test_it_ends_with_a_run_that_fails() -> None:
    with pytest.raises(ValueError, match="half-way"), frozen_gc():
        raise ValueError("half-way")
    assert gc.get_freeze_count() == 0


def test_objects_that_the_program_froze_stay_frozen() -> None:
    made_by_the_program = [object()]
    gc.freeze()
    with frozen_gc():
        pass
    assert not any(each is made_by_the_program for each in gc.get_objects())


@pytest.mark.parametrize("workers", [1, 2])
def test_objects_that_exist_before_are_not_collected_while_documents_are_rewritten(
    workers: int, server: Server, tmp_path: Path
) -> None:
    server.bulk([("HSET", f"d:{row}", "v", np.full(8, row, "<f4").tobytes()) for row in range(100)])
    server.command(
        *("FT.CREATE", "old", "PREFIX", 1, "d:", "SCHEMA"),
        *("v", "VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", 8, "DISTANCE_METRIC", "L2"),
    )
    frozen: list[int] = []

    class Look:
        @hookimpl
        def fieldfare_step_report(self, report: StepReport) -> None:
            if report.activity == "rewrite" and report.moment is Moment.PROGRESS:
                frozen.append(gc.get_freeze_count())

    plugins = load_plugins()
    plugins.register(Look(), "look", "1")
    patch = {"version": 1, "changes": {"update_fields": [{"name": "v", "attrs": {"datatype": "float16"}}]}}
    plan = MigrationPlanner().create_plan_from_patch("old", schema_patch=patch, server=server)
    executor = MigrationExecutor(plugins=plugins)
    executor.apply(plan, server=server, backup_dir=tmp_path, batch_size=10, num_workers=workers)
    assert any(frozen)
    assert gc.get_freeze_count() == 0
