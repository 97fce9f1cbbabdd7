"""Carrying out the migrations of a batch, one after the other or several at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
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
from fieldfare_batch.clock import now
from fieldfare_batch.grouping import chains
from fieldfare_batch.index_report import write_index_report
from fieldfare_batch.next_step import resume_command, rollback_command
from fieldfare_batch.opening import was_left_half_way
from fieldfare_batch.plan import FailurePolicy
from fieldfare_batch.report import HALF_WAY
from fieldfare_batch.state import IndexState, Status
from fieldfare_batch.state_file import StateFile
from fieldfare_batch.survey import keyspace

__all__ = ["FAILURES", "Migrations", "ProgressCallback", "outcome_of"]

ProgressCallback: TypeAlias = Callable[[str, int, int, str], object]
"""Called with name, position, total and status whenever an index gets another status."""

FAILURES: Final = (FieldfareError, RedisError, OSError)
"""What counts as the failure of one index. Anything else is a defect, and ends the batch."""


@define
class Migrations:
    """The migrations that are left to do.

    Attributes:
        server: where the indexes live.
        executor: migrates one.
        file: the record.
        plans: index → its plan, in order.
        stop: looked at between two batches of documents, and between two indexes.
        callback: told about every transition, from one thread at a time.
    """

    server: Server
    executor: MigrationExecutor
    file: StateFile
    plans: Mapping[str, MigrationPlan]
    stop: StopRequest
    callback: ProgressCallback | None = None
    _halt: Event = field(factory=Event, init=False)
    _telling: Lock = field(factory=Lock, init=False)

    def carry_out(self) -> None:
        """Migrate every index, or stop at a failure if the policy says so.

        Raises:
            Interrupted: ``stop`` was set before everything was done.
        """
        parallel = self.file.state.settings.parallel
        if parallel == 1:
            self._migrate_each(self.plans)
        else:
            rows = chains([keyspace(plan) for plan in self.plans.values()])
            with ThreadPoolExecutor(parallel, thread_name_prefix="fieldfare-batch") as pool:
                runs = [pool.submit(self._migrate_each, row) for row in rows]
            for run in runs:
                run.result()
        if self.stop.is_set and self.file.state.having(Status.PENDING, Status.IN_PROGRESS):
            raise self._interrupted()

    def _migrate_each(self, names: Iterable[str]) -> None:
        for name in names:
            if self._halt.is_set() or self.stop.is_set:
                return
            try:
                self._migrate(name)
            except BaseException:
                self._halt.set()
                raise

    def _migrate(self, name: str) -> None:
        earlier = self._record(name)
        self._move(name, Status.IN_PROGRESS, started_at=now())
        try:
            report = self._apply(name)
        except Interrupted:
            return  # it stays in progress
        except FAILURES as error:
            if self.file.state.failure_policy is FailurePolicy.FAIL_FAST:
                self._halt.set()
            partial = error.report if isinstance(error, MigrationIncomplete) else None
            path = None if partial is None else self._write(partial)
            outcome = outcome_of(error)
            if was_left_half_way(Path(self.file.state.backup_dir), earlier):
                outcome["exit_code"] = HALF_WAY  # whatever keeps it from going on now
            self._move(name, Status.FAILED, **outcome, finished_at=now(), report_path=path)
            return
        self._move(name, Status.SUCCESS, finished_at=now(), report_path=self._write(report))

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
            verify=settings.verify,
            plan_path=self._record(name).plan_path,
            stop=self.stop,
        )

    def _record(self, name: str) -> IndexState:
        return next(each for each in self.file.state.indexes if each.name == name)

    def _write(self, report: MigrationReport) -> str:
        return write_index_report(report, self.file.state.report_dir, report.index)

    def _move(self, name: str, status: Status, **changes: Any) -> None:
        blank = {"reason": None, "exit_code": None, "finished_at": None}
        self.file.update_index(name, status=status, **{**blank, **changes})
        if self.callback is not None:
            names = [each.name for each in self.file.state.migrating]
            with self._telling:
                self.callback(name, names.index(name) + 1, len(names), status.value)

    def _interrupted(self) -> Interrupted:
        state = self.file.state
        done, half = len(state.having(Status.SUCCESS)), state.having(Status.IN_PROGRESS)
        stopped = f"; stopped in {', '.join(each.name for each in half)}" if half else ""
        return Interrupted(
            f"{done} of {len(state.migrating)} indexes are migrated{stopped}.",
            resume=resume_command(self.file.path, state),
            rollback=rollback_command(self.file.path),
        )


def outcome_of(error: Exception) -> dict[str, Any]:
    """Return what the state of an index remembers of an error."""
    code = error.exit_code if isinstance(error, FieldfareError) else FieldfareError.exit_code
    return {"reason": str(error) or type(error).__name__, "exit_code": code}
