"""Migrates and rolls back once with an executor, and says what was busy meanwhile."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psutil
from attrs import define, field
from distributed import LocalCluster

from fieldfare import hookimpl
from fieldfare.api import MigrationExecutor
from fieldfare.backup import BackupStore
from fieldfare.hooks.manager import load_plugins
from fieldfare.plan import MigrationPlan
from fieldfare.report import Moment, StepReport
from fieldfare.server import Server
from scaling.results import Usage

__all__ = ["Observer", "executor_named", "migrate"]

VERIFY: Final = "verify"
SUFFIX: Final = ".header"


@define(eq=False)
class Observer:
    """Takes the time of each activity, and what was busy.

    Attributes:
        server: whose nodes are observed.
        pids: of its processes, which are children of this one.
        usage: activity → what was busy.
    """

    server: Server
    pids: frozenset[int]
    usage: dict[str, Usage] = field(factory=dict)
    _started: dict[str, Usage] = field(factory=dict)

    @hookimpl
    def fieldfare_step_report(self, report: StepReport) -> None:
        """Take the time."""
        if report.moment is Moment.STARTED:
            self._started[report.activity] = self.now()
        elif report.moment is Moment.FINISHED and report.activity in self._started:
            used = self.now() - self._started.pop(report.activity)
            earlier = self.usage.get(report.activity)  # steps of plugins are backed up in an activity of their own
            self.usage[report.activity] = used if earlier is None else earlier + used

    def now(self) -> Usage:
        """Return what was busy until now."""
        nodes = [_info(self.server, node) for node in self.server.nodes()]
        disk = psutil.disk_io_counters()
        return Usage(
            time.perf_counter(),
            time.process_time() + sum(map(_computed, self._workers())),
            [float(each["used_cpu_user"]) + float(each["used_cpu_sys"]) for each in nodes],
            0.0 if disk is None else disk.busy_time / 1000,
            sum(int(each["total_net_input_bytes"]) for each in nodes),
            sum(int(each["total_net_output_bytes"]) for each in nodes),
        )

    def _workers(self) -> Iterator[psutil.Process]:
        return (each for each in psutil.Process().children(recursive=True) if each.pid not in self.pids)


def _info(server: Server, node: Any) -> dict[str, str]:
    """Return what a node says of its processor and of its network."""
    found: dict[str, str] = {}
    for section in ("cpu", "stats"):
        answer = server.command_at(node, "INFO", section)
        lines = (answer.decode() if isinstance(answer, bytes) else str(answer)).splitlines()
        found |= {name: value for name, _, value in (line.partition(":") for line in lines)}
    return found


def _computed(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:  # it has ended
        return 0.0
    return float(times.user + times.system)


@contextmanager
def executor_named(kind: str, workers: int, url: str) -> Iterator[str]:
    """Give what ``--executor`` takes; Dask workers are there before the run begins."""
    if kind != "dask":
        yield f"{kind}:{workers}"
        return
    with LocalCluster(  # type: ignore[no-untyped-call]  # Dask leaves its methods untyped
        n_workers=workers, threads_per_worker=1, dashboard_address=None, env={"FIELDFARE_URL": url}
    ) as cluster:
        yield cluster.scheduler_address.replace("tcp://", "dask://")


def migrate(
    server: Server, pids: frozenset[int], plan: MigrationPlan, spec: str, *, verify: str = "sample"
) -> dict[str, Usage]:
    """Migrate and roll back once.

    Args:
        server: where.
        pids: of its processes.
        plan: what.
        spec: as ``--executor`` takes it.
        verify: how many documents are compared.

    Returns:
        Activity → what was busy; ``verify`` is how the rollback reads and checks the backup.
    """
    observer = Observer(server, pids)
    plugins = load_plugins()
    plugins.register(observer, "observer")
    executor = MigrationExecutor(plugins=plugins)
    with tempfile.TemporaryDirectory() as directory:
        executor.apply(plan, server=server, backup_dir=directory, executor=spec, verify=verify)
        [header] = Path(directory).glob(f"*{SUFFIX}")
        started = observer.now()
        BackupStore(header.with_suffix("")).verify()
        observer.usage[VERIFY] = observer.now() - started
        executor.rollback(server=server, backup_dir=directory, executor=spec)
    return observer.usage
