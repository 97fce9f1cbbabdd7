"""What is done from time to time takes little of the time, however slow it is."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from fieldfare.support import interval
from fieldfare.support.interval import Interval


@pytest.mark.parametrize(("took", "pause"), [(0.0, 5.0), (0.4, 5.0), (3.0, 30.0)])
def test_what_is_slow_is_due_less_often(took: float, pause: float, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(interval, "time", SimpleNamespace(monotonic=lambda: clock.now))
    due = Interval(5.0)
    assert due.is_due, "the first one is due at once"
    with due.doing():
        clock.now += took
    assert not due.is_due
    clock.now += pause - 0.01
    assert not due.is_due
    clock.now += 0.02
    assert due.is_due
    with pytest.raises(OSError, match="refused"), due.doing():
        raise OSError("refused")
    assert not due.is_due, "also after a failure"
    due.hurry()
    assert due.is_due
