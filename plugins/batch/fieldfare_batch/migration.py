"""Running the migrations of a batch, one after the other or several at the same time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock
from typing import Any, Final, TypeAlias

from attrs import define, field
from redis.exceptions import RedisError

from fieldfare.api import MigrationExecutor
from fieldfare.engine.stop import StopRequest
from fieldfare.errors import FieldfareError, Interrupted, MigrationIncomplete
from fieldfare.plan import MigrationPlan
from fieldfare.report import MigrationReport
from fieldfare.server import Server
from fieldfare.server.inspect import read_stats
from fieldfare.support.error_text import error_text
from fieldfare.support.wording import counted
from fieldfare_batch.candidates import keyspace
from fieldfare_batch.index_files import write_index_report
from fieldfare_batch.overlap import connected_groups
from fieldfare_batch.plan import FailurePolicy
from fieldfare_batch.resume import is_partially_migrated
from fieldfare_batch.state import IndexState, Status, resume_command, rollback_command, utc_timestamp
from fieldfare_batch.state_file import StateFile

__all__ = ["INDEX_ERRORS", "Migrations", "ProgressCallback", "failure_fields"]

ProgressCallback: TypeAlias = Callable[[str, int, int, str], object]
"""Called with name, position, total and status whenever the status of an index changes."""

INDEX_ERRORS: Final = (FieldfareError, RedisError, OSError)
"""Errors that make one index fail. Any other error is a bug and stops the batch."""


@define
class Migrations:
    """Migrates the remaining indexes of a batch.

    Attributes:
        server: the server of the indexes.
        executor: migrates one index.
        file: the batch state.
        plans: index → its plan, in the order of migration.
        stop: checked between two batches of documents, and between two indexes.
        callback: called at every transition, from one thread at a time.
    """

    server: Server
    executor: MigrationExecutor
    file: StateFile
    plans: Mapping[str, MigrationPlan]
    stop: StopRequest
    callback: ProgressCallback | None = None
    _stop_all: Event = field(factory=Event, init=False)
    _callback_lock: Lock = field(factory=Lock, init=False)

    def run(self) -> None:
        """Migrate every index, or stop at the first failure, according to the failure policy.

        Raises:
            Interrupted: ``stop`` was set before every index was migrated.
        """
        parallel = self.file.state.settings.parallel
        if parallel == 1:
            self._migrate_each(self.plans)
        else:
            groups = connected_groups([keyspace(plan) for plan in self.plans.values()])
            with ThreadPoolExecutor(parallel, thread_name_prefix="fieldfare-batch") as pool:
                runs = [pool.submit(self._migrate_each, group) for group in groups]
            for run in runs:
                run.result()
        if self.stop.is_set and self.file.state.with_status(Status.PENDING, Status.IN_PROGRESS):
            raise self._interrupted()

    def _migrate_each(self, names: Iterable[str]) -> None:
        for name in names:
            if self._stop_all.is_set() or self.stop.is_set:
                return
            try:
                self._migrate(name)
            except BaseException:
                self._stop_all.set()
                raise

    def _migrate(self, name: str) -> None:
        earlier = self._index_state(name)
        begun = time.monotonic()
        self._set_status(name, Status.IN_PROGRESS, started_at=utc_timestamp())
        try:
            report = self._apply(name)
        except Interrupted:
            return  # its status stays in_progress
        except INDEX_ERRORS as error:
            if self.file.state.failure_policy is FailurePolicy.FAIL_FAST:
                self._stop_all.set()
            partial = error.report if isinstance(error, MigrationIncomplete) else None
            path = None if partial is None else self._write_report(partial)
            failure = failure_fields(error)
            if is_partially_migrated(self.file.state, earlier):
                failure["exit_code"] = MigrationIncomplete.exit_code  # whatever the new error is
            self._end(name, Status.FAILED, earlier, begun, report_path=path, **failure)
            return
        documents = read_stats(self.server, report.target).num_docs
        self._end(name, Status.SUCCESS, earlier, begun, report_path=self._write_report(report), documents=documents)

    def _end(self, name: str, status: Status, earlier: IndexState, begun: float, **changes: Any) -> None:
        seconds = (earlier.duration_seconds or 0) + time.monotonic() - begun
        self._set_status(name, status, finished_at=utc_timestamp(), duration_seconds=round(seconds, 3), **changes)

    def _apply(self, name: str) -> MigrationReport:
        state = self.file.state
        settings = state.settings
        return self.executor.apply(
            self.plans[name],
            server=self.server,
            backup_dir=state.backup_dir,
            batch_size=settings.batch_size,
            num_workers=settings.num_workers,
            allow={"overflow"} if settings.allow_overflow else (),
            on_conflict=settings.on_conflict,
            retry_for=settings.retry_for,
            timeout=settings.timeout,
            index_workers=settings.index_workers,
            verify=settings.verify,
            max_rate=settings.max_rate,
            max_latency=settings.max_latency,
            pause_file=settings.pause_file,
            plan_path=self._index_state(name).plan_path,
            stop=self.stop,
        )

    def _index_state(self, name: str) -> IndexState:
        return next(each for each in self.file.state.indexes if each.name == name)

    def _write_report(self, report: MigrationReport) -> str:
        return write_index_report(report, self.file.state.report_dir, report.index)

    def _set_status(self, name: str, status: Status, **changes: Any) -> None:
        cleared = {"reason": None, "exit_code": None, "finished_at": None}
        self.file.update_index(name, status=status, **{**cleared, **changes})
        if self.callback is not None:
            names = [each.name for each in self.file.state.applicable]
            with self._callback_lock:
                self.callback(name, names.index(name) + 1, len(names), status.value)

    def _interrupted(self) -> Interrupted:
        state = self.file.state
        done, interrupted = len(state.with_status(Status.SUCCESS)), state.with_status(Status.IN_PROGRESS)
        stopped = f"; stopped in {', '.join(each.name for each in interrupted)}" if interrupted else ""
        return Interrupted(
            f"Migrated {done} of {counted(len(state.applicable), 'index', 'indexes')}{stopped}.",
            resume=resume_command(self.file.path, state),
            rollback=rollback_command(self.file.path),
        )


def failure_fields(error: Exception) -> dict[str, Any]:
    """Return the fields of an index state that describe an error."""
    code = error.exit_code if isinstance(error, FieldfareError) else FieldfareError.exit_code
    return {"reason": error_text(error), "exit_code": code}
