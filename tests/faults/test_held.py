"""What must be on record, or held, at the very moment of a fault."""

from __future__ import annotations

from typing import Any

import pytest

from fieldfare import faults
from fieldfare.api import MigrationExecutor, load_migration_plan
from fieldfare.report import Result
from fieldfare.testing.faults import Fault


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
