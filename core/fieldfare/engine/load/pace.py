"""When the next batch may go: arithmetic only, without a clock and without a server."""

from __future__ import annotations

from typing import Final

from attrs import evolve, frozen

__all__ = ["Backoff", "Speed", "TokenBucket"]

BURST_SECONDS: Final = 0.1
"""Seconds whose documents a run may save up, so that one slow batch does not lower its rate."""

FIRST_DELAY: Final = 0.01
LONGEST_DELAY: Final = 1.0
WINDOW_SECONDS: Final = 10.0


@frozen
class TokenBucket:
    """A token bucket: one token is one document; it may go into debt, which is to be waited for.

    Attributes:
        tokens: how many documents may go at once; negative for a debt.
        filled_at: when it was filled up, in seconds.
    """

    tokens: float = 0.0
    filled_at: float = 0.0

    def fill(self, rate: float, now: float) -> TokenBucket:
        """Add what has come in since it was filled up, at a rate of documents per second."""
        tokens = self.tokens + max(now - self.filled_at, 0.0) * rate
        return TokenBucket(min(tokens, rate * BURST_SECONDS), now)

    def take(self, documents: int) -> TokenBucket:
        """Take tokens for some documents."""
        return evolve(self, tokens=self.tokens - documents)

    def wait(self, rate: float) -> float:
        """Return the seconds until the debt is paid at a rate."""
        return max(-self.tokens, 0.0) / rate


@frozen
class Backoff:
    """The delay between batches of a run whose server is slow: it doubles while it is, and is halved once it is not.

    Attributes:
        delay: seconds after each batch.
    """

    delay: float = 0.0

    @property
    def pauses(self) -> bool:
        """Whether no batch goes until the server is fast again."""
        return self.delay >= LONGEST_DELAY

    def probed(self, *, is_slow: bool) -> Backoff:
        """Return the delay after another probe."""
        if is_slow:
            return Backoff(min(max(self.delay * 2, FIRST_DELAY), LONGEST_DELAY))
        half = self.delay / 2
        return Backoff(half if half >= FIRST_DELAY else 0.0)


@frozen
class Speed:
    """How many documents a run has done, at some moments of the last seconds.

    Attributes:
        samples: seconds and documents, in order of time.
    """

    samples: tuple[tuple[float, int], ...] = ()

    def add(self, now: float, documents: int) -> Speed:
        """Return it with another moment, and without those that are too old."""
        recent = tuple(each for each in self.samples if now - each[0] <= WINDOW_SECONDS) or self.samples[-1:]
        return Speed((*recent, (now, documents)))

    @property
    def rate(self) -> float | None:
        """Documents per second; None while it is not known."""
        if len(self.samples) <= 1:
            return None
        (began, first), (ended, last) = self.samples[0], self.samples[-1]
        return (last - first) / (ended - began) if ended > began else None

    def seconds_left(self, documents: int) -> float | None:
        """Return the seconds for some more documents; None if they are not known."""
        return documents / self.rate if self.rate else None
