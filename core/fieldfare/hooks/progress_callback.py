"""Calls a function with the progress of a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import pluggy
from attrs import evolve, frozen

from fieldfare.hooks import specs
from fieldfare.hooks.manager import Plugins
from fieldfare.hooks.markers import PROJECT, hookimpl
from fieldfare.report import Moment, StepReport

__all__ = ["ProgressCallback", "with_progress_callback"]

ProgressCallback: TypeAlias = Callable[[str, str], object]
"""Takes a step and a detail: ``("dump", "1,500/50,000 docs")``. Steps are the activities of a step report."""

NAME: Final = "progress_callback"


@frozen
class CallbackObserver:
    """A plugin that calls a function for each step report."""

    callback: ProgressCallback

    @hookimpl
    def fieldfare_step_report(self, report: StepReport) -> None:
        """Call the function."""
        self.callback(report.activity, detail(report))


def with_progress_callback(plugins: Plugins, callback: ProgressCallback | None) -> Plugins:
    """Return a copy of these plugins with one more that calls the callback; the same plugins without a callback.

    It is a copy for one run, because other runs may use the same plugins at the same time.
    """
    if callback is None:
        return plugins
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(specs)
    for name, plugin in plugins.manager.list_name_plugin():
        if plugin is None:
            manager.set_blocked(name)
        else:
            manager.register(plugin, name)
    copy = evolve(plugins, manager=manager, versions=dict(plugins.versions))
    copy.register(CallbackObserver(callback), NAME)
    return copy


def detail(report: StepReport) -> str:
    """Describe a step report in a few words."""
    match report.moment:
        case Moment.STARTED:
            return report.title
        case Moment.PROGRESS:
            total = f"/{report.documents_total:,}" if report.documents_total else ""
            return f"{report.documents_done:,}{total} docs"
        case Moment.STALLED:
            return report.error or ""
        case Moment.FINISHED:
            return f"done ({report.seconds:.1f}s)"
        case Moment.SKIPPED:
            return "done by an earlier run"
        case Moment.FAILED:
            return f"failed: {report.error}"
