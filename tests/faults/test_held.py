"""What must be on record, or held, at the very moment of a fault."""

from __future__ import annotations

import json
from contextlib import suppress
from threading import Event, Thread
from typing import Any, ClassVar, Self

import pytest

from fieldfare import faults
from fieldfare.api import MigrationExecutor, load_migration_plan
from fieldfare.engine import session
from fieldfare.errors import LockLost, RollbackFailed
from fieldfare.report import Result
from fieldfare.server.lock import IndexLock
from fieldfare.testing.faults import Fault

LOCK = "fieldfare:lock:articles"
SOMEBODY = json.dumps({"host": "elsewhere", "pid": 1, "started": "now"})


class Watched(IndexLock):
    """A lock that is looked at every tenth of a second, and says when it is lost."""

    lost: ClassVar[Event]

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options, seconds=0.3)

    def check(self) -> None:  # noqa: D102 - as there
        try:
            super().check()
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
def test_rollback_is_on_record_before_its_first_effect(bench: Any) -> None:
    """Otherwise the plan would be gone on with where half of it has been taken back."""
    bench.reset()
    assert bench.apply(Fault("index:server.send:before", 1, "kill")).code == -9
    dropping = Fault(
        "index.create:server.receive:after", bench.undo_points["index.create:server.receive:after"], "kill"
    )
    assert bench.rollback(dropping).code == -9
    assert bench.state()[1] == {}, "the target is dropped, and that is all"

    refused = bench.apply()

    assert refused.code == 4
    assert "a rollback of this run was begun" in refused.stderr
    assert bench.rollback().code == 0
    assert bench.state() == bench.original


@pytest.mark.parametrize("bench", ["hash-quantize-1"], indirect=True)
def test_lock_that_the_server_forgot_is_held_again(bench: Any) -> None:
    """Otherwise a second migrator could begin while the first one goes on."""
    bench.reset()
    lock = "fieldfare:lock:articles"
    held: list[int] = []

    def listen(point: str) -> None:
        if point == "rewrite:server.send:before" and not held:
            held.append(bench.scene.ask("DEL", lock))
            bench.scene.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        elif point == "create:server.send:before":
            held.append(bench.scene.ask("EXISTS", lock))

    plan = load_migration_plan(bench.directory / "plan.yaml")
    with bench.patient.connect() as server:
        faults.listen(listen)
        try:
            report = MigrationExecutor().apply(plan, server=server, backup_dir=bench.backup)
        finally:
            faults.listen(None)
    assert report.result is Result.SUCCEEDED
    assert held[0] == 1, "it was held, and taken away"
    assert set(held[1:]) == {1}, "it is held again"
    assert bench.state() == bench.migrated


@pytest.mark.parametrize("bench", ["hash-quantize-1"], indirect=True)
@pytest.mark.parametrize("way", ["apply", "rollback"])
def test_nothing_is_dropped_by_a_process_that_stood_still(
    bench: Any, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lock has run out, and another migrator has begun."""
    bench.reset()
    monkeypatch.setattr(session, "IndexLock", Watched)
    plan = load_migration_plan(bench.directory / "plan.yaml")
    if way == "rollback":
        assert bench.apply().code == 0
    before = bench.state()

    def stand_still(point: str) -> None:
        moment = "open:file.sync:after" if way == "apply" else "open:file.replace:after"
        if point == moment and bench.scene.ask("GET", LOCK) not in {None, SOMEBODY.encode()}:
            bench.scene.ask("SET", LOCK, SOMEBODY)
            assert Watched.lost.wait(20)

    Watched.lost = Event()
    with bench.patient.connect() as server:
        faults.listen(stand_still)
        try:
            executor = MigrationExecutor()
            if way == "apply":
                with pytest.raises(LockLost, match="elsewhere"):
                    executor.apply(plan, server=server, backup_dir=bench.backup)
            else:
                with pytest.raises(RollbackFailed, match="elsewhere"):
                    executor.rollback(server=server, backup_dir=bench.backup)
        finally:
            faults.listen(None)
    assert bench.scene.ask("GET", LOCK) == SOMEBODY.encode(), "it is left to whoever has it"
    bench.scene.ask("DEL", LOCK)
    assert bench.state() == before
