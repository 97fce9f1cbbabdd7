"""Applying the plan of one index of a batch, and recording how that goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any, Final, TypeAlias

from attrs import define, field
from redis.exceptions import RedisError

from fieldfare.api import MigrationExecutor
from fieldfare.engine.stop import StopRequest
from fieldfare.errors import FieldfareError, MigrationIncomplete
from fieldfare.plan import MigrationPlan
from fieldfare.report import MigrationReport
from fieldfare.server import Server
from fieldfare.server.inspect import read_stats
from fieldfare.support.error_text import error_text
from fieldfare_batch.index_files import write_index_report
from fieldfare_batch.resume import is_partially_migrated
from fieldfare_batch.state import IndexState, Status
from fieldfare_batch.state_file import StateFile
from fieldfare_batch.timestamp import utc_timestamp

__all__ = ["INDEX_ERRORS", "IndexRuns", "ProgressCallback", "failure_fields"]

ProgressCallback: TypeAlias = Callable[[str, int, int, str], object]
"""Called with name, position, total and status whenever the status of an index changes."""

INDEX_ERRORS: Final = (FieldfareError, RedisError, OSError)
"""Errors that make one index fail. Any other error is a bug and stops the batch."""


@define
class IndexRuns:
    """Applies the plans of indexes one at a time. Threads may share it.

    Attributes:
        server: the server of the indexes.
        executor: migrates one index.
        file: the batch state.
        plans: index → its plan, in the order of migration.
        stop: checked between two batches of documents.
        callback: called at every transition, from one thread at a time.
    """

    server: Server
    executor: MigrationExecutor
    file: StateFile
    plans: Mapping[str, MigrationPlan]
    stop: StopRequest
    callback: ProgressCallback | None = None
    _callback_lock: Lock = field(factory=Lock, init=False)

    def apply(self, name: str, *, switch: bool) -> MigrationReport:
        """Apply the plan of an index.

        Raises:
            Interrupted: ``stop`` was set.
            FieldfareError: as :meth:`MigrationExecutor.apply`.
        """
        state = self.file.state
        settings = state.settings
        return self.executor.apply(
            self.plans[name],
            server=self.server,
            backup_dir=state.backup_dir,
            batch_size=settings.batch_size,
            num_workers=settings.num_workers,
            executor=settings.executor,
            allow={"overflow"} if settings.allow_overflow else (),
            on_conflict=settings.on_conflict,
            retry_for=settings.retry_for,
            timeout=settings.timeout,
            index_workers=settings.index_workers,
            verify=settings.verify,
            max_rate=settings.max_rate,
            max_latency=settings.max_latency,
            pause_file=settings.pause_file,
            plan_path=self.index_state(name).plan_path,
            switch=switch,
            stop=self.stop,
        )

    def index_state(self, name: str) -> IndexState:
        """Return the recorded state of an index."""
        return next(each for each in self.file.state.indexes if each.name == name)

    def set_status(self, name: str, status: Status, **changes: Any) -> None:
        """Record the status of an index, and report it."""
        cleared = {"reason": None, "exit_code": None, "finished_at": None}
        self.file.update_index(name, status=status, **{**cleared, **changes})
        self.show(name, status)

    def show(self, name: str, status: str) -> None:
        """Report what an index does."""
        if self.callback is not None:
            names = [each.name for each in self.file.state.applicable]
            with self._callback_lock:
                self.callback(name, names.index(name) + 1, len(names), str(status))

    def succeeded(self, status: Status, report: MigrationReport, earlier: IndexState, begun: float) -> None:
        """Record that an index is built or migrated.

        Args:
            status: ``built`` or ``success``.
            report: the report of the run.
            earlier: the state of the index before the run.
            begun: when the run began, in seconds of the monotonic clock.
        """
        documents = read_stats(self.server, report.target).num_docs
        self._end(report.index, status, earlier, begun, report_path=self._write_report(report), documents=documents)

    def failed(self, status: Status, error: Exception, earlier: IndexState, begun: float) -> None:
        """Record why the run of an index failed; the other arguments are those of :meth:`succeeded`."""
        partial = error.report if isinstance(error, MigrationIncomplete) else None
        failure = failure_fields(error)
        if partial is not None:
            failure["report_path"] = self._write_report(partial)
        if is_partially_migrated(self.file.state, earlier):
            failure["exit_code"] = MigrationIncomplete.exit_code  # whatever the new error is
        self._end(earlier.name, status, earlier, begun, **failure)

    def _end(self, name: str, status: Status, earlier: IndexState, begun: float, **changes: Any) -> None:
        """Record the end of a run of an index."""
        seconds = (earlier.duration_seconds or 0) + time.monotonic() - begun
        self.set_status(name, status, finished_at=utc_timestamp(), duration_seconds=round(seconds, 3), **changes)

    def _write_report(self, report: MigrationReport) -> str:
        return write_index_report(report, self.file.state.report_dir, report.index)


def failure_fields(error: Exception) -> dict[str, Any]:
    """Return the fields of an index state that describe an error."""
    code = error.exit_code if isinstance(error, FieldfareError) else FieldfareError.exit_code
    return {"reason": error_text(error), "exit_code": code}
