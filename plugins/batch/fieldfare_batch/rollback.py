"""Rolling back a batch: every started index, in reverse order."""

from __future__ import annotations

from typing import Any

from fieldfare.backup.progress import RollbackStatus
from fieldfare.errors import BackupUnusable, Interrupted, RollbackFailed
from fieldfare.report import MigrationReport
from fieldfare.support.wording import counted
from fieldfare_batch.index_files import write_index_report
from fieldfare_batch.index_runs import INDEX_ERRORS, failure_fields
from fieldfare_batch.operation import BatchOperation
from fieldfare_batch.resume import find_journal
from fieldfare_batch.state import ROLLING_BACK, IndexState, Status, rollback_command
from fieldfare_batch.timestamp import utc_timestamp

__all__ = ["Rollbacks"]


class Rollbacks(BatchOperation):
    """Rolls back the indexes of a batch."""

    def run(self) -> None:
        """Roll back every started index. A failed index does not stop the others.

        Raises:
            Interrupted: ``stop`` was set before every index was rolled back.
        """
        self.file.update(rollback=RollbackStatus.RUNNING)
        started = self.file.state.started
        results: list[Status] = []
        for position, index in enumerate(reversed(started), 1):
            if self.stop.is_set:
                raise self._interrupted()
            self.report_progress(index.name, position, len(started), ROLLING_BACK)
            try:
                results.append(self._undo(index))
            except Interrupted as error:
                raise self._interrupted() from error
            self.report_progress(index.name, position, len(started), results[-1])
        if Status.FAILED not in results:
            self.file.update(rollback=RollbackStatus.DONE)

    def _undo(self, index: IndexState) -> Status:
        changes: dict[str, Any] = {"status": Status.ROLLED_BACK, "reason": None, "exit_code": None}
        try:
            if find_journal(self.file.state, index) is not None:
                report, changes["report_path"] = self._roll_back(index.name)
                if not report.validation.passed:
                    problems = [finding.name for finding in report.validation.findings if finding.fatal]
                    reason = f"it is rolled back, and its validation failed: {', '.join(problems)}"
                    changes |= {"status": Status.FAILED, "reason": reason, "exit_code": RollbackFailed.exit_code}
            elif index.status in {Status.BUILT, Status.SUCCESS}:
                raise BackupUnusable(self.file.state.backup_dir, f"the backup of {index.name!r} is missing")
        except Interrupted:
            raise
        except INDEX_ERRORS as error:
            changes = {"status": Status.FAILED, **failure_fields(error)}
        self.file.update_index(index.name, **changes, finished_at=utc_timestamp())
        status: Status = changes["status"]
        return status

    def _roll_back(self, name: str) -> tuple[MigrationReport, str]:
        state = self.file.state
        report = self.executor.rollback(
            server=self.server,
            backup_dir=state.backup_dir,
            index=name,
            num_workers=state.settings.num_workers,
            executor=state.settings.executor,
            retry_for=state.settings.retry_for,
            force=self.force,
            index_workers=state.settings.index_workers,
            max_rate=state.settings.max_rate,
            max_latency=state.settings.max_latency,
            pause_file=state.settings.pause_file,
            stop=self.stop,
        )
        return report, write_index_report(report, state.report_dir, name, "rollback_report")

    def _interrupted(self) -> Interrupted:
        left = len(self.file.state.started)
        return Interrupted(
            f"{counted(left, 'index is', 'indexes are')} not rolled back yet.", resume=rollback_command(self.file.path)
        )
