"""Retrying while the server is away: restarted, failed over, or unreachable."""

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
    ResponseError,
    TimeoutError,  # noqa: A004 - as above
    TryAgainError,
)

from fieldfare.engine.run import ActiveRun
from fieldfare.engine.stop import StopRequested
from fieldfare.errors import FieldfareError, RunFailed
from fieldfare.support.error_text import error_text

__all__ = ["is_transient", "with_retries"]

T = TypeVar("T")

BACKOFF: Final = ExponentialWithJitterBackoff(base=0.05, cap=2.0)

TRANSIENT: Final = (
    ConnectionError,  # also LOADING
    TimeoutError,
    ReadOnlyError,  # a primary that became a replica; in a failover, one that will be primary
    ClusterDownError,  # also MASTERDOWN
    TryAgainError,
    AskError,  # also MOVED: more redirections in a row than a healthy cluster gives
)
PERMANENT: Final = (AuthenticationError, AuthorizationError)


UNSETTLED: Final = ("uninitialized cluster state", "could not distribute command", "no responses received")
"""What the coordinator of a cluster says while it looks for the nodes."""


def is_transient(error: BaseException | None) -> bool:
    """Whether the same command may succeed in a moment by itself; the causes of the error count, too."""
    while error is not None:
        if isinstance(error, TRANSIENT):
            return not isinstance(error, PERMANENT)
        if isinstance(error, ResponseError) and any(words in str(error).lower() for words in UNSETTLED):
            return True
        error = error.__cause__
    return False


def with_retries(run: ActiveRun, work: Callable[[], T]) -> T:
    """Do some work; while the server is away, retry it for as long as the user said.

    The work must resume where the journal says that it stopped, as after a crash: then it does not matter whether a
    command without a reply was executed. Pauses are "exponential backoff with jitter". If the server was restarted,
    neither a result nor an error of the work counts.

    Args:
        run: ``options.retry_for`` says how many seconds without progress are too many.
        work: what to do.

    Raises:
        RedisError: the server is still away, or refuses for good; also as what a plugin raised instead.
        RunFailed: the server was restarted, and there is no time left.
        StopRequested: the user asked to stop.
        LockHeld: another migration has taken the index.
    """
    attempts = Attempts(run)
    error: Exception
    while True:
        try:
            result = work()
        except (RedisError, FieldfareError) as caught:
            if not (is_transient(caught) or _was_restarted(run)):
                raise
            error = caught
        else:
            if not _was_restarted(run):
                return result
            error = RunFailed("the server was restarted, and may have lost what was done")
        attempts.wait(error)


def _was_restarted(run: ActiveRun) -> bool:
    try:
        return run.server.has_restarted_since(run.journal.progress.server_processes)
    except RedisError as error:
        return is_transient(error)


def _naming_silent_nodes(run: ActiveRun, error: Exception) -> Exception:
    """Return the error, with the nodes of a cluster that do not answer: it may have come from another command."""
    silent = [each for each in run.server.silent_nodes() if each not in str(error)]
    if not silent:
        return error
    named = ConnectionError(f"{error}; no answer from {', '.join(silent)}")
    named.__cause__ = error
    return named


@define
class Attempts:
    """How many attempts failed without progress, and since when."""

    run: ActiveRun
    _failures: int = 0
    _since: float = 0.0
    _progress: object = field(default=None)

    def wait(self, error: Exception) -> None:
        """Return when the server answers again.

        Raises:
            Exception: the error, or a later one, when it lasts too long.
            StopRequested: the user asked to stop.
            LockHeld: another migration has taken the index.
        """
        if self._progress is not self.run.journal.progress:
            self._failures, self._since = 0, time.monotonic()
        while True:
            self._failures += 1
            pause = BACKOFF.compute(self._failures)
            left = self._since + self.run.options.retry_for - time.monotonic()
            if left < pause:
                raise _naming_silent_nodes(self.run, error)
            self._log(error, pause, left)
            if self.run.stop.wait(pause):
                raise StopRequested from error
            try:
                self.run.server.reconnect()
                self.run.resume_after_reconnect()
            except RedisError as again:
                if not is_transient(again):
                    raise
                error = again
            else:
                self._progress = self.run.journal.progress
                return

    def _log(self, error: Exception, pause: float, left: float) -> None:
        import structlog  # noqa: PLC0415 - start-up time

        structlog.get_logger("fieldfare").warning(
            "server_away",
            index=self.run.plan.index,
            error=error_text(error),
            next_try_seconds=round(pause, 2),
            giving_up_in_seconds=round(left, 1),
        )
