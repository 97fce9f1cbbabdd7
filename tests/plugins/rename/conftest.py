"""Planning, applying and rolling back renames against a real server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from attrs import define

from fieldfare import hookimpl
from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.engine.stop import StopRequest
from fieldfare.errors import Interrupted
from fieldfare.hooks.manager import Plugins, load_plugins
from fieldfare.plan import MigrationPlan
from fieldfare.report import MigrationReport, Moment, StepReport
from fieldfare.server import Server


@define
class Migration:
    """Migrations of one server's indexes, with one backup directory."""

    server: Server
    backup_dir: Path
    plugins: Plugins

    def plan(self, index: str, renames: Mapping[str, str], /, **changes: Any) -> MigrationPlan:
        """Plan to rename these fields, and whatever else the patch says."""
        pairs = [{"old_name": old, "new_name": new} for old, new in renames.items()]
        patch = {"version": 1, "changes": {"rename_fields": pairs, **changes}}
        return MigrationPlanner(plugins=self.plugins).create_plan_from_patch(
            index, schema_patch=patch, server=self.server
        )

    def apply(self, plan: MigrationPlan, **options: Any) -> MigrationReport:
        """Execute a plan, or resume it."""
        executor = MigrationExecutor(plugins=self.plugins)
        return executor.apply(plan, server=self.server, backup_dir=self.backup_dir, **options)

    def interrupt(self, plan: MigrationPlan, at: int, **options: Any) -> None:
        """Start to execute a plan, and stop after this many batches are renamed."""
        stop = StopRequest()
        observer = _Interrupter(stop, at)
        self.plugins.register(observer, "interrupter")
        try:
            with pytest.raises(Interrupted):
                self.apply(plan, stop=stop, **options)
        finally:
            self.plugins.manager.unregister(observer)

    def rollback(self) -> MigrationReport:
        """Roll back."""
        return MigrationExecutor(plugins=self.plugins).rollback(server=self.server, backup_dir=self.backup_dir)


class _Interrupter:
    def __init__(self, stop: StopRequest, at: int) -> None:
        self._stop, self._left = stop, at

    @hookimpl
    def fieldfare_step_report(self, report: StepReport) -> None:
        if (report.activity, report.moment) == ("rename.field", Moment.PROGRESS):
            self._left -= 1
            if not self._left:
                self._stop.set()


OpenMigration: TypeAlias = Callable[[Server], Migration]


@pytest.fixture
def open_migration(tmp_path: Path) -> OpenMigration:
    """Give a function that opens migrations over a connection."""
    return lambda connection: Migration(connection, tmp_path / "backup", load_plugins())


@pytest.fixture
def migration(server: Server, open_migration: OpenMigration) -> Migration:
    """Give migrations of the test server."""
    return open_migration(server)
