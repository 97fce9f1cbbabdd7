"""Undoing a batch: every index that was begun, in reverse order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import define

from fieldfare.api import MigrationExecutor
from fieldfare.engine.stop import StopRequest
from fieldfare.errors import BackupUnusable, Interrupted
from fieldfare.journal import Undo
from fieldfare.server import Server
from fieldfare_batch.clock import now
from fieldfare_batch.index_report import write_index_report
from fieldfare_batch.migration import FAILURES, ProgressCallback, outcome_of
from fieldfare_batch.next_step import rollback_command
from fieldfare_batch.opening import find_journal
from fieldfare_batch.state import IndexState, Status
from fieldfare_batch.state_file import StateFile

__all__ = ["Rollbacks"]


@define
class Rollbacks:
    """The rollbacks that are left to do.

    Attributes:
        server: where the indexes live.
        executor: rolls one back.
        file: the record.
        stop: looked at between two batches of documents, and between two indexes.
        force: put back even where the server is not as the migration left it.
        callback: told about every index that is put back, or cannot be.
    """

    server: Server
    executor: MigrationExecutor
    file: StateFile
    stop: StopRequest
    force: bool = False
    callback: ProgressCallback | None = None

    def carry_out(self) -> None:
        """Undo every index that was begun. One that fails does not keep the others from being put back.

        Raises:
            Interrupted: ``stop`` was set before everything was put back.
        """
        self.file.update(rollback=Undo.RUNNING)
        begun = self.file.state.begun
        results: list[Status] = []
        for position, index in enumerate(reversed(begun), 1):
            if self.stop.is_set:
                raise self._interrupted()
            self._tell(index.name, position, len(begun), "rolling_back")
            try:
                results.append(self._undo(index))
            except Interrupted as error:
                raise self._interrupted() from error
            self._tell(index.name, position, len(begun), results[-1])
        if Status.FAILED not in results:
            self.file.update(rollback=Undo.DONE)

    def _undo(self, index: IndexState) -> Status:
        changes: dict[str, Any] = {"status": Status.ROLLED_BACK, "reason": None, "exit_code": None}
        try:
            if find_journal(Path(self.file.state.backup_dir), index) is not None:
                changes["report_path"] = self._roll_back(index.name)
            elif index.status is Status.SUCCESS:
                raise BackupUnusable(self.file.state.backup_dir, f"the backup of {index.name!r} is not there any more")
        except Interrupted:
            raise
        except FAILURES as error:
            changes = {"status": Status.FAILED, **outcome_of(error)}
        self.file.update_index(index.name, **changes, finished_at=now())
        status: Status = changes["status"]
        return status

    def _roll_back(self, name: str) -> str:
        state = self.file.state
        report = self.executor.rollback(
            server=self.server, backup_dir=state.backup_dir, index=name, force=self.force, stop=self.stop
        )
        return write_index_report(report, state.report_dir, name, "rollback_report")

    def _tell(self, name: str, position: int, total: int, status: str) -> None:
        if self.callback is not None:
            self.callback(name, position, total, status)

    def _interrupted(self) -> Interrupted:
        left = len(self.file.state.having(Status.SUCCESS, Status.FAILED, Status.IN_PROGRESS))
        return Interrupted(f"{left} indexes are left to be put back.", resume=rollback_command(self.file.path))
