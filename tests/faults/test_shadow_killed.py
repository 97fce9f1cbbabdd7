"""Synchronizing and finalizing, and the rollback, killed wherever they leave something behind."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from typing import Any, Final

import pytest

from fieldfare.api import MigrationExecutor
from fieldfare.engine.stop import StopRequest
from fieldfare.server import Server
from fieldfare.testing.commandline import Outcome
from fieldfare.testing.digest import read_state
from fieldfare.testing.faults import Fault, record_points
from torture import TORTURE

Bench = Any  # the class in conftest.py, which tests cannot import

SHAPES: Final = ("hash-shadow-fields-1", *(("json-shadow-fields-1", "hash-shadow-copy-1") if TORTURE else ()))
COPIED: Final = ("hash-shadow-prefix-1", "json-shadow-prefix-1") if TORTURE else ()
"""Shapes whose documents are copied to other keys."""


def kills(reached: Sequence[str]) -> list[Fault]:
    """Return a kill at the last hit of every point that leaves something new; in ``make test``, of every fourth one."""
    same_as_next = ("receive:before", "receive:after", "send:before")
    counts = Counter(point for point in reached if not point.endswith(same_as_next))
    return [Fault(point, hits, "kill") for point, hits in sorted(counts.items())][:: 1 if TORTURE else 4]


def failures(
    reached: Sequence[str],
    prepare: Callable[[], object],
    run: Callable[[Fault], Outcome],
    problems: Callable[[], Iterator[str]],
) -> list[str]:
    """Kill a run at every point that it reaches; return what is wrong afterwards.

    Args:
        reached: points.
        prepare: what comes before the run.
        run: the run.
        problems: looks at the server after it was killed.
    """
    found = []
    for fault in kills(reached):
        prepare()
        killed = run(fault)
        found += [f"{fault}: {killed.code}, {problem}" for problem in problems()]
    return found


def wrong_answers(bench: Bench) -> Iterator[str]:
    """Yield what is wrong while the name has to answer."""
    if bench.wrong_answers("news"):
        yield "the name does not answer"


def not_as_before(bench: Bench) -> Iterator[str]:
    """Yield what is wrong after a rollback."""
    undone = bench.rollback()
    if undone.code != 0 or bench.state() != bench.original:
        yield f"not as before: {undone.stderr[-500:]}"


def applied(bench: Bench, *more: str) -> None:
    """Apply the plan to fresh documents, and run one more command."""
    bench.reset()
    assert bench.apply().code == 0
    if more:
        assert bench.run(*more).code == 0


@pytest.mark.parametrize("bench", [*SHAPES, *COPIED], indirect=True)
def test_finalize_is_killed(bench: Bench) -> None:
    applied(bench)
    with bench.restartable_server.connect() as server, record_points() as reached:
        MigrationExecutor().finalize(server=server, backup_dir=bench.backup)
        finalized = read_state(server)
    finalize = ("finalize", "--backup-dir", str(bench.backup), "--yes")
    resumes = cycle((True, False))

    def problems() -> Iterator[str]:
        yield from wrong_answers(bench)
        if next(resumes):
            resumed = bench.run(*finalize)
            if resumed.code != 0 or bench.state() != finalized:
                yield f"not finalized: {resumed.stderr[-500:]}"
        yield from not_as_before(bench)

    assert failures(reached, lambda: applied(bench), lambda fault: bench.run(*finalize, fault=fault), problems) == []


@pytest.mark.parametrize("bench", [*SHAPES, *COPIED], indirect=True)
def test_the_rollback_of_a_finalized_run_is_killed(bench: Bench) -> None:
    finalize = ("finalize", "--backup-dir", str(bench.backup), "--yes")
    applied(bench, *finalize)
    with bench.restartable_server.connect() as server, record_points() as reached:
        MigrationExecutor().rollback(server=server, backup_dir=bench.backup)

    def problems() -> Iterator[str]:
        yield from wrong_answers(bench)
        yield from not_as_before(bench)

    assert failures(reached, lambda: applied(bench, *finalize), bench.rollback, problems) == []


@pytest.mark.parametrize("bench", [*SHAPES, *COPIED], indirect=True)
def test_sync_is_killed(bench: Bench) -> None:
    def write(server: Server) -> None:
        """Write old fields of some documents, and the shadow field of one; or its new key."""
        is_json = bench.shape.storage == "json"
        values = {f"doc:{row:03}": f"eve{row}@example.org" for row in range(5, 25)}
        server.bulk(
            [
                ("JSON.SET", key, "$.email", json.dumps(each)) if is_json else ("HSET", key, "email", each)
                for key, each in values.items()
            ]
        )
        theirs = ("JSON.SET", "doc:030", "$.email__v2", '"own"') if is_json else ("HSET", "doc:030", "email__v2", "own")
        if bench.shape.change == "shadow-prefix":
            new = "article:030"
            theirs = ("JSON.SET", new, "$", '{"email": "own"}') if is_json else ("HSET", new, "email", "own")
            server.bulk([("DEL", "doc:003"), ("RENAME", "doc:004", "doc:renamed"), ("DEL", "article:002")])
        server.command(*theirs)

    def prepare() -> None:
        applied(bench)
        with bench.restartable_server.connect() as server:
            write(server)

    prepare()
    with bench.restartable_server.connect() as server, record_points() as reached:
        MigrationExecutor().sync(server=server, backup_dir=bench.backup)
        synchronized = read_state(server)
    sync = ("sync", "--backup-dir", str(bench.backup))

    def problems() -> Iterator[str]:
        again = bench.run(*sync)
        if again.code != 0 or bench.state() != synchronized:
            yield f"not synchronized: {again.stderr[-500:]}"

    assert failures(reached, prepare, lambda fault: bench.run(*sync, fault=fault), problems) == []


@pytest.mark.parametrize("bench", SHAPES[:1], indirect=True)
def test_a_watch_goes_on_after_the_server_was_restarted(bench: Bench) -> None:
    bench.reset()
    assert bench.apply().code == 0
    stop = StopRequest()
    url = bench.restartable_server.embedded.url
    arguments = {"redis_url": url, "backup_dir": bench.backup, "watch": True, "stop": stop}
    watch = threading.Thread(target=MigrationExecutor().sync, kwargs=arguments)
    with bench.restartable_server.connect() as server:
        server.command("SAVE")
        watch.start()
        server.command("HSET", "doc:005", "email", "eve@example.org")
        wait_for(server, "doc:005")
    os.kill(bench.restartable_server.pid, signal.SIGKILL)
    while not bench.restartable_server.embedded.has_ended:
        time.sleep(0.01)
    bench.repair()
    with bench.restartable_server.connect() as server:
        for key in ("doc:005", "doc:006"):
            server.command("HSET", key, "email", "eva@example.com")
            wait_for(server, key)
    stop.set()
    watch.join()


def wait_for(server: Server, key: str) -> None:
    """Wait until a document is converted."""
    deadline = time.monotonic() + 60
    expected = server.command("HGET", key, "email").partition(b"@")[2]
    while server.command("HGET", key, "email__v2") != b"e***@" + expected:
        assert time.monotonic() < deadline, f"{key} is not converted"
        time.sleep(0.005)
