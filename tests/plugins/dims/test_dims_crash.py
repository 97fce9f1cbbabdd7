"""Killed with SIGKILL in the middle, resumed or rolled back."""

from __future__ import annotations

from itertools import cycle
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fieldfare.definition import Storage

Bench = Any  # the class Workbench in conftest.py, which tests cannot import

COUNT = 60
CHANGES = {
    "update_fields": [{"name": "embedding", "attrs": {"dims": 352, "datatype": "float16"}}],
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


def prepare(bench: Bench, vectors: NDArray[np.float32], storage: Storage) -> tuple[object, object]:
    """Create and plan; return the state before, and that after a run that nothing disturbed."""
    bench.create(vectors[:COUNT], storage)
    before = bench.state()
    bench.plan(CHANGES, "--accept-recall-loss")
    bench.apply("--batch-size", "15")
    after = bench.state()
    bench.rollback()
    assert bench.state() == before
    return before, after


def kill(bench: Bench, moment: str, *arguments: str) -> None:
    outcome = bench.command(*arguments, "--backup-dir", "backup", crash_at=moment)
    assert outcome.code == -9, f"this moment never came: {outcome.stderr}"


@pytest.mark.parametrize(("moment", "storage"), list(zip(FORWARD, cycle(Storage), strict=False)))
def test_killed_run(bench: Bench, rotated: NDArray[np.float32], moment: str, storage: Storage) -> None:
    before, after = prepare(bench, rotated, storage)
    apply = ("apply", "--plan", "plan.yaml", "--batch-size", "15")

    kill(bench, moment, *apply)
    bench.apply("--batch-size", "15")
    assert bench.state() == after
    bench.rollback()
    assert bench.state() == before

    kill(bench, moment, *apply)
    bench.rollback()
    assert bench.state() == before


@pytest.mark.parametrize(("moment", "storage"), list(zip(BACKWARD, cycle(Storage), strict=False)))
def test_killed_rollback(bench: Bench, rotated: NDArray[np.float32], moment: str, storage: Storage) -> None:
    before, _ = prepare(bench, rotated, storage)
    bench.apply("--batch-size", "15")
    kill(bench, moment, "rollback")
    bench.rollback()
    assert bench.state() == before


def test_several_workers_are_killed_and_one_resumes(bench: Bench, rotated: NDArray[np.float32]) -> None:
    before, after = prepare(bench, rotated, Storage.HASH)
    kill(bench, "rewrite:progress:2", "apply", "--plan", "plan.yaml", "--batch-size", "5", "--workers", "3")
    bench.apply()
    assert bench.state() == after
    bench.rollback("--workers", "2")
    assert bench.state() == before
