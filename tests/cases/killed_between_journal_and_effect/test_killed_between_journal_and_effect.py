"""A run ended between any two things that it does: commands, writes of the journal, of the backup, renamed files.

Moments of a run are reported between activities; what is tried here lies between an effect and its record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.backup import journal
from fieldfare.backup.record_file import RecordFile
from fieldfare.errors import BackupUnusable
from fieldfare.plan import MigrationPlan
from fieldfare.server import Server
from fieldfare.server.change_tracking import ChangeTracking
from fieldfare.testing.digest import database_digest, index_state
from torture import TORTURE

COUNT, DIMS = 12, 4
EVERY: Final = 11 if TORTURE else 22
"""A test kills at one of so many places; ``make torture`` starts from each of ``range(1, 12)``: at all of them."""

SAME_NAME: Final[dict[str, Any]] = {"update_fields": [{"name": "v", "attrs": {"datatype": "bfloat16"}}]}
OTHER_NAME = {**SAME_NAME, "index": {"name": "new"}}
CHANGES: Final[dict[str, dict[str, Any]]] = {"same name": SAME_NAME, "other name": OTHER_NAME}
STARTS: Final = [(name, first) for name in CHANGES for first in range(1, EVERY + 1)]
TRIED: Final = STARTS if TORTURE else [("same name", 2), ("other name", 8)]


class Killed(BaseException):
    """The process ends here, as far as the run can tell."""


class Clock:
    """Counts what a run does, and ends it at one of these things."""

    def __init__(self) -> None:
        self.now = 0
        self.end = 0

    def tick(self) -> None:
        """Count one thing more."""
        self.now += 1
        if self.now == self.end:
            raise Killed

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Count before a function and behind it; not for the lock, which goes with the process that held it."""

        def inner(*arguments: Any, **options: Any) -> Any:
            if any(isinstance(each, bytes) and each.startswith(b"fieldfare:lock:") for each in arguments):
                return function(*arguments, **options)
            self.tick()
            result = function(*arguments, **options)
            self.tick()
            return result

        return inner

    def survives(self, run: Callable[[], object], end: int = 0) -> bool:
        """Whether a run comes to its end, which it does not if it gets to this place."""
        self.now, self.end = 0, end
        try:
            run()
        except Killed:
            return False
        finally:
            self.end = 0
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    stream = Server.bulk_stream

    def ticking(server: Server, batches: Iterator[Sequence[Any]], lock: Any = None) -> Iterator[list[Any]]:
        for replies in stream(server, batches, lock):
            clock.tick()
            yield replies

    monkeypatch.setattr(Server, "bulk_stream", ticking)
    for owner, name in (
        (Server, "command"),
        (ChangeTracking, "receive"),
        (journal, "write_durably"),
        (RecordFile, "append"),
        (Path, "rename"),
    ):
        monkeypatch.setattr(owner, name, clock.around(getattr(owner, name)))
    return clock


def prepare(server: Server, changes: dict[str, Any]) -> MigrationPlan:
    vectors = np.random.default_rng(4).standard_normal((COUNT, DIMS)).astype("<f2")
    server.bulk([("HSET", f"d:{row}", "v", vectors[row].tobytes()) for row in range(COUNT)])
    server.command(
        *("FT.CREATE", "old", "PREFIX", 1, "d:", "SCHEMA", "v", "VECTOR", "FLAT", 6),
        *("TYPE", "FLOAT16", "DIM", DIMS, "DISTANCE_METRIC", "L2"),
    )
    for group in ("one", "two"):
        server.command("FT.SYNUPDATE", "old", group, "a", group)
    server.command("FT.ALIASADD", "news", "old")
    patch = {"version": 1, "changes": changes}
    return MigrationPlanner().create_plan_from_patch("old", schema_patch=patch, server=server, aliases=["news"])


def state(server: Server) -> object:
    indexes = {name: each for name, each in index_state(server).items() if not name.startswith("fieldfare:")}
    return database_digest(server), indexes


@pytest.mark.parametrize(("name", "first"), TRIED)
def test_every_place_is_safe(name: str, first: int, clock: Clock, server: Server, tmp_path: Path) -> None:
    executor = MigrationExecutor()
    plan = prepare(server, CHANGES[name])
    before = state(server)

    def apply() -> None:
        executor.apply(plan, server=server, backup_dir=tmp_path, batch_size=5)

    def rollback() -> None:
        try:
            executor.rollback(server=server, backup_dir=tmp_path)
        except BackupUnusable as error:
            assert "no backup" in str(error), "there is none before a run, and between two"  # noqa: PT017 - or it is raised

    assert clock.survives(apply)
    after, places = state(server), clock.now
    assert clock.survives(rollback)
    ways_back = clock.now

    for end in range(first, places, EVERY):
        clock.survives(apply, end)  # the last places are polls, of which there may be fewer
        apply()
        assert state(server) == after, f"resumed after place {end}"
        clock.survives(rollback, 1 + end % ways_back)
        rollback()
        assert state(server) == before, f"rolled back again after place {end % ways_back}"
        clock.survives(apply, end)
        rollback()
        assert state(server) == before, f"rolled back after place {end}"
