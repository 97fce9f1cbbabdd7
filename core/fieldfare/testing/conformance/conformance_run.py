"""A migration of one index that tests plan, apply, kill, resume and roll back, again and again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from weakref import WeakKeyDictionary

from attrs import define, field

from fieldfare.api import MigrationExecutor, MigrationPlanner, MigrationValidator
from fieldfare.hooks.manager import Plugins, load_plugins
from fieldfare.plan import MigrationPlan, Step
from fieldfare.plan.file import write_plan
from fieldfare.report import MigrationReport
from fieldfare.server import Server
from fieldfare.testing.baseline import Baseline, record_baseline
from fieldfare.testing.client_commands import CLIENT_POINTS
from fieldfare.testing.commandline import CommandLine, Outcome
from fieldfare.testing.conformance.plugin_under_test import PluginUnderTest
from fieldfare.testing.digest import State, read_state
from fieldfare.testing.faults import Fault, FaultContext

__all__ = ["ConformanceRun"]

BATCH: Final = 4
REPLIES: Final = ("server.receive:after", CLIENT_POINTS[1])
"""Points at which the server has done something that the journal does not record yet."""

HITS: Final = 4
"""How often a run is killed at each of these; at any other point, once."""

_BASELINES: Final[WeakKeyDictionary[type, Baseline]] = WeakKeyDictionary()


@define
class ConformanceRun:
    """An index with its documents, and a plan for it.

    Attributes:
        plugin_under_test: the plugin and its migration.
        server: the server that holds the index.
        url: the URL of that server, for other processes.
        directory: the directory for plans and backups.
        plugins: every installed plugin.
        original: the state before the migration.
        plan: the plan.
        backup_dir: the backup directory of the latest run.
    """

    plugin_under_test: PluginUnderTest
    server: Server
    url: str
    directory: Path
    plugins: Plugins = field(factory=load_plugins)
    original: State = field(init=False)
    plan: MigrationPlan = field(init=False)
    backup_dir: Path = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Read the state, and plan."""
        self.start_over()
        (self.directory / "patch.yaml").write_text(json.dumps(self.patch))  # JSON is YAML
        write_plan(self.plan, self.directory / "plan.yaml")
        self.use_new_backup_dir()

    @property
    def patch(self) -> dict[str, Any]:
        """The patch."""
        return {"version": 1, "changes": dict(self.plugin_under_test.changes)}

    @property
    def own_steps(self) -> tuple[Step, ...]:
        """The steps that the plugin owns."""
        return tuple(step for step in self.plan.steps if step.owner == self.plugin_under_test.plugin)

    def state(self) -> State:
        """Return every key with its time to live, as a digest, and every index, once it has every document."""
        return read_state(self.server)

    def start_over(self) -> None:
        """Take the present state for the original one, and plan again."""
        self.original = self.state()
        self.plan = self.make_plan()

    def use_new_backup_dir(self) -> None:
        """Use another backup directory from now on."""
        self.backup_dir = self.directory / f"backup-{len(list(self.directory.glob('backup-*')))}"
        self.backup_dir.mkdir()

    # ---- in this process

    def make_plan(self) -> MigrationPlan:
        """Plan again."""
        return MigrationPlanner(plugins=self.plugins).create_plan_from_patch(
            self.plugin_under_test.index, schema_patch=self.patch, server=self.server
        )

    def apply(self, workers: int = 1, batch_size: int = BATCH) -> MigrationReport:
        """Apply or resume the plan."""
        return MigrationExecutor(plugins=self.plugins).apply(
            self.plan, server=self.server, backup_dir=self.backup_dir, batch_size=batch_size, num_workers=workers
        )

    def rollback(self, workers: int = 1) -> MigrationReport:
        """Roll back, or resume the rollback."""
        return MigrationExecutor(plugins=self.plugins).rollback(
            server=self.server, backup_dir=self.backup_dir, num_workers=workers
        )

    def validate(self) -> MigrationReport:
        """Compare the index and its documents with the plan and the backup."""
        return MigrationValidator(plugins=self.plugins).validate(
            self.plan, server=self.server, backup_dir=self.backup_dir, verify="full"
        )

    def baseline(self) -> Baseline:
        """Return what an undisturbed run and its rollback do; recorded once for each test class.

        Raises:
            AssertionError: the rollback does not leave everything as before.
        """
        baseline = _BASELINES.get(type(self.plugin_under_test))
        if baseline is None or baseline.original != self.original:
            baseline = record_baseline(self.server, self.plan, self.backup_dir, batch_size=BATCH)
            self.use_new_backup_dir()
            _BASELINES[type(self.plugin_under_test)] = baseline
        assert baseline.restored == baseline.original, "an undisturbed run, rolled back, leaves a trace"
        return baseline

    # ---- in a separate process, which has only journal and backup

    def run_apply(self, fault: Fault | None = None) -> Outcome:
        """Apply or resume the plan."""
        return self._run("apply", "--plan", "plan.yaml", "--batch-size", str(BATCH), fault=fault)

    def run_rollback(self, fault: Fault | None = None) -> Outcome:
        """Roll back, or resume the rollback."""
        return self._run("rollback", "--yes", fault=fault)

    def run_plan(self, plan_out: str) -> Outcome:
        """Plan again."""
        patch = ("--schema-patch", "patch.yaml", "--plan-out", plan_out)
        return CommandLine(self.url, self.directory)("plan", "--index", self.plugin_under_test.index, *patch)

    def _run(self, *arguments: str, fault: Fault | None) -> Outcome:
        command = CommandLine(self.url, self.directory)
        context = None if fault is None else (fault, FaultContext(self.url, self.backup_dir))
        return command(*arguments, "--backup-dir", str(self.backup_dir), fault=context)

    # ---- where to kill a run

    def kills(self) -> list[Fault]:
        """Return a ``kill -9`` for each point that the plugin's own steps reach while the plan is applied."""
        own = {"rewrite" if step.transforms else step.kind for step in self.own_steps}
        if any(not step.transforms for step in self.own_steps):
            own.add("dump")
        return self._choose_kills(self.baseline().points, own)

    def rollback_kills(self) -> list[Fault]:
        """Return a ``kill -9`` for each point that the rollback of the plugin's own steps reaches."""
        own = {"restore" if step.transforms else step.kind for step in self.own_steps}
        return self._choose_kills(self.baseline().rollback_points, own)

    def _choose_kills(self, points: Mapping[str, int], activities: set[str]) -> list[Fault]:
        """Choose at which hit of each point a run is killed: now the first, now a later one."""
        kills = []
        for number, (point, hits) in enumerate(sorted(points.items())):
            activity, _, name = point.partition(":")
            if activity in activities:
                times = min(hits, HITS) if name in REPLIES else 1
                first = 0 if times > 1 else number % hits
                kills += [Fault(point, 1 + first + place * hits // times, "kill") for place in range(times)]
        most = min(len(kills), self.plugin_under_test.most_kills)
        return [kills[place * len(kills) // most] for place in range(most)]
