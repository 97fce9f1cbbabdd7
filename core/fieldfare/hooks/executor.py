"""Where the work on shards runs: what ``fieldfare_executor`` returns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from attrs import frozen

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["Executor", "LocalThreads"]


@frozen
class LocalThreads:
    """The work runs in threads of the process that runs the migration.

    Attributes:
        workers: how many; with one, in the caller's thread.
    """

    workers: int


class Executor(Protocol):
    """Runs functions in other processes, of this machine or of others.

    Functions are module-level functions of fieldfare; their arguments and results can be pickled, and hold neither
    documents nor passwords.
    """

    @property
    def workers(self) -> int:
        """How many tasks run at a time. May change during a run; 0 while there is no worker."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Future[Any]:
        """Have a worker call a function.

        Returns:
            Its result. A worker that ended before it gave one raises ``concurrent.futures.BrokenExecutor``: the same
            call is submitted again. A worker that stands still must be ended, or be left out by its executor. Any other
            exception that the function did not raise ends the run, resumable.
        """

    def submit_elsewhere(
        self, calls: Collection[Future[Any]], function: Callable[..., Any], /, *arguments: Any
    ) -> Future[Any] | None:
        """Have a worker call a function that has none of some calls: they take long, and may never end. Optional.

        Args:
            calls: what ``submit`` and this method have returned.
            function: as for ``submit``.
            arguments: likewise.

        Returns:
            Its result, as of ``submit``; None if every worker has one of the calls: the same is asked again later.
        """

    def ask_each(self, function: Callable[..., Any], /, *arguments: Any) -> Mapping[str, Any]:
        """Have every worker call a function, and return the name of each with its result, or with what it raised."""

    def close(self) -> None:
        """End what was started for this run. Workers that were there before stay."""
