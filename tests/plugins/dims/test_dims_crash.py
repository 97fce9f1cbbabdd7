"""Killed with SIGKILL in the middle, resumed or rolled back."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any, TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray

from fieldfare.definition import Storage
from torture import pairs

Bench = Any  # the class Workbench in conftest.py, which tests cannot import
Prepare: TypeAlias = Callable[[Storage], tuple[object, object]]

COUNT, DIMS = 60, 48
CHANGES = {
    "update_fields": [{"name": "embedding", "attrs": {"dims": DIMS - 8, "datatype": "float16"}}],
    "rename_fields": [{"old_name": "embedding", "new_name": "vec"}],
}
FORWARD = (
    "dump:progress:2",
    "drop:finished:1",
    "rewrite:progress:2",
    "rewrite:progress:3",
    "rename.field:progress:2",
    "rewrite:finished:1",
)
BACKWARD = ("restore:progress:2", "restore:progress:3", "restore:finished:1")


@pytest.fixture(scope="module")
def migrated() -> dict[Storage, object]:
    """What a run that nothing disturbs makes of the documents; the same for every test, as the documents are."""
    return {}


@pytest.fixture
def prepare(bench: Bench, rotated: NDArray[np.float32], migrated: dict[Storage, object]) -> Prepare:
    """Creates and plans; gives the state before, and that after a run that nothing disturbed."""

    def create_and_plan(storage: Storage) -> tuple[object, object]:
        bench.create(rotated[:COUNT, :DIMS], storage)
        before = bench.state()
        bench.plan(CHANGES, "--accept-recall-loss")
        if storage not in migrated:
            bench.apply("--batch-size", "15")
            migrated[storage] = bench.state()
            bench.rollback()
            assert bench.state() == before
        return before, migrated[storage]

    return create_and_plan


def kill(bench: Bench, moment: str, *arguments: str) -> None:
    outcome = bench.command(*arguments, "--backup-dir", "backup", crash_at=moment)
    assert outcome.code == -9, f"this moment never came: {outcome.stderr}"


@pytest.mark.parametrize(("moment", "way"), pairs(FORWARD, list(product(("resume", "rollback"), Storage))))
def test_killed_run(bench: Bench, prepare: Prepare, moment: str, way: tuple[str, Storage]) -> None:
    then, storage = way
    before, after = prepare(storage)
    apply = ("apply", "--plan", "plan.yaml", "--batch-size", "15")

    kill(bench, moment, *apply)
    if then == "resume":
        bench.apply("--batch-size", "15")
        assert bench.state() == after
    bench.rollback()
    assert bench.state() == before


@pytest.mark.parametrize(("moment", "storage"), pairs(BACKWARD, list(Storage)))
def test_killed_rollback(bench: Bench, prepare: Prepare, moment: str, storage: Storage) -> None:
    before, _ = prepare(storage)
    bench.apply("--batch-size", "15")
    kill(bench, moment, "rollback")
    bench.rollback()
    assert bench.state() == before


def test_several_workers_are_killed_and_one_resumes(bench: Bench, prepare: Prepare) -> None:
    before, after = prepare(Storage.HASH)
    kill(bench, "rewrite:progress:2", "apply", "--plan", "plan.yaml", "--batch-size", "5", "--workers", "3")
    bench.apply()
    assert bench.state() == after
    bench.rollback("--workers", "2")
    assert bench.state() == before
