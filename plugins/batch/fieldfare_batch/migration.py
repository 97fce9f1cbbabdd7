"""Running the migrations of a batch, one after the other or several at the same time.

Indexes that are built beside the old ones (mode ``shadow``) come first. Their names move at the end, when every index
of the batch is built or migrated: the names of all of them, or of none (``switching``).
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

from attrs import define, field

from fieldfare.engine.stop import StopRequest
from fieldfare.errors import Interrupted
from fieldfare.support.wording import counted
from fieldfare_batch.candidates import keyspace
from fieldfare_batch.index_runs import INDEX_ERRORS, IndexRuns
from fieldfare_batch.overlap import connected_groups
from fieldfare_batch.plan import FailurePolicy
from fieldfare_batch.state import Status, resume_command, rollback_command
from fieldfare_batch.switch_step import has_switch
from fieldfare_batch.switching import Switches
from fieldfare_batch.timestamp import utc_timestamp

__all__ = ["Migrations"]


@define
class Migrations:
    """Migrates the remaining indexes of a batch.

    Attributes:
        runs: applies the plan of one index.
    """

    runs: IndexRuns
    _stop_all: Event = field(factory=Event, init=False)

    def run(self) -> None:
        """Migrate every index, or stop at the first failure, according to the failure policy. Then switch.

        Raises:
            Interrupted: ``stop`` was set before every index was migrated.
        """
        file = self.runs.file
        if not file.state.switching:
            self._migrate_all()
        if not self._stop.is_set and file.state.is_ready_to_switch:
            Switches(self.runs).run()
        if self._stop.is_set and file.state.remaining:
            raise self._interrupted()

    @property
    def _stop(self) -> StopRequest:
        return self.runs.stop

    def _migrate_all(self) -> None:
        plans = self.runs.plans
        names = sorted(plans, key=lambda name: not has_switch(plans[name]))
        parallel = self.runs.file.state.settings.parallel
        if parallel == 1:
            self._migrate_each(names)
            return
        groups = connected_groups([keyspace(plans[name]) for name in names])
        with ThreadPoolExecutor(parallel, thread_name_prefix="fieldfare-batch") as pool:
            runs = [pool.submit(self._migrate_each, group) for group in groups]
        for run in runs:
            run.result()

    def _migrate_each(self, names: Iterable[str]) -> None:
        for name in names:
            if self._stop_all.is_set() or self._stop.is_set:
                return
            try:
                self._migrate(name)
            except BaseException:
                self._stop_all.set()
                raise

    def _migrate(self, name: str) -> None:
        """Migrate an index; one whose names are switched at the end is built and checked."""
        runs = self.runs
        waits = has_switch(runs.plans[name])
        earlier, begun = runs.index_state(name), time.monotonic()
        runs.set_status(name, Status.IN_PROGRESS, started_at=utc_timestamp())
        try:
            report = runs.apply(name, switch=not waits)
        except Interrupted:
            return  # its status stays in_progress
        except INDEX_ERRORS as error:
            if runs.file.state.failure_policy is FailurePolicy.FAIL_FAST:
                self._stop_all.set()
            runs.failed(Status.FAILED, error, earlier, begun)
            return
        runs.succeeded(Status.BUILT if waits else Status.SUCCESS, report, earlier, begun)

    def _interrupted(self) -> Interrupted:
        file = self.runs.file
        state = file.state
        done, interrupted = len(state.with_status(Status.SUCCESS)), state.with_status(Status.IN_PROGRESS)
        built = len(state.with_status(Status.BUILT))
        waiting = f", built {built} more" if built else ""
        stopped = f"; stopped in {', '.join(each.name for each in interrupted)}" if interrupted else ""
        return Interrupted(
            f"Migrated {done} of {counted(len(state.applicable), 'index', 'indexes')}{waiting}{stopped}.",
            resume=resume_command(file.path, state),
            rollback=rollback_command(file.path),
        )
