"""Every kind of plan under every kind of fault: afterwards it goes on to the same end, or back to where it began.

A case is a shape, a fault, and what the user does next. ``make test`` goes through a slice of the matrix, ``make
torture`` through all of it, or through as much as ``MINUTES`` allow, in an order that ``SEED`` decides. One case again:
``make torture CASE='hash-all-1 rewrite:server.send:before:2=kill resume'``.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import takewhile
from typing import Any, Final

import pytest
from attrs import frozen

from fieldfare.testing.faults import Fault

TORTURE: Final = "TORTURE" in os.environ
SEED: Final = os.environ.get("SEED", "20260101")
MINUTES: Final = float(os.environ.get("MINUTES", "60"))
WANTED: Final = os.environ.get("CASE", "").split()
WORKERS: Final = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
SLICE: Final = 2
PARTS: Final = 8

LASTING: Final = ("kill", "power", "error", "interrupt", "disk", "drop", "readonly", "oom", "hang", "restart", "forget")
PASSING: Final = ("drop", "readonly", "hang", "restart", "forget")

SHAPES: Final = [
    f"{storage}-{change}-{workers}"
    for storage in ("hash", "json")
    for change in ("index-only", "quantize", "redact", "rename", "prefix", "all")
    if (storage, change) != ("json", "quantize")  # numbers have no datatype: only the index changes, as in index-only
    for workers in (1, 4)
]

SLICED: Final = [each for each in SHAPES if not each.endswith(("index-only-4", "rename-4", "prefix-4"))]
"""Those are as with one worker: only documents that are rewritten are shared out."""


@frozen
class Case:
    """What goes wrong, and what the user does next.

    Attributes:
        fault: what goes wrong.
        way: ``resume`` or ``back`` after a fault while the plan is carried out; ``undo`` for a fault in a rollback.
    """

    fault: Fault
    way: str

    @classmethod
    def parse(cls, text: str) -> Case:
        """Read what ``str`` gives."""
        fault, _, way = text.partition(" ")
        return cls(Fault.parse(fault), way)

    def __str__(self) -> str:
        """Write it as ``CASE`` takes it, behind the shape."""
        return f"{self.fault} {self.way}"


def all_cases(bench: Any, dice: random.Random) -> Iterator[Case]:
    """Give the whole matrix of a shape."""
    actions = [(name, False) for name in LASTING] + [(name, True) for name in PASSING]
    if not bench.has_small_disk:
        actions.remove(("disk", False))
    survey = bench.survey
    for reached, ways in ((survey.reached, ("resume", "back")), (survey.undo_reached, ("undo",))):
        points, watched = Counter(reached), Counter(reached[: last_look(reached)])
        for point, hits in sorted(points.items()):
            for hit in range(1, hits + 1):
                for action, passing in actions:
                    forgets = action == "forget"
                    if forgets and hit > watched[point]:
                        continue  # the run is over, and has said so
                    save_at = dice.randrange(len(reached)) if forgets else 0
                    for way in ways:
                        yield Case(Fault(point, hit, action, passing, save_at), way)


def last_look(reached: Sequence[str]) -> int:
    """Return how many points are reached before a run has a last look at which server it is on: after it validated."""
    return max(place for place, point in enumerate(reached, start=1) if point.startswith("validate:"))


def go_through(bench: Any, case: Case) -> None:
    """Let it go wrong, do what the user does next, and compare the state of the server."""
    bench.reset()
    if case.way == "undo":
        assert bench.apply().code == 0
    run = bench.rollback if case.way == "undo" else bench.apply
    outcome = run(case.fault, patiently=case.fault.passing)
    bench.heal()
    told = f"exit {outcome.code}: {outcome.stderr[-1500:]}"
    assert outcome.code in expected_codes(case.fault), told
    if outcome.code in {1, 4} and case.fault.action != "forget":
        unchanged = bench.migrated if case.way == "undo" else bench.original
        assert bench.state() == unchanged, f"it says that nothing was changed, {told}"
    if outcome.code == 0:
        assert bench.left_overs() == [], "a rehearsal was left"
    if case.way == "resume":
        if outcome.code != 0 or case.fault.action == "forget":
            resumed = bench.apply()
            assert resumed.code == 0, f"resuming after {told}\n{resumed.stderr[-1500:]}"
        assert bench.state() == bench.migrated, f"another end after {told}"
    has_backup = any(bench.backup.glob("*.header"))
    undone = bench.rollback()
    assert undone.code == (0 if has_backup else 4), f"rolling back after {told}\n{undone.stderr[-1500:]}"
    assert bench.state() == bench.original, f"not back where it began after {told}"


def expected_codes(fault: Fault) -> set[int]:
    """Return the exit codes that a fault may have; 0 where its point was not reached, or did no harm."""
    if fault.action in {"kill", "power"}:
        return {0, -9}
    if fault.action == "error":
        return {0, 1, 3, 6, 70}
    if fault.action == "interrupt":
        return {0, 130}
    if fault.passing and not fault.point.startswith("open:"):
        return {0}  # the run gets over it by itself
    return {0, 1, 3, 4}


def try_all(bench: Any, cases: Iterable[Case], whole: int, record: Callable[[str, object], None]) -> None:
    """Go through cases; afterwards say which ones failed."""
    counted: Counter[str] = Counter(all=whole)
    failures = []
    for case in cases:
        counted["tried"] += 1
        counted[f"{case.fault.action}{'~' if case.fault.passing else ''}"] += 1
        try:
            go_through(bench, case)
        except (AssertionError, TimeoutError) as error:
            failures.append(f"make torture CASE='{bench.shape} {case}'\n{error}")
    record("faults", dict(counted))
    assert not failures, "\n\n".join([f"{len(failures)} of {counted['tried']} (SEED={SEED})", *failures])


@pytest.mark.skipif(TORTURE, reason="'make torture' goes through all of it")
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("bench", ["hash-all-1"], indirect=True)
def test_killed_at_every_point(bench: Any, part: int, record_property: Callable[[str, object], None]) -> None:
    """Once at every point that there is, at some of its hits; with or without the power."""
    dice = random.Random(f"{SEED} every point")
    kills = [case for case in all_cases(bench, dice) if case.fault.action in {"kill", "power"}]
    dice.shuffle(kills)
    one_each = list({(case.way == "undo", case.fault.point): case for case in kills}.values())
    try_all(bench, one_each[part::PARTS], 0, record_property)


@pytest.mark.skipif(TORTURE, reason="'make torture' goes through all of it")
@pytest.mark.parametrize("bench", SLICED, indirect=True)
def test_some_faults_of_every_shape(bench: Any, record_property: Callable[[str, object], None]) -> None:
    dice = random.Random(f"{SEED} {bench.shape}")
    cases = list(all_cases(bench, dice))
    try_all(bench, dice.sample(cases, SLICE), len(cases), record_property)


@pytest.mark.parametrize(
    ("bench", "text"),
    [("hash-redact-1", "validate:server.send:after:10=forget@25 undo")],  # the old and the new definition are the same
    indirect=["bench"],
)
def test_what_went_wrong_once(bench: Any, text: str) -> None:
    go_through(bench, Case.parse(text))


@pytest.mark.skipif(not TORTURE, reason="takes hours: 'make torture'")
@pytest.mark.parametrize("bench", WANTED[:1] or SHAPES, indirect=True)
def test_torture(bench: Any, record_property: Callable[[str, object], None]) -> None:
    dice = random.Random(f"{SEED} {bench.shape}")
    cases = list(all_cases(bench, dice))
    whole = len(cases)
    dice.shuffle(cases)
    if WANTED:
        cases = [Case.parse(" ".join(WANTED[1:]))]
    deadline = time.monotonic() + MINUTES * 60 * WORKERS / len(SHAPES)
    try_all(bench, takewhile(lambda _: time.monotonic() < deadline, cases), whole, record_property)
