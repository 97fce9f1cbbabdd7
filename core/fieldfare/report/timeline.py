"""When a run did what, how fast it was, and how long the index was away: of bounded size. Data only.

All moments are seconds of the run's own clock, which stands still between two attempts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

from attrs import evolve, field, frozen

__all__ = ["Attempt", "Outage", "Span", "Timeline"]

T = TypeVar("T")

SPANS: Final = 100
"""Above so many activities, only the longest ones stay on record."""

INTERVALS: Final = 120
"""Above so many intervals, two become one, and ``interval_seconds`` doubles."""

FIRST_INTERVAL: Final = 0.25


@frozen
class Attempt:
    """The start of a run, or of another attempt to complete it.

    Attributes:
        at: the moment.
        began: the same in seconds since the epoch.
    """

    at: float
    began: float


@frozen
class Span:
    """One activity. Activities nest: building an index is part of creating it.

    Attributes:
        activity: as in step reports: ``dump``, ``rewrite``, ``index``.
        title: one line of text.
        start: the moment at which it started.
        seconds: how long it took.
    """

    activity: str
    title: str
    start: float
    seconds: float


@frozen
class Outage:
    """A time in which the index could not be queried.

    Attributes:
        start: the moment at which the index was dropped.
        end: the moment at which it answered again; None if it does not.
    """

    start: float
    end: float | None = None


@frozen(hash=False)
class Timeline:
    """The course of a run, or of its rollback.

    Attributes:
        attempts: when it was started, and resumed.
        spans: the activities, in the order in which they ended.
        outages: when the index was away.
        interval_seconds: length of the intervals of the figures below.
        documents: activity → documents that it processed in each interval; intervals at the end may be left out.
        latency_ms: the longest time that the server took to answer in each interval, in milliseconds; 0 where it was
            not asked.
    """

    attempts: tuple[Attempt, ...] = ()
    spans: tuple[Span, ...] = ()
    outages: tuple[Outage, ...] = ()
    interval_seconds: float = FIRST_INTERVAL
    documents: Mapping[str, tuple[int, ...]] = field(factory=dict)
    latency_ms: tuple[float, ...] = ()

    def with_attempt(self, at: float, began: float) -> Timeline:
        """Return it with another attempt."""
        return evolve(self, attempts=(*self.attempts, Attempt(round(at, 3), round(began, 3))))

    def restarted(self) -> Timeline:
        """Return an empty one that continues with the current attempt, at the moment 0."""
        return Timeline(tuple(evolve(each, at=0.0) for each in self.attempts[-1:]))

    def with_span(self, activity: str, title: str, start: float, seconds: float) -> Timeline:
        """Return it with an activity that ended."""
        spans = (*self.spans, Span(activity, title, round(start, 3), round(seconds, 3)))
        if len(spans) > SPANS:
            shortest = min(range(len(spans)), key=lambda position: spans[position].seconds)
            spans = (*spans[:shortest], *spans[shortest + 1 :])
        return evolve(self, spans=spans)

    def with_outage(self, dropped_at: float, end: float | None) -> Timeline:
        """Return it with a time without an index.

        Args:
            dropped_at: when the index was dropped, in seconds since the epoch.
            end: the moment at which it answered again; None if it does not.
        """
        outage = Outage(round(self.moment(dropped_at), 3), None if end is None else round(end, 3))
        return evolve(self, outages=(*self.outages, outage))

    def with_documents(self, since: float, at: float, activity: str, count: int) -> Timeline:
        """Return it with documents that an activity has processed.

        Args:
            since: the moment of the count before; the documents are spread over the intervals after that one.
            at: the moment of this count.
            activity: that processed them.
            count: how many.
        """
        room = self._with_room(at)
        last = room.interval(at)
        intervals = range(min(room.interval(since) + 1, last), last + 1)
        counts = _filled(room.documents.get(activity, ()), last + 1, 0)
        for number, position in enumerate(intervals):
            counts[position] += count * (number + 1) // len(intervals) - count * number // len(intervals)
        return evolve(room, documents={**room.documents, activity: tuple(counts)})

    def with_latency(self, at: float, milliseconds: float) -> Timeline:
        """Return it with the time that the server took to answer."""
        room = self._with_room(at)
        position = room.interval(at)
        longest = _filled(room.latency_ms, position + 1, 0.0)
        longest[position] = max(longest[position], round(milliseconds, 3))
        return evolve(room, latency_ms=tuple(longest))

    def moment(self, epoch: float) -> float:
        """Return the moment of a time in seconds since the epoch; between two attempts, the start of the second."""
        before = [each for each in self.attempts if each.began <= epoch]
        if not before:
            return 0.0
        after = self.attempts[len(before) :]
        return min(before[-1].at + epoch - before[-1].began, after[0].at if after else float("inf"))

    def interval(self, at: float) -> int:
        """Return the number of the interval that a moment is in."""
        return int(max(at, 0.0) / self.interval_seconds)

    def _with_room(self, at: float) -> Timeline:
        """Return it with intervals that are long enough for a moment."""
        wide = self
        while wide.interval(at) >= INTERVALS:
            wide = evolve(
                wide,
                interval_seconds=wide.interval_seconds * 2,
                documents={
                    name: tuple(sum(counts[start : start + 2]) for start in range(0, len(counts), 2))
                    for name, counts in wide.documents.items()
                },
                latency_ms=tuple(
                    max(wide.latency_ms[start : start + 2]) for start in range(0, len(wide.latency_ms), 2)
                ),
            )
        return wide


def _filled(figures: Sequence[T], count: int, zero: T) -> list[T]:
    """Return at least so many figures, those that are missing as zero."""
    return [*figures, *([zero] * (count - len(figures)))]
