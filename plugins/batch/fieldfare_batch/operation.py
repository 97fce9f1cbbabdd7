"""What finalizing and rolling back a batch have in common: one index after the other."""

from __future__ import annotations

from attrs import define

from fieldfare.api import MigrationExecutor
from fieldfare.engine.stop import StopRequest
from fieldfare.server import Server
from fieldfare_batch.index_runs import ProgressCallback
from fieldfare_batch.state_file import StateFile

__all__ = ["BatchOperation"]


@define
class BatchOperation:
    """An operation on the indexes of a batch, one after the other.

    Attributes:
        server: the server of the indexes.
        executor: does it for one index.
        file: the batch state.
        stop: checked within an index, and between two indexes.
        force: continue even if the server has changed since the migrations.
        callback: called when the operation starts and ends for an index.
    """

    server: Server
    executor: MigrationExecutor
    file: StateFile
    stop: StopRequest
    force: bool = False
    callback: ProgressCallback | None = None

    def report_progress(self, name: str, position: int, total: int, status: str) -> None:
        """Tell the callback the status of an index, and its position among those that the operation is about."""
        if self.callback is not None:
            self.callback(name, position, total, status)
