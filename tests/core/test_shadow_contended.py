"""The mode ``shadow`` and a document that applications write faster than it can be converted: the report names it."""

from __future__ import annotations

import itertools
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from fieldfare.engine.concurrent.updates import CONTENDED
from fieldfare.engine.shadow_pairs.synchronization import ATTEMPTS
from fieldfare.engine.stop import StopRequest
from fieldfare.plan import MigrationPlan
from fieldfare.report import MigrationReport
from fieldfare.server import Server, connect
from fieldfare.server.index_names import real_name
from shadow_migration import SHAPES, Migration, Shape
from two_vectors import listening

PLANS: dict[str, tuple[Shape, dict[str, Any]]] = {
    "shadow fields": (SHAPES["hash-datatype"], {}),
    "copies": (Shape("hash", {}, "v", "v"), {"index": {"prefix": "n:"}}),
}


@pytest.fixture(params=PLANS)
def migration(request: pytest.FixtureRequest, server: Server, tmp_path: Path) -> Migration:
    found = Migration(PLANS[request.param][0], server, tmp_path / "backup")
    found.fill()
    return found


def plan(migration: Migration) -> MigrationPlan:
    return next(migration.plan(**changes) for shape, changes in PLANS.values() if shape is migration.shape)


def contended(report: MigrationReport) -> list[tuple[int, tuple[bytes, ...]]]:
    return [(note.count, note.keys) for note in report.notes if note.kind == CONTENDED]


def test_apply_names_the_document_if_it_is_not_converted_after_the_switch(migration: Migration) -> None:
    server, shape = migration.server, migration.shape
    seeds = itertools.count(100)

    def write(point: str) -> None:
        if point.startswith("switch:") and real_name(server, "books") == "books__v2":
            server.command(*shape.update("d:1", next(seeds)))

    with listening(write):
        report = migration.executor.apply(plan(migration), server=server, backup_dir=migration.backup_dir)
    assert next(seeds) > 100 + ATTEMPTS
    assert contended(report) == [(1, (b"d:1",))]


def test_a_pass_names_the_document_until_it_is_converted(migration: Migration) -> None:
    server, shape = migration.server, migration.shape
    migration.apply(plan(migration))
    server.command(*shape.update("d:1", 100))
    seeds = itertools.count(101)

    def write(point: str) -> None:
        if point == "sync:server.send:before":
            server.command(*shape.update("d:1", next(seeds)))

    with listening(write):
        report = migration.sync()
    assert next(seeds) > 101 + ATTEMPTS
    assert contended(report) == [(1, (b"d:1",))]
    assert contended(migration.sync()) == []
    assert contended(migration.sync()) == []


def is_current(server: Server, migration: Migration) -> bool:
    """Whether the new form of the document is what its old form becomes."""
    key, field = ("n:1", "v") if migration.shape.shadow == "v" else ("d:1", migration.shape.shadow)
    return bool(server.command("HGET", key, field) == migration.shape.converted(server.command("HGET", "d:1", "v")))


@pytest.mark.parametrize("stops_writing", [False, True])
def test_a_watch_names_the_document_unless_it_is_converted_in_the_end(
    migration: Migration, redis_url: str, *, stops_writing: bool
) -> None:
    migration.apply(plan(migration))
    shape, most = migration.shape, 3 * ATTEMPTS
    stop, sends, has_written = StopRequest(), itertools.count(1), threading.Event()
    reports: list[MigrationReport] = []
    with connect(redis_url) as application:
        application.command(*shape.update("d:1", 100))

        def write(point: str) -> None:
            if not point.endswith("server.send:before"):
                return
            number = next(sends)
            if number <= most or not stops_writing:
                application.command(*shape.update("d:1", 100 + number))
            if number == most:
                has_written.set()
                if not stops_writing:
                    stop.set()

        with listening(write):
            watch = threading.Thread(target=lambda: reports.append(migration.sync(watch=True, stop=stop)))
            watch.start()
            assert has_written.wait(60)
            deadline = time.monotonic() + 60
            while stops_writing and not is_current(application, migration):
                assert time.monotonic() < deadline
            stop.set()
            watch.join()
    [report] = reports
    assert contended(report) == ([] if stops_writing else [(1, (b"d:1",))])
