"""Every kind of plan under every kind of fault: afterwards it can be resumed to the same end, or rolled back.

A case is a shape, a fault, and what the user does next. ``make test`` runs a sample of the matrix, ``make torture``
all of it, or as much as ``MINUTES`` allow, in an order that ``SEED`` decides. To run one case again:
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
REQUESTED: Final = os.environ.get("CASE", "").split()
WORKERS: Final = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
SAMPLE_SIZE: Final = 1
NAMES: Final = {"articles": "articles", "news": "articles"}
"""The index that each name leads to before the run."""
PARTS: Final = 3

PERMANENT: Final = (
    "kill",
    "power",
    "error",
    "interrupt",
    "disk",
    "drop",
    "readonly",
    "oom",
    "hang",
    "restart",
    "forget",
)
TRANSIENT: Final = ("drop", "readonly", "hang", "restart", "forget")

SHADOW: Final = ("shadow-alias", "shadow-own", "shadow-rename", "shadow-fields", "shadow-copy", "shadow-prefix")

FILLED: Final = ("hash-fill-1", "hash-fill-redact-1")
"""Only one worker fills the target, and only with hashes."""

SHAPES: Final = [
    f"{storage}-{change}-{workers}"
    for storage in ("hash", "json")
    for change in ("index-only", "alter", *SHADOW, "quantize", "redact", "rename", "prefix", "all")
    if (storage, change) != ("json", "quantize")  # numbers have no datatype: only the index changes, as in index-only
    for workers in (1, 4)
] + list(FILLED)

SAMPLED: Final = [
    each
    for each in SHAPES
    if not each.endswith(("index-only-4", "alter-4", "rename-4", "prefix-4", "alias-4", "own-4", "copy-4"))
    and each != "json-shadow-copy-1"
]
"""Without shapes that behave as with one worker, which only share documents that are rewritten, or as another shape."""

OPENING: Final = ("open", "undo open")

TRIED_AT_MANY_POINTS: Final[dict[str, tuple[str, ...]]] = {
    "hash-all-1": (),
    "hash-fill-redact-1": (*OPENING, "enumerate", "rehearse", "dump", "drop", "validate"),
    "hash-alter-1": (*OPENING, "enumerate"),
    "hash-shadow-alias-1": (*OPENING, "enumerate"),
    "hash-shadow-own-1": (*OPENING, "enumerate", "rehearse", "create", "index", "check", "validate"),
    "hash-shadow-fields-1": ("open", "enumerate", "rehearse", "dump", "index", "validate"),
    "json-shadow-fields-1": (
        *(*OPENING, "enumerate", "rehearse", "dump", "create", "index", "check", "switch", "validate"),
        *("undo drop", "undo index", "undo switch", "undo validate"),
    ),
}
"""One shape of each mode → activities of a run, or its rollback, that end in the same way in an earlier shape."""


@frozen
class Case:
    """A fault, and what the user does next.

    Attributes:
        fault: the fault.
        then: ``resume`` or ``rollback`` after a fault in ``apply``; ``undo`` for a fault in a rollback.
    """

    fault: Fault
    then: str

    @classmethod
    def parse(cls, text: str) -> Case:
        """Read what ``str`` gives."""
        fault, _, then = text.partition(" ")
        return cls(Fault.parse(fault), then)

    def __str__(self) -> str:
        """Write the case as ``CASE`` holds it behind the shape."""
        return f"{self.fault} {self.then}"


def all_cases(bench: Any, dice: random.Random) -> Iterator[Case]:
    """Yield the whole matrix of a shape."""
    actions = [(name, False) for name in PERMANENT] + [(name, True) for name in TRANSIENT]
    if not bench.has_small_disk:
        actions.remove(("disk", False))
    baseline = bench.baseline
    for reached, actions_of_user in (
        (baseline.reached, ("resume", "rollback")),
        (baseline.rollback_reached, ("undo",)),
    ):
        points, watched = Counter(reached), Counter(reached[: last_identity_check(reached)])
        for point, hits in sorted(points.items()):
            for hit in range(1, hits + 1):
                for action, transient in actions:
                    forgets = action == "forget"
                    if forgets and hit > watched[point]:
                        continue  # the run has ended and reported its result
                    save_at = dice.randrange(len(reached)) if forgets else 0
                    for then in actions_of_user:
                        yield Case(Fault(point, hit, action, transient, save_at), then)


def last_identity_check(reached: Sequence[str]) -> int:
    """Return how many points a run reaches before its last check of the server's identity, after validation."""
    return max(place for place, point in enumerate(reached, start=1) if point.startswith("validate:"))


def run_case(bench: Any, case: Case) -> None:
    """Inject the fault, do what the user does next, and compare the state of the server."""
    bench.reset()
    if case.then == "undo":
        assert bench.apply().code == 0
    run = bench.rollback if case.then == "undo" else bench.apply
    outcome = run(case.fault, with_retries=case.fault.transient)
    bench.repair()
    result = f"exit {outcome.code}: {outcome.stderr[-1500:]}"
    assert outcome.code in expected_codes(case.fault), result
    if bench.shape.mode != "drop_recreate" and not (case.then == "undo" and bench.shape.rollback_has_outage):
        assert bench.wrong_answers() == {}, f"the index does not answer after {result}"
    if "did not pass its checks" in outcome.stderr:
        assert bench.names() == NAMES, f"a name was moved by {result}"
    elif outcome.code in {1, 4} and case.fault.action != "forget":
        unchanged = bench.migrated if case.then == "undo" else bench.original
        assert bench.state() == unchanged, f"it reports that nothing was changed, {result}"
    if outcome.code == 0:
        assert bench.leftover_indexes() == [], "a rehearsal index was left"
    if case.then == "resume":
        if outcome.code != 0 or case.fault.action == "forget":
            resumed = bench.apply()
            assert resumed.code == 0, f"resuming after {result}\n{resumed.stderr[-1500:]}"
        assert bench.state() == bench.migrated, f"not as an undisturbed run after {result}"
        switched = bench.shape.switched_names
        assert switched in (None, bench.names()), f"the names lead elsewhere after {result}"
    has_backup = any(bench.backup.glob("*.header"))
    undone = bench.rollback()
    assert undone.code == (0 if has_backup else 4), (
        f"rolling back after {result}\n{undone.stdout}{undone.stderr[-1500:]}"
    )
    assert bench.state() == bench.original, f"not as before after {result}"
    assert bench.names() == NAMES, f"the names lead elsewhere after {result}"


def expected_codes(fault: Fault) -> set[int]:
    """Return the exit codes that a fault may have; 0 if its point was not reached, or the fault had no effect."""
    if fault.action in {"kill", "power"}:
        return {0, -9}
    if fault.action == "error":
        return {0, 1, 3, 4, 6, 70}
    if fault.action == "interrupt":
        return {0, 130}
    if fault.transient and not fault.point.startswith("open:"):
        return {0}  # the run retries
    return {0, 1, 3, 4}


def try_all(bench: Any, cases: Iterable[Case], whole: int, record: Callable[[str, object], None]) -> None:
    """Run cases, and afterwards list those that failed."""
    counted: Counter[str] = Counter(all=whole)
    failures = []
    for case in cases:
        counted["tried"] += 1
        counted[f"{case.fault.action}{'~' if case.fault.transient else ''}"] += 1
        try:
            run_case(bench, case)
        except (AssertionError, TimeoutError) as error:
            failures.append(f"make torture CASE='{bench.shape} {case}'\n{error}")
    record("faults", dict(counted))
    assert not failures, "\n\n".join([f"{len(failures)} of {counted['tried']} (SEED={SEED})", *failures])


@pytest.mark.skipif(TORTURE, reason="'make torture' runs all of it")
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("bench", TRIED_AT_MANY_POINTS, indirect=True)
def test_killed_at_many_points(bench: Any, part: int, record_property: Callable[[str, object], None]) -> None:
    """Kill a run at every ninth point that leaves something new, or cut its power; ``make torture`` tries all."""
    dice = random.Random(f"{SEED} every point")
    kills = [case for case in all_cases(bench, dice) if leaves_something_new(case, str(bench.shape))]
    dice.shuffle(kills)
    one_each = list({(case.then == "undo", case.fault.point): case for case in kills}.values())
    try_all(bench, one_each[::9][part::PARTS], 0, record_property)


@pytest.mark.skipif(TORTURE, reason="'make torture' runs all of it")
@pytest.mark.parametrize("bench", ["hash-all-1"], indirect=True)
def test_killed_after_each_command_that_creates_the_index(
    bench: Any, record_property: Callable[[str, object], None]
) -> None:
    """The index is there then, and lacks its synonyms, or its alias."""
    point = "create:server.send:after"
    hits = range(1, bench.points[point] + 1)
    try_all(bench, [Case(Fault(point, hit, "kill"), "resume") for hit in hits], 0, record_property)


def leaves_something_new(case: Case, shape: str) -> bool:
    """Whether a kill or a power loss leaves what no kill at another point leaves, nor one of an earlier shape."""
    fault = case.fault
    # between a command that is sent and the next one, a process that ends leaves the same behind
    unchanged = fault.point.endswith(("server.receive:before", "server.receive:after", "server.send:before"))
    activity = fault.point.partition(":")[0]
    name = f"undo {activity}" if case.then == "undo" else activity
    return fault.action in {"kill", "power"} and not unchanged and name not in TRIED_AT_MANY_POINTS[shape]


@pytest.mark.skipif(TORTURE, reason="'make torture' runs all of it")
@pytest.mark.parametrize("bench", SAMPLED, indirect=True)
def test_a_fault_of_every_shape(bench: Any, record_property: Callable[[str, object], None]) -> None:
    dice = random.Random(f"{SEED} {bench.shape}")
    cases = list(all_cases(bench, dice))
    try_all(bench, dice.sample(cases, SAMPLE_SIZE), len(cases), record_property)


@pytest.mark.parametrize(
    ("bench", "text"),
    [
        (
            "hash-redact-1",
            "validate:server.send:after:10=forget@25 undo",
        ),  # old and new definition are the same
        ("json-prefix-1", "enumerate:file.append:before:3=restart~ resume"),  # a cursor of SCAN means nothing after it
    ],
    indirect=["bench"],
)
def test_cases_that_failed_before(bench: Any, text: str) -> None:
    run_case(bench, Case.parse(text))


@pytest.mark.skipif(not TORTURE, reason="takes hours: 'make torture'")
@pytest.mark.parametrize("bench", REQUESTED[:1] or SHAPES, indirect=True)
def test_torture(bench: Any, record_property: Callable[[str, object], None]) -> None:
    dice = random.Random(f"{SEED} {bench.shape}")
    cases = list(all_cases(bench, dice))
    whole = len(cases)
    dice.shuffle(cases)
    if REQUESTED:
        cases = [Case.parse(" ".join(REQUESTED[1:]))]
    deadline = time.monotonic() + MINUTES * 60 * WORKERS / len(SHAPES)
    try_all(bench, takewhile(lambda _: time.monotonic() < deadline, cases), whole, record_property)
