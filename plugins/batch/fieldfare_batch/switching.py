"""Switching the indexes of a batch: when all are built and checked, the names of all of them move, or of none."""

from __future__ import annotations

import time

from attrs import define

from fieldfare.engine.retry import is_transient
from fieldfare.errors import FieldfareError, Interrupted, LockHeld
from fieldfare.support.error_text import error_text
from fieldfare_batch.index_runs import INDEX_ERRORS, IndexRuns
from fieldfare_batch.rollback import Rollbacks
from fieldfare_batch.state import SWITCHING, Status

__all__ = ["Switches"]


@define
class Switches:
    """Moves the names of every index of a batch that is built.

    Attributes:
        runs: applies the plan of one index.
    """

    runs: IndexRuns

    def run(self) -> None:
        """Check each index once more, and move its names. If one cannot be switched, the whole batch is rolled back.

        If the server or the machine is the reason, nothing is rolled back: the batch can be resumed.

        Raises:
            Interrupted: ``stop`` was set during a rollback.
        """
        runs, file = self.runs, self.runs.file
        file.update(switching=True)
        for index in file.state.with_status(Status.BUILT):
            if runs.stop.is_set:
                return
            begun = time.monotonic()
            runs.show(index.name, SWITCHING)
            try:
                report = runs.apply(index.name, switch=True)
            except Interrupted:
                return
            except INDEX_ERRORS as error:
                runs.failed(Status.BUILT, error, index, begun)
                if _is_refusal(error):
                    self._roll_back(index.name, error)
                return
            runs.succeeded(Status.SUCCESS, report, index, begun)

    def _roll_back(self, name: str, error: Exception) -> None:
        runs = self.runs
        Rollbacks(runs.server, runs.executor, runs.file, runs.stop, callback=runs.callback).run()
        index = runs.index_state(name)
        reason = f"its names could not move, so the whole batch was rolled back: {error_text(error)}"
        code = FieldfareError.exit_code
        if index.status is Status.FAILED:
            reason, code = f"{index.reason}. Before that: {error_text(error)}", index.exit_code or code
        runs.file.update_index(name, reason=reason, exit_code=code)


def _is_refusal(error: Exception) -> bool:
    """Whether repeating the command will not help: a check failed, or a name leads elsewhere now."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError | LockHeld):
            return False
        cause = cause.__cause__
    return isinstance(error, FieldfareError) and not is_transient(error)
