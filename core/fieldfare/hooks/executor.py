"""Where the work on shards runs: what ``fieldfare_executor`` returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
            call is submitted again. Any other exception that the function did not raise ends the run, resumable.
        """

    def ask_each(self, function: Callable[..., Any], /, *arguments: Any) -> Mapping[str, Any]:
        """Have every worker call a function, and return the name of each with its result, or with what it raised."""

    def close(self) -> None:
        """End what was started for this run. Workers that were there before stay."""
