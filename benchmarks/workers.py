"""Measure one migration with several executors, print ratios to the first one and where the time goes.

Besides the seconds, the processor time of client and server says what more workers could win: the server answers one
command at a time, so no number of workers, be they threads or processes, takes less than its share. The client is the
process that runs the command; what its workers in other processes compute is not in it.
Runs take turns, and the best of several counts.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections import defaultdict
from contextlib import ExitStack
from typing import Any, Final

from attrs import define, field
from rich.console import Console
from rich.table import Table

from comparison.documents import INDEX, load_vectors
from delay import delayed
from fieldfare import hookimpl
from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.hooks.manager import load_plugins
from fieldfare.plan import MigrationPlan
from fieldfare.report import Moment, StepReport
from fieldfare.server import Server, connect
from fieldfare.server.embedded import EmbeddedServer
from fieldfare.testing.indexing import wait_until_indexed

PATCH: Final = {"version": 1, "changes": {"update_fields": [{"name": "vec", "attrs": {"datatype": "float16"}}]}}
ACTIVITIES: Final = ("dump", "rewrite", "restore")


@define(eq=False)
class Clock:
    """Seconds that passed, and that client and server computed, per activity."""

    server: Server
    taken: dict[str, tuple[float, ...]] = field(factory=dict)
    _started: tuple[float, ...] = ()

    @hookimpl
    def fieldfare_step_report(self, report: StepReport) -> None:
        """Take the time of what is measured."""
        if report.activity in ACTIVITIES:
            if report.moment is Moment.STARTED:
                self._started = self._now()
            elif report.moment is Moment.FINISHED:
                differences = zip(self._now(), self._started, strict=True)
                self.taken[report.activity] = tuple(now - before for now, before in differences)

    def _now(self) -> tuple[float, ...]:
        client: Any = self.server.client
        usage = client.info("cpu")
        return time.perf_counter(), time.process_time(), usage["used_cpu_user"] + usage["used_cpu_sys"]


def measure(server: Server, plan: MigrationPlan, spec: str) -> dict[str, tuple[float, ...]]:
    """Migrate and roll back once."""
    clock = Clock(server)
    plugins = load_plugins()
    plugins.register(clock, "clock")
    executor = MigrationExecutor(plugins=plugins)
    with tempfile.TemporaryDirectory() as backup_dir:
        executor.apply(plan, server=server, backup_dir=backup_dir, executor=spec)
        executor.rollback(server=server, backup_dir=backup_dir, executor=spec)
    return clock.taken


def main() -> None:
    """Run all and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=50_000)
    parser.add_argument("--dims", type=int, default=768)
    parser.add_argument("--delay", type=float, default=0, help="milliseconds from client to server, one way")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--executors", nargs="+", default=["threads:1", "threads:2", "threads:4"])
    chosen = parser.parse_args()
    best: dict[tuple[str, str], tuple[float, ...]] = defaultdict(lambda: (float("inf"),))
    with EmbeddedServer(tcp=True) as embedded, ExitStack() as stack:
        with connect(embedded.url) as near:
            load_vectors(chosen.documents, chosen.dims)(near)
            wait_until_indexed(near, INDEX)
        url = embedded.url
        if chosen.delay:
            port = stack.enter_context(delayed(embedded.port, chosen.delay / 1000))
            url = url.replace(str(embedded.port), str(port))
        server = stack.enter_context(connect(url))
        plan = MigrationPlanner().create_plan_from_patch(INDEX, schema_patch=PATCH, server=server)
        for _ in range(chosen.rounds):
            for spec in chosen.executors:
                for activity, figures in measure(server, plan, spec).items():
                    best[activity, spec] = min(best[activity, spec], figures)
    title = f"{chosen.documents:,} x {chosen.dims} float32 -> float16, {os.cpu_count()} cores, {chosen.delay:g} ms away"
    table = Table("What", "Executor", "Took", "Ratio", "Client computed", "Server computed", title=title)
    for activity in ACTIVITIES:
        for spec in chosen.executors:
            taken, client, computed = best[activity, spec]
            ratio = f"{best[activity, chosen.executors[0]][0] / taken:.2f} x"
            cells = (f"{taken:.2f} s", ratio, f"{client:.2f} s", f"{computed:.2f} s")
            table.add_row(activity, spec, *cells)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
