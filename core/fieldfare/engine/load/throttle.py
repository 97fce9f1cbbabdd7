"""Where a run waits: between two batches, for as long as its limits ask."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Final

from attrs import define, field, frozen

from fieldfare.engine.load import files
from fieldfare.engine.load.latency import probe_latency
from fieldfare.engine.load.limits import Limits, read_limits
from fieldfare.engine.load.pace import Backoff, Speed, TokenBucket
from fieldfare.engine.load.state import STORAGE_SECONDS, Pace, RunState, state_interval, write_state
from fieldfare.engine.stop import StopRequest
from fieldfare.hooks.run_options import RunOptions
from fieldfare.report import StepReport
from fieldfare.server import Server
from fieldfare.server.process import this_process
from fieldfare.storage import BackupPath, StoragePath
from fieldfare.support.interval import Interval

__all__ = ["Restriction", "Throttle"]

LOOK_SECONDS: Final = 0.25
"""How often files are looked at, and how long a pause goes without asking for the lock."""

PROBE_SECONDS: Final = 0.1

OF_THE_SERVER: Final = "index"
"""The activity in which the server works, and the run only looks on: to wait would not ease it."""

WITHOUT_RATE: Final = frozenset({OF_THE_SERVER, "enumerate"})
"""Activities that read and write no documents."""


@frozen
class Wait:
    """Why a run waits now.

    Attributes:
        pace: throttled or paused.
        reason: for people.
        seconds: until it is to be looked at again.
    """

    pace: Pace
    reason: str
    seconds: float = LOOK_SECONDS


@frozen
class Restriction:
    """How fast others may work now.

    Attributes:
        max_rate: documents per second, all of them together; None for no limit.
        delay: seconds for each of them to wait after a batch.
        paused: whether they wait.
    """

    max_rate: float | None = None
    delay: float = 0.0
    paused: bool = False


@define
class Throttle:
    """Waits between the batches of one run. One thread uses it at a time.

    Attributes:
        server: whose latency is probed.
        options: the limits that the run starts with.
        stop: ends a wait.
        prefix: the prefix of the backup; None for a validation, which has no backup of its own.
        check: called after each part of a wait; raises if the run is to stop.
        on_pause: called with the reason when a pause begins.
        on_wait: called with the seconds of a wait when it ends, however it ends.
        on_latency: called with the milliseconds of each probe.
    """

    server: Server
    options: RunOptions
    stop: StopRequest
    prefix: BackupPath | None
    check: Callable[[], None]
    on_pause: Callable[[str], None]
    on_wait: Callable[[float], None]
    on_latency: Callable[[float], None]
    _limits: Limits = field(init=False)
    _limits_age: object | None = field(init=False, default=None)
    _pause_file_exists: bool = field(init=False, default=False)
    _files: Interval = field(init=False)
    _shown: Interval = field(init=False)
    _looked_at: float = field(init=False, default=-math.inf)
    _bucket: TokenBucket = field(init=False, factory=TokenBucket)
    _backoff: Backoff = field(init=False, factory=Backoff)
    _latency: float = field(init=False, default=0.0)
    _probed_at: float = field(init=False, default=-math.inf)
    _resumes_at: float = field(init=False, default=-math.inf)
    _activity: tuple[str, str] = field(init=False, default=("", ""))
    _speed: Speed = field(init=False, factory=Speed)
    _state: RunState = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Start with the limits of the options."""
        self._limits = Limits.of(self.options)
        self._state = RunState(this_process())
        self._files = Interval(STORAGE_SECONDS if isinstance(self.prefix, StoragePath) else LOOK_SECONDS)
        self._shown = state_interval(self.prefix)

    def wait(self, report: StepReport, documents: int) -> None:
        """Wait until the next batch may go.

        Args:
            report: the progress of the current activity.
            documents: how many documents the last batch had.

        Raises:
            BaseException: whatever ``check`` raises.
        """
        began = now = time.monotonic()
        self._follow(report, now)
        self._look(now)
        if report.activity == OF_THE_SERVER:
            self._measure(now)
            self._show(now, report, None)
            return
        if self._limits.max_rate and report.activity not in WITHOUT_RATE:
            self._bucket = self._bucket.take(documents)
        self._probe(now)
        self._resumes_at = now + self._backoff.delay
        last: Wait | None = None
        try:
            while (wait := self._next_wait(now)) is not None:
                if wait.pace is Pace.PAUSED and (last is None or last.pace is not Pace.PAUSED):
                    self.on_pause(f"paused: {wait.reason}")
                last = wait
                self._show(now, report, wait)
                self.stop.wait(min(wait.seconds, LOOK_SECONDS))
                self.check()
                now = time.monotonic()
                self._look(now)
        finally:
            if last is not None:
                self.on_wait(time.monotonic() - began)
        self._show(now, report, None if last is None or last.pace is Pace.PAUSED else last)

    def watch(self, report: StepReport) -> Restriction:
        """Return how fast others may work, without waiting: workers in other processes wait by themselves.

        Args:
            report: the progress of the current activity, as far as they have told.
        """
        now = time.monotonic()
        self._follow(report, now)
        self._look(now)
        self._probe(now)
        wait, max_rate = self._pause(now), self._limits.max_rate
        if wait is not None:
            if self._state.pace is not Pace.PAUSED:
                self.on_pause(f"paused: {wait.reason}")
        elif self._backoff.delay:
            wait = Wait(Pace.THROTTLED, self._slowness)
        elif max_rate:
            wait = Wait(Pace.THROTTLED, _allowed(max_rate))
        self._show(now, report, wait)
        return Restriction(max_rate, self._backoff.delay, paused=wait is not None and wait.pace is Pace.PAUSED)

    def _next_wait(self, now: float) -> Wait | None:
        """Return why to wait; None to continue."""
        limits = self._limits
        pause = self._pause(now)
        if pause is not None:
            return pause
        if limits.max_latency and now < self._resumes_at:
            return Wait(Pace.THROTTLED, self._slowness, self._resumes_at - now)
        if limits.max_rate and (seconds := self._bucket.wait(limits.max_rate)) > 0:
            return Wait(Pace.THROTTLED, _allowed(limits.max_rate), seconds)
        return None

    def _pause(self, now: float) -> Wait | None:
        """Return why no batch goes at all; None if some may go."""
        if self._limits.paused:
            return Wait(Pace.PAUSED, "'fieldfare throttle --pause' was given")
        if self._pause_file_exists:
            return Wait(Pace.PAUSED, f"the file {self.options.pause_file} exists")
        if self._limits.max_latency:
            if self._backoff.pauses:
                self._probe(now)
            if self._backoff.pauses:
                return Wait(Pace.PAUSED, self._slowness)
        return None

    @property
    def _slowness(self) -> str:
        allowed = self._limits.max_latency or 0
        return f"the server took {self._latency:.1f} ms to answer; {allowed:g} ms are allowed"

    def _follow(self, report: StepReport, now: float) -> None:
        """Look at everything again when another activity begins."""
        if self._activity != (report.activity, report.step):
            self._activity = (report.activity, report.step)
            self._looked_at = self._probed_at = -math.inf
            self._files.hurry()
            self._shown.hurry()
            self._speed = Speed().add(now, report.documents_done)

    def _look(self, now: float) -> None:
        """Look at the files, a few times per second, and fill the bucket."""
        if now - self._looked_at >= LOOK_SECONDS:
            self._looked_at = now
            pause_file = self.options.pause_file
            self._pause_file_exists = pause_file is not None and pause_file.exists()
        if self.prefix is not None and self._files.is_due:
            with self._files.doing():
                if (found := files.age(self.prefix, files.THROTTLE)) != self._limits_age:
                    self._limits_age = found
                    self._limits = read_limits(self.prefix) or self._limits
        rate = self._limits.max_rate
        self._bucket = self._bucket.fill(rate, now) if rate else TokenBucket(filled_at=now)

    def _probe(self, now: float) -> None:
        """Change the delay between batches with the server's latency, if that is limited."""
        if not self._limits.max_latency:
            self._backoff = Backoff()
        elif self._measure(now):
            self._backoff = self._backoff.probed(is_slow=self._latency > self._limits.max_latency)

    def _measure(self, now: float) -> bool:
        """Ask for the server's latency, if it is limited, a few times per second; return whether it was asked."""
        if not self._limits.max_latency or now - self._probed_at < PROBE_SECONDS:
            return False
        self._probed_at = now
        self._latency = probe_latency(self.server)
        self.on_latency(self._latency)
        return True

    def _show(self, now: float, report: StepReport, wait: Wait | None) -> None:
        """Write the state for ``status``: when a pause begins or ends, and a few times per second."""
        if self.prefix is None:
            return
        pace = Pace.FULL_SPEED if wait is None else wait.pace
        changed = (pace is Pace.PAUSED) != (self._state.pace is Pace.PAUSED)
        if not (changed or self._shown.is_due):
            return
        self._speed = self._speed.add(now, report.documents_done)
        left = max(report.documents_total - report.documents_done, 0)
        paused = pace is Pace.PAUSED
        self._state = RunState(
            self._state.process,
            report.activity,
            report.documents_done,
            report.documents_total,
            None if paused else self._speed.rate,
            None if paused or not report.documents_total else self._speed.seconds_left(left),
            pace,
            "" if wait is None else wait.reason,
        )
        with self._shown.doing():
            write_state(self.prefix, self._state)


def _allowed(rate: float) -> str:
    return f"{rate:g} documents per second are allowed"
