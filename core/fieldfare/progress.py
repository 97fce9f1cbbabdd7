"""Telling a plain function how a run goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import pluggy
from attrs import evolve, frozen

from fieldfare import hookspecs
from fieldfare.markers import PROJECT, hookimpl
from fieldfare.plugins import Plugins
from fieldfare.report import Moment, StepReport

__all__ = ["ProgressCallback", "watched_by"]

ProgressCallback: TypeAlias = Callable[[str, str], object]
"""Takes a step and a detail: ``("dump", "1,500/50,000 docs")``. Steps are the activities of a step report."""

NAME: Final = "progress_callback"


@frozen
class Caller:
    """An observer that calls a function."""

    callback: ProgressCallback

    @hookimpl
    def fieldfare_step_report(self, report: StepReport) -> None:
        """Call it."""
        self.callback(report.activity, detail(report))


def watched_by(plugins: Plugins, callback: ProgressCallback | None) -> Plugins:
    """Return these plugins and, if there is a callback, one more that calls it.

    They are a copy, for one run alone: others may run with the same plugins at the same time.
    """
    if callback is None:
        return plugins
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    for name, plugin in plugins.manager.list_name_plugin():
        if plugin is None:
            manager.set_blocked(name)
        else:
            manager.register(plugin, name)
    copy = evolve(plugins, manager=manager, versions=dict(plugins.versions))
    copy.register(Caller(callback), NAME)
    return copy


def detail(report: StepReport) -> str:
    """Say one moment of an activity in a few words."""
    match report.moment:
        case Moment.STARTED:
            return report.title
        case Moment.PROGRESS:
            total = f"/{report.documents_total:,}" if report.documents_total else ""
            return f"{report.documents_done:,}{total} docs"
        case Moment.FINISHED:
            return f"done ({report.seconds:.1f}s)"
        case Moment.SKIPPED:
            return "done by an earlier run"
        case Moment.FAILED:
            return f"failed: {report.error}"
