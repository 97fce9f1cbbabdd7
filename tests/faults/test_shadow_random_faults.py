"""Shadow fields and copies of documents while applications write and anything breaks, at random moments.

Nothing is lost, and nothing is stale.

``make torture`` tries 200 examples.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from attrs import define, field, frozen
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from redis.exceptions import RedisError

from fieldfare.api import MigrationPlanner
from fieldfare.errors import ServerUnavailable
from fieldfare.server import Server, connect
from fieldfare.server.embedded import EmbeddedServer
from fieldfare.server.pipeline import exchange
from fieldfare.testing.indexing import wait_until_indexed

PARTS: Final = 8 if "TORTURE" in os.environ else 1
EXAMPLES: Final = 25 if "TORTURE" in os.environ else 1
"""How many each of the parts tries, which run beside one another."""

DOCUMENTS: Final = 60
DIMS: Final = 4
FAULTS: Final = ("cut", "restart", "kill", "overflow")
CHANGES: Final[dict[str, dict[str, Any]]] = {
    "fields": {"update_fields": [{"name": "v", "attrs": {"datatype": "float16"}}]},
    "keys": {"index": {"prefix": "n:"}},
    "names": {"rename_fields": [{"old_name": "v", "new_name": "w"}]},
}
SHADOWS: Final = {"fields": "v__v2", "names": "w"}
PROGRAM: Final = """\
import sys
from fieldfare.server import change_tracking
change_tracking.MOST_KEYS = 20
from fieldfare.cli.app import main
main()
"""
"""The command line, with a queue that overflows soon."""


def vector(seed: float) -> bytes:
    """Return a vector of numbers that float16 holds exactly or not."""
    return np.array([seed, 1, -seed / 3, 0.1], "<f4").tobytes()


def converted(original: bytes, kind: str) -> bytes:
    """Return what the migration makes of a vector."""
    return original if kind == "names" else np.frombuffer(original, "<f4").astype("<f2").tobytes()


def converted_back(converted: bytes, kind: str) -> bytes:
    """Return what a rollback makes of a vector in the new form."""
    return converted if kind == "names" else np.frombuffer(converted, "<f2").astype("<f4").tobytes()


def connect_patiently(url: str) -> Server:
    """Connect to a server that may still load its data."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return connect(url)
        except ServerUnavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


class Application:
    """A thread that updates, adds, replaces and deletes documents, and knows what it has written.

    It writes the old form: the field ``v`` below ``d:``. After a deployment it writes the new one.
    """

    def __init__(self, url: str, seed: int, kind: str) -> None:
        self.kind = kind
        self.writes_new_form = False
        self.repeats = False  # whether it writes in the new form what the run once made of an older value
        self.values = {f"d:{row}": vector(row) for row in range(DOCUMENTS)}
        self.unknown: set[str] = set()  # written or not: the connection broke
        self._url, self._random = url, random.Random(seed)
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._burst = threading.Event()

    def start(self) -> None:
        """Begin to write, or go on."""
        self._stopped.clear()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        """Write no more."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def burst(self) -> None:
        """Have it write to nearly all documents at once."""
        self._burst.set()

    def _run(self) -> None:
        with connect_patiently(self._url) as server:
            while not self._stopped.wait(0.003):
                keys = [f"d:{self._random.randrange(2 * DOCUMENTS)}"]
                if self._burst.is_set():
                    self._burst.clear()
                    keys = sorted(self.values)
                self._write(server, keys)

    def _write(self, server: Server, keys: Sequence[str]) -> None:
        actions: Sequence[str] = ("update", "replace", "delete") if len(keys) == 1 else ("update",)
        if self.writes_new_form and self.kind == "keys":
            actions = ("update", "replace")[: len(actions)]  # a missing new key counts as lost after a restart
        if self.writes_new_form and self.kind == "names" and self.repeats:
            actions = ("update",)  # a document with a known value under the new name alone has lost the old name
        action = self._random.choice(actions)
        seeds = range(1000, 2000) if self.writes_new_form and not self.repeats else range(30)
        new = {} if action == "delete" else {key: vector(self._random.choice(seeds)) for key in keys}
        names, field = {key: key for key in keys}, "v"
        written = dict(new)
        if self.writes_new_form and self.kind == "keys":
            names = {key: key.replace("d:", "n:") for key in keys}
        elif self.writes_new_form:
            field, written = SHADOWS[self.kind], {key: converted(value, self.kind) for key, value in new.items()}
            new = {key: converted_back(value, self.kind) for key, value in written.items()}
        removals = [("DEL", names[key]) for key in keys] if action != "update" else []
        writes = [("HSET", names[key], field, value) for key, value in written.items()]
        try:
            exchange(server.nodes()[0], [("MULTI",), *removals, *writes, ("EXEC",)])
        except (RedisError, OSError):
            self.unknown.update(keys)
            return
        self.unknown.difference_update(keys)
        for key in keys:
            self.values.pop(key, None)
        self.values |= new


@define
class Trial:
    """One migration on a server that can be restarted without losing what it has acknowledged.

    Attributes:
        embedded: the server.
        directory: for plan and backup.
        application: which writes all the time.
    """

    embedded: EmbeddedServer
    directory: Path
    application: Application
    process: subprocess.Popen[str] | None = field(init=False, default=None)

    def fill(self) -> None:
        """Write documents, create an index, and plan."""
        with connect(self.embedded.url) as server:
            server.command("FLUSHALL")
            server.bulk([("HSET", key, "v", value) for key, value in self.application.values.items()])
            field = ("VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "L2")
            server.command("FT.CREATE", "books_1", "PREFIX", 1, "d:", "SCHEMA", "v", *field)
            server.command("FT.ALIASADD", "books", "books_1")
            wait_until_indexed(server)
            planner = MigrationPlanner(accept_recall_loss=True)  # writers change most of the neighbours
            patch = {"version": 1, "changes": CHANGES[self.application.kind]}
            plan = planner.create_plan_from_patch("books", schema_patch=patch, server=server, mode="shadow")
            planner.write_plan(plan, self.directory / "plan.yaml")

    def start(self, *arguments: str) -> None:
        """Start a command."""
        environment = {**os.environ, "FIELDFARE_URL": self.embedded.url}
        line = [sys.executable, "-c", PROGRAM, *arguments, "--reconnect-timeout", "60"]
        self.process = subprocess.Popen(
            line, cwd=self.directory, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def end(self, number: int | None = None) -> tuple[int, str]:
        """Wait until the command ends, after a signal if one is given; return its exit code and output."""
        assert self.process is not None
        if number is not None:
            self.process.send_signal(number)
        output, _ = self.process.communicate()
        return self.process.returncode, output

    def inject(self, fault: str, *arguments: str) -> None:
        """Break something while the command with these arguments runs."""
        if fault == "kill":
            self.end(signal.SIGKILL)
            self.start(*arguments)
        elif fault == "overflow":
            self.application.burst()
        elif fault == "restart":
            os.kill(self.embedded.pid or 0, signal.SIGKILL)
            while not self.embedded.has_ended:
                time.sleep(0.005)
            self.embedded.restart()
        else:
            with connect_patiently(self.embedded.url) as server:
                for client in server.client.client_list():
                    if "t" in client["flags"] or "P" in client["flags"]:
                        server.command("CLIENT", "KILL", "ID", client["id"])

    def run(self, faults: Sequence[tuple[float, str]], *arguments: str) -> None:
        """Run a command to its end; what was killed, or gave up, is run again."""
        self.start(*arguments)
        for pause, fault in faults:
            time.sleep(pause)  # a random moment
            self.inject(fault, *arguments)
        code, output = self.end()
        for _ in range(3):
            if code == 0:
                return
            self.start(*arguments)
            code, output = self.end()
        pytest.fail(output)

    def watch(self, faults: Sequence[tuple[float, str]], *arguments: str) -> None:
        """Run a command until it has caught up with the application; what gives up is run again, as a service is."""
        self.start(*arguments)
        for pause, fault in faults:
            time.sleep(pause)  # a random moment
            self.inject(fault, *arguments)
        self.application.stop()
        deadline, starts = time.monotonic() + 120, 3
        while stale := self.stale():
            assert time.monotonic() < deadline, stale
            if self.process is not None and self.process.poll() is not None:  # the server was away when it started
                _, output = self.end()
                assert starts, output
                self.start(*arguments)
                starts -= 1
            time.sleep(0.02)
        code, output = self.end(signal.SIGTERM)
        assert code == 0, output

    def documents(self, prefix: str = "d:") -> dict[str, dict[bytes, bytes]]:
        """Return all documents below a prefix, by their old keys."""
        with connect_patiently(self.embedded.url) as server:
            keys = [key.decode() for key in server.command("KEYS", f"{prefix}*")]
            replies: list[Any] = server.bulk([("HGETALL", key) for key in keys])
        pairs = (
            reply if isinstance(reply, dict) else dict(zip(reply[::2], reply[1::2], strict=True)) for reply in replies
        )
        return dict(zip([key.replace(prefix, "d:") for key in keys], pairs, strict=True))

    def stale(self) -> list[str]:
        """Return the documents whose shadow field, or copy, is not what they become."""
        if self.application.kind == "keys":
            old, new = self.documents(), self.documents("n:")
            return [key for key in old.keys() | new.keys() if old.get(key) != new.get(key)]
        kind = self.application.kind
        shadow = SHADOWS[kind].encode()
        return [key for key, each in self.documents().items() if each.get(shadow) != converted(each[b"v"], kind)]

    def left_over(self) -> list[str]:
        """Return the documents that have a shadow field, or a copy."""
        if self.application.kind == "keys":
            return sorted(self.documents("n:"))
        shadow = SHADOWS[self.application.kind].encode()
        return [key for key, each in self.documents().items() if shadow in each]

    def lost(self) -> dict[str, tuple[bytes | None, bytes | None]]:
        """Return the documents that are not as the application has left them, with what they hold and should hold."""
        found = {key: each.get(b"v") for key, each in self.documents().items()}
        known = self.application.values
        every = (found.keys() | known.keys()) - self.application.unknown
        return {key: (found.get(key), known.get(key)) for key in every if found.get(key) != known.get(key)}


@pytest.fixture(scope="module")
def embedded() -> Iterator[EmbeddedServer]:
    # "everysec" may put off writing to the file, and lose what was acknowledged
    with EmbeddedServer(["--appendonly", "yes", "--appendfsync", "no", "--save", ""]) as started:
        yield started


@frozen
class Breakage:
    """What breaks during each command: seconds after the last one, and the fault.

    Attributes:
        kind: what is migrated, in ``CHANGES``.
        seed: of the application's writes.
        apply: during ``apply``.
        sync: during ``sync --watch``.
        finalize: during ``finalize``.
        rollback: during ``rollback``.
    """

    kind: str
    seed: int
    apply: list[tuple[float, str]]
    sync: list[tuple[float, str]]
    finalize: list[tuple[float, str]]
    rollback: list[tuple[float, str]]


faults = st.lists(st.tuples(st.floats(0, 0.6), st.sampled_from(FAULTS)), min_size=1, max_size=3)
breakages = st.builds(Breakage, st.sampled_from(sorted(CHANGES)), st.integers(0, 1 << 32), *[faults] * 4)
random_breakages = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate]
)
BACKUP: Final = ("--backup-dir", "backup")


@pytest.fixture
def start(embedded: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Breakage], Trial]:
    def begin(breakage: Breakage) -> Trial:
        application = Application(embedded.url, breakage.seed, breakage.kind)
        trial = Trial(embedded, tmp_path_factory.mktemp("trial"), application)
        trial.fill()
        return trial

    return begin


@pytest.mark.parametrize("part", range(PARTS))
@random_breakages
@given(breakage=breakages)
def test_nothing_is_lost_and_nothing_is_stale(
    start: Callable[[Breakage], Trial], part: int, breakage: Breakage
) -> None:
    del part
    trial = start(breakage)
    with stopped(trial):
        trial.application.start()
        trial.run(breakage.apply, "apply", "--plan", "plan.yaml", *BACKUP)
        trial.watch(breakage.sync, "sync", "--watch", *BACKUP)
        assert trial.lost() == {}
        trial.application.start()
        trial.run(breakage.rollback, "rollback", "--yes", *BACKUP)
    assert trial.lost() == {}
    assert trial.left_over() == []


@pytest.mark.parametrize("part", range(PARTS))
@random_breakages
@given(breakage=breakages)
def test_a_rollback_after_finalize_loses_nothing_that_is_written_in_the_new_form(
    start: Callable[[Breakage], Trial], part: int, breakage: Breakage
) -> None:
    del part
    trial = start(breakage)
    with stopped(trial):
        trial.application.start()
        trial.run((), "apply", "--plan", "plan.yaml", *BACKUP)
        trial.watch((), "sync", "--watch", *BACKUP)
        faults = {fault for _, fault in (*breakage.finalize, *breakage.rollback)}
        # a restarted server may have lost what the run wrote last, and another datatype has another way back
        trial.application.repeats = breakage.kind != "fields" and "restart" not in faults
        if breakage.kind == "keys" and "kill" in faults.union(fault for _, fault in breakage.sync):
            trial.application.repeats = False  # it may have died between the removal of a copy and its record
        trial.application.writes_new_form = True
        trial.application.start()
        trial.run(breakage.finalize, "finalize", "--yes", *BACKUP)
        trial.application.stop()
        # after a restart of the server, documents that were all written since look like those of another server
        trial.run(breakage.rollback, "rollback", "--yes", "--force", *BACKUP)
    assert trial.lost() == {}
    assert trial.left_over() == []


@contextmanager
def stopped(trial: Trial) -> Iterator[None]:
    """End everything after the body."""
    try:
        yield
    finally:
        trial.application.stop()
        if trial.process is not None and trial.process.poll() is None:
            trial.end(signal.SIGKILL)
