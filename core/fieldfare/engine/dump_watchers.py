"""Showing originals to plugins while they are dumped, so that nobody has to read the backup again for it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Final

from attrs import define, field

from fieldfare.documents import Batch
from fieldfare.engine.run import ActiveRun
from fieldfare.errors import InvalidHookResult
from fieldfare.hooks.dump_watcher import DumpWatcher
from fieldfare.hooks.manager import naming
from fieldfare.plan import Step
from fieldfare.support.error_text import describe_result

__all__ = ["DumpWatchers", "find_watchers"]

HOOK: Final = "fieldfare_watch_dump"


@define(eq=False)
class DumpWatchers:
    """Those who want to see originals.

    Attributes:
        watchers: id of a step → its owner, and the watcher.
        shown: how many batches they have seen.
    """

    watchers: Mapping[str, tuple[str, DumpWatcher]]
    shown: int = 0
    _lock: AbstractContextManager[bool] = field(init=False, factory=threading.Lock)

    def add(self, batch: Batch) -> None:
        """Show them a batch."""
        with self._lock:
            self.shown += 1
            for owner, watcher in self.watchers.values():
                with naming(owner, HOOK):
                    watcher.add(batch)

    def save(self, step: Step) -> bool:
        """Have the watcher of a step write what it has found; return whether the step has one."""
        if step.id not in self.watchers:
            return False
        owner, watcher = self.watchers[step.id]
        with naming(owner, HOOK):
            watcher.save()
        return True


def find_watchers(run: ActiveRun) -> DumpWatchers:
    """Ask the owners of the plan's steps.

    Raises:
        InvalidHookResult: one of them returned something else.
    """
    owners = run.plugins.implementers(HOOK)
    found: dict[str, tuple[str, DumpWatcher]] = {}
    for step in run.plan.steps:
        if step.transforms or step.owner not in owners:
            continue
        watcher = run.plugins.call(step.owner, HOOK, step=step, run=run)
        missing = [name for name in ("add", "save") if watcher is not None and not hasattr(watcher, name)]
        if missing:
            problem = f"it returned {describe_result(watcher)}, which has no {missing[0]!r}"
            raise InvalidHookResult(step.owner, HOOK, problem)
        if watcher is not None:
            found[step.id] = step.owner, watcher
    return DumpWatchers(found)
