"""Finalizing a batch in the mode ``shadow``: every index, in the order of migration."""

from __future__ import annotations

from attrs import frozen

from fieldfare.backup.progress import RollbackStatus
from fieldfare.errors import Interrupted, MigrationIncomplete, PreconditionError
from fieldfare.patch.mode import ModeName
from fieldfare.report import Result
from fieldfare.support.error_text import error_text
from fieldfare.support.wording import counted
from fieldfare_batch.index_runs import INDEX_ERRORS, failure_fields
from fieldfare_batch.operation import BatchOperation
from fieldfare_batch.plan import FailurePolicy
from fieldfare_batch.resume import find_journal
from fieldfare_batch.state import (
    FINALIZING,
    BatchState,
    IndexState,
    Status,
    finalize_command,
    resume_command,
    rollback_command,
)

__all__ = ["BatchFinalization", "Finalizations", "IndexFinalization"]


@frozen
class IndexFinalization:
    """How the finalization of one index ended.

    Attributes:
        name: the name of the index before the migration.
        result: ``finalized``, ``nothing to do``, ``failed`` or ``not finalized``.
        reason: why it failed.
        exit_code: the exit code of the failure: 3 if it stopped part-way, otherwise the index is unchanged.
    """

    name: str
    result: str
    reason: str | None = None
    exit_code: int = 0


@frozen
class BatchFinalization:
    """How the finalization of a batch ended.

    Attributes:
        batch_id: the id of the batch plan.
        indexes: the indexes that have something to finalize, in the order of migration.
    """

    batch_id: str
    indexes: tuple[IndexFinalization, ...]

    @property
    def exit_code(self) -> int:
        """0, or 3 if an index stopped part-way, or the exit code of the first failure."""
        codes = [each.exit_code for each in self.indexes if each.exit_code]
        return MigrationIncomplete.exit_code if MigrationIncomplete.exit_code in codes else next(iter(codes), 0)


class Finalizations(BatchOperation):
    """Finalizes the indexes of a batch."""

    def run(self) -> BatchFinalization:
        """Finalize every index; the failure policy of the batch decides whether a failure stops it.

        Raises:
            PreconditionError: the batch is not complete, was rolled back, or leaves nothing to finalize.
            Interrupted: ``stop`` was set before every index was finalized.
        """
        state = self.file.state
        indexes = self._indexes_to_finalize()
        ended: list[IndexFinalization] = []
        for position, index in enumerate(indexes, 1):
            self.report_progress(index.name, position, len(indexes), FINALIZING)
            ended.append(self._finalize(index.name, left=len(indexes) - len(ended)))
            self.report_progress(index.name, position, len(indexes), ended[-1].result)
            if ended[-1].exit_code and state.failure_policy is FailurePolicy.FAIL_FAST:
                break
        left = [IndexFinalization(each.name, "not finalized") for each in indexes[len(ended) :]]
        done = BatchFinalization(state.batch_id, (*ended, *left))
        if not done.exit_code:
            self.file.update(finalized=True)
        return done

    def _indexes_to_finalize(self) -> list[IndexState]:
        state, path = self.file.state, self.file.path.absolute()
        if state.rollback is RollbackStatus.DONE:
            raise PreconditionError("The batch was rolled back, which leaves nothing to finalize. Nothing was changed.")
        if state.rollback is RollbackStatus.RUNNING:
            raise PreconditionError(
                f"A rollback of the batch was started. Nothing was changed. Finish it: {rollback_command(path)}"
            )
        if not state.is_finished:
            raise PreconditionError(
                f"The batch is not complete. Nothing was changed. First run: {resume_command(path, state)}"
            )
        indexes = [each for each in state.with_status(Status.SUCCESS) if _has_something_left(state, each)]
        if not indexes:
            raise PreconditionError("Only the mode shadow leaves something to finalize. Nothing was changed.")
        return indexes

    def _finalize(self, name: str, *, left: int) -> IndexFinalization:
        state = self.file.state
        if self.stop.is_set:
            raise self._interrupted(left)
        try:
            report = self.executor.finalize(
                server=self.server,
                backup_dir=state.backup_dir,
                index=name,
                retry_for=state.settings.retry_for,
                force=self.force,
                stop=self.stop,
            )
        except Interrupted as error:
            raise self._interrupted(left) from error
        except INDEX_ERRORS as error:
            return IndexFinalization(name, "failed", error_text(error), failure_fields(error)["exit_code"])
        return IndexFinalization(name, "nothing to do" if report.result is Result.NOTHING_TO_DO else "finalized")

    def _interrupted(self, left: int) -> Interrupted:
        return Interrupted(
            f"{counted(left, 'index is', 'indexes are')} not finalized yet.", resume=finalize_command(self.file.path)
        )


def _has_something_left(state: BatchState, index: IndexState) -> bool:
    """Whether an index has something to finalize; one that RedisVL migrated has no journal of ours."""
    journal = find_journal(state, index)
    is_ours = index.fingerprint is not None
    return is_ours and (journal is None or journal.plan.mode == ModeName.SHADOW)
