"""Going on when the server was away for a while: restarted, failed over, or out of reach."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

from attrs import define, field
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import (
    AskError,
    AuthenticationError,
    AuthorizationError,
    ClusterDownError,
    ConnectionError,  # noqa: A004 - redis-py's, which is no OSError
    ReadOnlyError,
    RedisError,
    TimeoutError,  # noqa: A004 - as above
    TryAgainError,
)

from fieldfare.engine.run import Run, StopRequested
from fieldfare.errors import FieldfareError, RunFailed

__all__ = ["is_passing", "patiently"]

T = TypeVar("T")

BACKOFF: Final = ExponentialWithJitterBackoff(base=0.05, cap=2.0)

PASSING: Final = (
    ConnectionError,  # also LOADING
    TimeoutError,
    ReadOnlyError,  # a primary that became a replica; in a failover, one that will be primary
    ClusterDownError,  # also MASTERDOWN
    TryAgainError,
    AskError,  # also MOVED: more often in a row than a cluster in order would say it
)
LASTING: Final = (AuthenticationError, AuthorizationError)


def is_passing(error: BaseException | None) -> bool:
    """Whether the same may work in a moment, without anybody's help; so too if that is the cause of the error."""
    while error is not None:
        if isinstance(error, PASSING):
            return not isinstance(error, LASTING)
        error = error.__cause__
    return False


def patiently(run: Run, work: Callable[[], T]) -> T:
    """Do some work, again and again while the server is away, for as long as the user said.

    The work must go on where the journal says that it stopped, as after a crash: then it does not matter what the
    server has done of that for which no answer came. Waits are those of "exponential backoff with jitter".
    A server that was started anew answers as if nothing had been: what was done on it, or went wrong, does not count.

    Args:
        run: ``options.retry_for`` says how many seconds without progress are too many.
        work: what to do.

    Raises:
        RedisError: the server is still away, or refuses for good; so too what a plugin made of that.
        RunFailed: the server was started anew, and there is no time left.
        StopRequested: the user asked to stop meanwhile.
        LockHeld: somebody else has taken the index meanwhile.
    """
    patience = Patience(run)
    error: Exception
    while True:
        try:
            result = work()
        except (RedisError, FieldfareError) as caught:
            if not (is_passing(caught) or _is_another_server(run)):
                raise
            error = caught
        else:
            if not _is_another_server(run):
                return result
            error = RunFailed("the server was started anew meanwhile, and may have forgotten what was done")
        patience.wait(error)


def _is_another_server(run: Run) -> bool:
    try:
        return run.server.processes() != run.journal.progress.server_processes
    except RedisError as error:
        return is_passing(error)


@define
class Patience:
    """How often it went wrong, and since when."""

    run: Run
    _failures: int = 0
    _since: float = 0.0
    _progress: object = field(default=None)

    def wait(self, error: Exception) -> None:
        """Return when the server is there again.

        Raises:
            Exception: the error, or a later one, when it lasts too long.
            StopRequested: the user asked to stop.
            LockHeld: somebody else has taken the index.
        """
        if self._progress is not self.run.journal.progress:
            self._failures, self._since = 0, time.monotonic()
        while True:
            self._failures += 1
            pause = BACKOFF.compute(self._failures)
            left = self._since + self.run.options.retry_for - time.monotonic()
            if left < pause:
                raise error
            self._tell(error, pause, left)
            if self.run.stop.wait(pause):
                raise StopRequested from error
            try:
                self.run.server.reconnect()
                self.run.take_up_again()
            except RedisError as again:
                if not is_passing(again):
                    raise
                error = again
            else:
                self._progress = self.run.journal.progress
                return

    def _tell(self, error: Exception, pause: float, left: float) -> None:
        import structlog  # noqa: PLC0415 - start-up time

        structlog.get_logger("fieldfare").warning(
            "server_away",
            index=self.run.plan.index,
            error=str(error) or type(error).__name__,
            next_try_seconds=round(pause, 2),
            giving_up_in_seconds=round(left, 1),
        )
