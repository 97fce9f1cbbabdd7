"""A fault while a run recovers from an earlier one: killed, killed while it resumes, and killed while it rolls back.

``make torture SEED=n`` repeats what it printed.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

import pytest

from fieldfare.testing.faults import Fault

SEED: Final = os.environ.get("SEED", "20260101")
TORTURE: Final = "TORTURE" in os.environ
ROUNDS: Final = 5 if TORTURE else 1
SHAPES: Final = ["hash-all-4", "json-all-1"]
MORE: Final = ["hash-all-1", "hash-quantize-4", "hash-rename-1", "hash-prefix-1"]
TIMES: Final = 3
DEADLY: Final = ("kill", "power")


def faults(points: Any, dice: random.Random) -> Iterator[Fault]:
    """Yield faults that kill, at random points."""
    names = sorted(points)
    while True:
        point = dice.choice(names)
        yield Fault(point, dice.randint(1, points[point]), dice.choice(DEADLY))


@pytest.mark.parametrize("bench", [*SHAPES, *MORE] if TORTURE else SHAPES, indirect=True)
@pytest.mark.parametrize("number", range(ROUNDS))
def test_killed_again_and_again(bench: Any, number: int) -> None:
    dice = random.Random(f"{SEED} {bench.shape} {number}")
    apply_faults, rollback_faults = faults(bench.points, dice), faults(bench.rollback_points, dice)
    for resumes in (True, False):
        bench.reset()
        history = [(f"apply {fault}", bench.apply(fault).code) for fault in islice(apply_faults, TIMES)]
        if resumes:
            history.append(("apply", bench.apply().code))
            assert history[-1][1] == 0, (SEED, history)
            assert bench.state() == bench.migrated, (SEED, history)
        history += [(f"rollback {fault}", bench.rollback(fault).code) for fault in islice(rollback_faults, TIMES)]
        has_backup = any(bench.backup.glob("*.header"))
        history.append(("rollback", bench.rollback().code))
        assert history[-1][1] == (0 if has_backup else 4), (SEED, history)
        assert bench.state() == bench.original, (SEED, history)
        history.append(("apply", bench.apply().code))
        assert history[-1][1] == 0, (SEED, history)
        assert bench.state() == bench.migrated, (SEED, history)
