"""A fault while a run gets over an earlier one: killed, killed again while it goes on, and again on the way back.

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
    """Give deadly faults anywhere in what is gone through from the beginning."""
    names = sorted(points)
    while True:
        point = dice.choice(names)
        yield Fault(point, dice.randint(1, points[point]), dice.choice(DEADLY))


@pytest.mark.parametrize("bench", [*SHAPES, *MORE] if TORTURE else SHAPES, indirect=True)
@pytest.mark.parametrize("number", range(ROUNDS))
def test_killed_again_and_again(bench: Any, number: int) -> None:
    dice = random.Random(f"{SEED} {bench.shape} {number}")
    forth, back = faults(bench.points, dice), faults(bench.undo_points, dice)
    for ends in ("there", "back"):
        bench.reset()
        history = [(f"apply {fault}", bench.apply(fault).code) for fault in islice(forth, TIMES)]
        if ends == "there":
            history.append(("apply", bench.apply().code))
            assert history[-1][1] == 0, (SEED, history)
            assert bench.state() == bench.migrated, (SEED, history)
        history += [(f"rollback {fault}", bench.rollback(fault).code) for fault in islice(back, TIMES)]
        has_backup = any(bench.backup.glob("*.header"))
        history.append(("rollback", bench.rollback().code))
        assert history[-1][1] == (0 if has_backup else 4), (SEED, history)
        assert bench.state() == bench.original, (SEED, history)
        history.append(("apply", bench.apply().code))
        assert history[-1][1] == 0, (SEED, history)
        assert bench.state() == bench.migrated, (SEED, history)
