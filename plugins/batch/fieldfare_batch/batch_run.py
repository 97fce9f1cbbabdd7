"""What applying and resuming a batch have in common: planning indexes without a plan, migrating, and the report."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from fieldfare.api import MigrationExecutor
from fieldfare.engine.stop import StopRequest
from fieldfare.hooks.manager import Plugins
from fieldfare.server import Server
from fieldfare_batch.candidates import NOTHING_TO_DO
from fieldfare_batch.index_files import create_directory
from fieldfare_batch.index_plans import load_index_plan, require_rights_for_all
from fieldfare_batch.index_runs import IndexRuns, ProgressCallback
from fieldfare_batch.migration import Migrations
from fieldfare_batch.plan import BatchPlan
from fieldfare_batch.planner import BatchMigrationPlanner
from fieldfare_batch.redisvl import with_index_plans
from fieldfare_batch.report import BatchReport
from fieldfare_batch.report_file import write_batch_report
from fieldfare_batch.state import BatchState, Status
from fieldfare_batch.state_file import StateFile

__all__ = ["BatchRun"]


@frozen
class BatchRun:
    """One run of a batch, whose state file is locked.

    Attributes:
        server: the server of the indexes.
        plugins: the plugins that execute steps.
        path: the state file.
        stop: set it to stop after the current batch of documents.
        callback: called with name, position, total and status at every transition.
    """

    server: Server
    plugins: Plugins
    path: Path
    stop: StopRequest
    callback: ProgressCallback | None

    def planned(self, state: BatchState, batch_plan: BatchPlan) -> BatchState:
        """Return a state in which every index has a plan; RedisVL's batch plans have none."""
        if not state.unplanned:
            return state
        made = BatchMigrationPlanner(plugins=self.plugins).create_batch_plan(
            server=self.server,
            indexes=state.unplanned,
            schema_patch=batch_plan.shared_patch,
            plan_dir=self.path.absolute().parent / "plans",
        )
        return with_index_plans(state, made.indexes, NOTHING_TO_DO)

    def apply(self, state: BatchState, report_path: str | Path | None) -> BatchReport:
        """Migrate the indexes that are not migrated yet, and write the batch report.

        Raises:
            FieldfareError: as :meth:`BatchMigrationExecutor.apply`.
        """
        self.plugins.raise_if_broken()
        plans = {
            each.name: load_index_plan(each, state)
            for each in state.with_status(Status.PENDING, Status.IN_PROGRESS, Status.BUILT)
        }
        require_rights_for_all(self.server, self.plugins, plans.values())
        create_directory(Path(state.report_dir))
        file = StateFile(self.path, state)
        file.update()
        executor = MigrationExecutor(plugins=self.plugins)
        Migrations(IndexRuns(self.server, executor, file, plans, self.stop, self.callback)).run()
        return write_batch_report(file, report_path)
