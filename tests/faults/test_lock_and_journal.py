"""What the journal must record, and that the lock is held, at the moment of a fault."""

from __future__ import annotations

import json
from contextlib import suppress
from threading import Event, Thread
from typing import Any, ClassVar, Self

import pytest

from fieldfare.api import MigrationExecutor, load_migration_plan
from fieldfare.engine import session
from fieldfare.errors import LockLost, RollbackFailed
from fieldfare.report import Result
from fieldfare.server.lock import IndexLock
from fieldfare.support import fault_points
from fieldfare.testing.faults import Fault

LOCK = "fieldfare:lock:articles"
OTHER_OWNER = json.dumps({"host": "elsewhere", "pid": 1, "started": "now"})


class WatchedLock(IndexLock):
    """A lock that is checked all the time, and signals when it is lost."""

    lost: ClassVar[Event]

    def check(self, max_age: float = 0.0) -> None:  # noqa: D102 - as there
        try:
            super().check(max_age)
        except LockLost:
            self.lost.set()
            raise

    def __enter__(self) -> Self:  # noqa: D105 - as there
        held = super().__enter__()
        Thread(target=self._watch, daemon=True).start()
        return held

    def _watch(self) -> None:
        with suppress(LockLost):
            while not self.lost.wait(0.05):
                self.check()


@pytest.mark.parametrize("bench", ["hash-quantize-1"], indirect=True)
def test_rollback_is_recorded_before_its_first_effect(bench: Any) -> None:
    """Otherwise a half rolled back plan could be resumed."""
    bench.reset()
    assert bench.apply(Fault("index:server.send:before", 1, "kill")).code == -9
    dropping = Fault(
        "index.create:server.receive:after", bench.rollback_points["index.create:server.receive:after"], "kill"
    )
    assert bench.rollback(dropping).code == -9
    assert bench.state()[1] == {}, "the target is dropped, and that is all"

    refused = bench.apply()

    assert refused.code == 4
    assert "a rollback of this run was started" in refused.stderr
    assert bench.rollback().code == 0
    assert bench.state() == bench.original


@pytest.mark.parametrize("bench", ["hash-quantize-1"], indirect=True)
def test_lock_that_the_server_lost_is_acquired_again(bench: Any) -> None:
    """Otherwise a second migration could start during the first one."""
    bench.reset()
    lock = "fieldfare:lock:articles"
    held: list[int] = []

    def listen(point: str) -> None:
        if point == "rewrite:server.send:before" and not held:
            held.append(bench.fault_context.command("DEL", lock))
            bench.fault_context.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        elif point == "create:server.send:before":
            held.append(bench.fault_context.command("EXISTS", lock))

    plan = load_migration_plan(bench.directory / "plan.yaml")
    with bench.restartable_server.connect() as server:
        fault_points.listen(listen)
        try:
            report = MigrationExecutor().apply(plan, server=server, backup_dir=bench.backup)
        finally:
            fault_points.listen(None)
    assert report.result is Result.SUCCEEDED
    assert held[0] == 1, "it was held until the test deleted it"
    assert set(held[1:]) == {1}, "it is held again"
    assert bench.state() == bench.migrated


@pytest.mark.parametrize("bench", ["hash-quantize-1"], indirect=True)
@pytest.mark.parametrize("way", ["apply", "rollback"])
def test_suspended_process_drops_nothing(bench: Any, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its lock has expired, and another process has started a migration."""
    bench.reset()
    monkeypatch.setattr(session, "IndexLock", WatchedLock)
    plan = load_migration_plan(bench.directory / "plan.yaml")
    if way == "rollback":
        assert bench.apply().code == 0
    before = bench.state()

    def suspend(point: str) -> None:
        moment = "open:file.sync:after" if way == "apply" else "open:file.replace:after"
        if point == moment and bench.fault_context.command("GET", LOCK) not in {None, OTHER_OWNER.encode()}:
            bench.fault_context.command("SET", LOCK, OTHER_OWNER)
            assert WatchedLock.lost.wait(120)

    WatchedLock.lost = Event()
    with bench.restartable_server.connect() as server:
        fault_points.listen(suspend)
        try:
            executor = MigrationExecutor()
            if way == "apply":
                with pytest.raises(LockLost, match="elsewhere"):
                    executor.apply(plan, server=server, backup_dir=bench.backup)
            else:
                with pytest.raises(RollbackFailed, match="elsewhere"):
                    executor.rollback(server=server, backup_dir=bench.backup)
        finally:
            fault_points.listen(None)
    assert bench.fault_context.command("GET", LOCK) == OTHER_OWNER.encode(), "the other owner keeps it"
    bench.fault_context.command("DEL", LOCK)
    assert bench.state() == before
