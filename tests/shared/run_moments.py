"""Things that happen at a moment of a run, as an application or a crash would cause them."""

from __future__ import annotations

from collections.abc import Callable

from fieldfare import hookimpl
from fieldfare.report import StepReport

__all__ = ["At"]


class At:
    """A plugin that does something once.

    Args:
        moment: ``activity:moment``, as reports name them, such as ``drop:finished``.
        act: what it does.
        number: how many times the moment has to come.
    """

    def __init__(self, moment: str, act: Callable[[], object], *, number: int = 1) -> None:
        self.moment = moment
        self.left = number
        self.act = act

    @hookimpl
    def fieldfare_step_report(self, report: StepReport) -> None:
        """Do it, if the moment is there."""
        if f"{report.activity}:{report.moment}" == self.moment:
            self.left -= 1
            if self.left == 0:
                self.act()
