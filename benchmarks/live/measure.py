"""Carries out one migration while clients query and write, and sums up what they saw."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any, Final

import numpy as np
from attrs import define, field, frozen
from numpy.typing import NDArray

from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.documents import Column
from fieldfare.engine.stop import StopRequest
from fieldfare.patch.mode import ModeName
from fieldfare.report import MigrationReport
from fieldfare.server import Server
from fieldfare.server.capabilities import Version
from fieldfare.server.search import find_indexed
from fieldfare.testing.indexing import wait_until_indexed
from fieldfare.testing.load import Answer, Load, querying
from fieldfare_quantize.calibration import PER_VECTOR
from fieldfare_quantize.codec import convert
from live.documents import NAME, Dictionary
from live.final_state import count_stale, measure_recall
from live.results import CaseResult, Figures

__all__ = ["CASES", "LARGE", "Case", "run_case"]

QUIET_SECONDS: Final = 3.0
"""How long the clients query before the migration, after it, and after a rollback."""

WRITERS: Final = 2

HNSW: Final = {"update_fields": [{"name": "embedding", "attrs": {"algorithm": "HNSW"}}]}
FLOAT16: Final = {"update_fields": [{"name": "embedding", "attrs": {"datatype": "float16"}}]}
INT8: Final = {"update_fields": [{"name": "embedding", "attrs": {"datatype": "int8"}}]}
DIMS_256: Final = {
    "update_fields": [{"name": "embedding", "attrs": {"dims": 256}, "truncation": {"renormalize": False}}]
}
PREFIX: Final = {"index": {"prefix": "entry:"}}
FIELDS: Final = {"add_fields": [{"name": "pos", "type": "tag"}, {"name": "number", "type": "numeric"}]}


@frozen(hash=False)
class Case:
    """A migration.

    Attributes:
        name: for readers.
        mode: the mode of the plan.
        changes: the changes of the patch.
        has_vectors: whether the index has vectors.
        is_alias: whether the name is an alias.
        rolls_back: whether it is rolled back before ``finalize``; else it is finalized.
        rewritten: what becomes of vectors; None if they stay. Then ``sync --watch`` runs after the switch, for clients
            continue writing the old form, and nothing is finalized.
        prefix: the prefix of keys after the migration.
        search: the version of the search module that it needs.
        writes_per_second: the rate of both writing clients together.
        pause: seconds between an answer and the next query of a client.
    """

    name: str
    mode: ModeName
    changes: Mapping[str, Any]
    has_vectors: bool = True
    is_alias: bool = True
    rolls_back: bool = False
    rewritten: Callable[[NDArray[np.float32]], NDArray[Any]] | None = None
    prefix: str = "word:"
    search: Version = (2, 10, 0)
    writes_per_second: int = 200
    pause: float = 0.01

    @property
    def needs_sync(self) -> bool:
        """Whether documents hold two forms after the switch, of which clients write the old one."""
        return self.rewritten is not None or self.prefix != "word:"


def to_float16(vectors: NDArray[np.float32]) -> NDArray[np.float16]:
    """Return vectors as float16."""
    return vectors.astype("<f2")


def to_int8(vectors: NDArray[np.float32]) -> NDArray[np.int8]:
    """Return vectors as int8, each with its own scale."""
    count, dims = vectors.shape
    column = Column(np.ascontiguousarray(vectors).tobytes(), (4 * dims,) * count)
    codes = convert(column, "float32", "int8", dims, encoding=PER_VECTOR).column
    return np.frombuffer(codes.block, np.int8).reshape(count, dims)


def to_256_dims(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the first 256 dimensions."""
    return vectors[:, :256]


CASES: Final = (
    Case("FLAT → HNSW, shadow, of an alias", ModeName.SHADOW, HNSW),
    Case("the same, rolled back", ModeName.SHADOW, HNSW, rolls_back=True),
    Case("FLAT → HNSW, shadow, of an index, rolled back", ModeName.SHADOW, HNSW, is_alias=False, rolls_back=True),
    Case("float32 → float16, shadow", ModeName.SHADOW, FLOAT16, rewritten=to_float16),
    Case("float32 → int8, shadow", ModeName.SHADOW, INT8, rewritten=to_int8, search=(8, 0, 0)),
    Case("384 → 256 dimensions, shadow", ModeName.SHADOW, DIMS_256, rewritten=to_256_dims),
    Case("another prefix, shadow", ModeName.SHADOW, PREFIX, prefix="entry:"),
    Case("two more fields of a text index, alter", ModeName.ALTER, FIELDS, has_vectors=False),
    Case("FLAT → HNSW, drop_recreate", ModeName.DROP_RECREATE, HNSW),
)
LARGE: Final = Case(
    "2,000,000 x 64, float32 → float16, shadow",
    ModeName.SHADOW,
    FLOAT16,
    rewritten=to_float16,
    writes_per_second=14,
    pause=1.0,  # an exhaustive query takes the server a tenth of a second
)
"""A case of many documents with small vectors."""


@define
class Clock:
    """When each part of a migration began and ended, as ``time.monotonic()`` gives it."""

    parts: dict[str, tuple[float, float]] = field(factory=dict)
    moves: list[float] = field(factory=list)

    def note(self, activity: str, _detail: str) -> None:
        """Take the times of what moves names; for ``progress_callback``."""
        if activity == "switch":
            self.moves.append(time.monotonic())

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Take the time of the body, and of the names' move in it."""
        self.moves.clear()
        started = time.monotonic()
        yield
        self.parts[name] = started, time.monotonic()
        if self.moves:
            self.parts[f"{name}: switch"] = self.moves[0], self.moves[-1]


def run_case(case: Case, server: Server, url: str, dictionary: Dictionary) -> CaseResult:
    """Load the documents, migrate, and return what clients saw; they are a process of their own."""
    dictionary.load(server, has_vectors=case.has_vectors, is_alias=case.is_alias)
    queries, clock, executor = dictionary.queries(has_vectors=case.has_vectors), Clock(), MigrationExecutor()
    anew = {} if case.rewritten is None else {0: dictionary.nearest(case.rewritten(dictionary.vectors[7:8]).tobytes())}
    with tempfile.TemporaryDirectory() as backup_dir:
        sync = partial(executor.sync, redis_url=url, backup_dir=backup_dir)
        with querying(
            *(url, queries, dictionary.writes()),
            encoded_anew=anew,
            pause=case.pause,
            write_rate=case.writes_per_second,
            writers=WRITERS,
        ) as load:
            with clock.part("before"):
                time.sleep(QUIET_SECONDS)
            with clock.part("plan"):
                patch = {"version": 1, "mode": case.mode.value, "changes": case.changes}
                planner = MigrationPlanner(accept_recall_loss=True)  # of fewer dimensions
                plan = planner.create_plan_from_patch(NAME, schema_patch=patch, server=server)
            with clock.part("apply"):
                executor.apply(plan, server=server, backup_dir=backup_dir, progress_callback=clock.note)
            with clock.part("after"), watching(sync) if case.needs_sync else nullcontext():
                time.sleep(QUIET_SECONDS)
            if case.rolls_back:
                with clock.part("rollback"):
                    executor.rollback(server=server, backup_dir=backup_dir, progress_callback=clock.note)
            elif case.mode is ModeName.SHADOW and not case.needs_sync:
                with clock.part("finalize"):
                    executor.finalize(server=server, backup_dir=backup_dir)
            with clock.part("end"):
                time.sleep(QUIET_SECONDS)
        if case.needs_sync:
            sync()
    wait_until_indexed(server)
    move = clock.parts.get("rollback: switch")
    written = [key.replace(b"word:", case.prefix.encode(), 1) for key in load.written]
    return CaseResult(
        case.name,
        len(dictionary.vectors),
        {name: sum_up(load, *times) for name, times in clock.parts.items()},
        outage_seconds=find_outage(load.answers),
        writes=len(load.writes),
        writes_per_second=write_rate(load.writes, clock),
        write_errors=sum(bool(each.error) for each in load.writes),
        not_found=len(written) - len(find_indexed(server, NAME, written)),
        back_ms=1000 * (move[1] - move[0]) if move else None,
        stale=count_stale(server, case.rewritten, case.prefix) if case.needs_sync else None,
        recall=measure_recall(server, case.rewritten, dictionary, case.prefix) if case.needs_sync else None,
    )


@contextmanager
def watching(sync: Callable[..., MigrationReport]) -> Iterator[None]:
    """Let ``sync --watch`` run during the body."""
    stop = StopRequest()
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(sync, watch=True, stop=stop)
        try:
            yield
        finally:
            stop.set()
        done.result()


def sum_up(load: Load, first: float, last: float) -> Figures:
    """Return what the clients saw between two moments."""
    answers = load.between(first, last)
    milliseconds = [1000 * each.seconds for each in answers] or [0.0]
    return Figures(
        seconds=last - first,
        queries=len(answers),
        errors=sum(bool(each.error) for each in answers),
        empty=sum(not each.error and not each.results for each in answers),
        p50_ms=float(np.percentile(milliseconds, 50)),
        p99_ms=float(np.percentile(milliseconds, 99)),
        longest_ms=max(milliseconds),
        late_ms=1000 * max((each.late for each in answers), default=0.0),
    )


def write_rate(writes: Sequence[Answer], clock: Clock) -> float:
    """Return how many documents were written per second, from the start of the first part to the end of the last."""
    first, last = min(began for began, _ in clock.parts.values()), max(ended for _, ended in clock.parts.values())
    return sum(first <= each.started < last for each in writes) / (last - first)


def find_outage(answers: Sequence[Answer]) -> float:
    """Return the seconds from a failed or empty query to the next one that succeeds, in all."""
    total, since = 0.0, None
    for each in sorted(answers, key=lambda answer: answer.started):
        if not each.results and since is None:
            since = each.started
        elif each.results and since is not None:
            total, since = total + each.started - since, None
    return total
