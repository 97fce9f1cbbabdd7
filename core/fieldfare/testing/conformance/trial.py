"""One index, tried again and again: planned, migrated, killed, resumed, rolled back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from attrs import define, field

from fieldfare.api import MigrationExecutor, MigrationPlanner, MigrationValidator
from fieldfare.plan import MigrationPlan, Step
from fieldfare.plan.file import write_plan
from fieldfare.plugins import Plugins, load_plugins
from fieldfare.report import MigrationReport
from fieldfare.server import Server
from fieldfare.testing.client_commands import CLIENT_POINTS
from fieldfare.testing.commandline import CommandLine, Outcome
from fieldfare.testing.digest import State, read_state
from fieldfare.testing.faults import Fault, Scene
from fieldfare.testing.survey import Survey, survey

if TYPE_CHECKING:  # it imports this module
    from fieldfare.testing.conformance.subject import Subject

__all__ = ["BATCH", "Trial"]

BATCH: Final = 4
REPLIES: Final = ("server.receive:after", CLIENT_POINTS[1])
"""Points at which something may have been done that is not on record."""

HITS: Final = 4
"""How often a run is killed at each of these; at any other point, once."""


_SURVEYS: Final[WeakKeyDictionary[type, Survey]] = WeakKeyDictionary()


@define
class Trial:
    """An index with its documents, and a plan for it.

    Attributes:
        subject: whose plugin is tried.
        server: where the index is.
        url: of that server, for other processes.
        directory: for plans and backups.
        plugins: every installed one.
        original: the state before anything was done.
        plan: what is tried.
        backup_dir: of the latest attempt.
    """

    subject: Subject
    server: Server
    url: str
    directory: Path
    plugins: Plugins = field(factory=load_plugins)
    original: State = field(init=False)
    plan: MigrationPlan = field(init=False)
    backup_dir: Path = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Look at the state, and plan."""
        self.original = self.state()
        (self.directory / "patch.yaml").write_text(json.dumps(self.patch))  # JSON is YAML
        self.plan = self.make_plan()
        write_plan(self.plan, self.directory / "plan.yaml")
        self.start_anew()

    @property
    def patch(self) -> dict[str, Any]:
        """The request."""
        return {"version": 1, "changes": dict(self.subject.changes)}

    @property
    def own_steps(self) -> tuple[Step, ...]:
        """The steps that the plugin has to carry out."""
        return tuple(step for step in self.plan.steps if step.owner == self.subject.plugin)

    def state(self) -> State:
        """Return every key with its time to live, as a digest, and every index."""
        return read_state(self.server)

    def start_anew(self) -> None:
        """Use another backup directory from now on."""
        self.backup_dir = self.directory / f"backup-{len(list(self.directory.glob('backup-*')))}"
        self.backup_dir.mkdir()

    # ---- in this process

    def make_plan(self) -> MigrationPlan:
        """Plan once more."""
        return MigrationPlanner(plugins=self.plugins).create_plan_from_patch(
            self.subject.index, schema_patch=self.patch, server=self.server
        )

    def apply(self, workers: int = 1, batch_size: int = BATCH) -> MigrationReport:
        """Carry out the plan, or go on with it."""
        return MigrationExecutor(plugins=self.plugins).apply(
            self.plan, server=self.server, backup_dir=self.backup_dir, batch_size=batch_size, num_workers=workers
        )

    def rollback(self, workers: int = 1) -> MigrationReport:
        """Take it back, or go on with that."""
        return MigrationExecutor(plugins=self.plugins).rollback(
            server=self.server, backup_dir=self.backup_dir, num_workers=workers
        )

    def validate(self) -> MigrationReport:
        """Compare the index and its documents with the plan and the backup."""
        return MigrationValidator(plugins=self.plugins).validate(
            self.plan, server=self.server, backup_dir=self.backup_dir, verify="full"
        )

    def survey(self) -> Survey:
        """Return what a run and its rollback do that nothing disturbs; found out once for a test class.

        Raises:
            AssertionError: the rollback does not leave everything as before.
        """
        known = _SURVEYS.get(type(self.subject))
        if known is None or known.original != self.original:
            known = survey(self.server, self.plan, self.backup_dir, batch_size=BATCH)
            self.start_anew()
            _SURVEYS[type(self.subject)] = known
        assert known.restored == known.original, "a run that nothing disturbs, rolled back, leaves a trace"
        return known

    # ---- in a process of its own, which knows nothing but journal and backup

    def run_apply(self, fault: Fault | None = None) -> Outcome:
        """Carry out the plan, or go on with it."""
        return self._run("apply", "--plan", "plan.yaml", "--batch-size", str(BATCH), fault=fault)

    def run_rollback(self, fault: Fault | None = None) -> Outcome:
        """Take it back, or go on with that."""
        return self._run("rollback", "--yes", fault=fault)

    def run_plan(self, plan_out: str) -> Outcome:
        """Plan once more."""
        patch = ("--schema-patch", "patch.yaml", "--plan-out", plan_out)
        return CommandLine(self.url, self.directory)("plan", "--index", self.subject.index, *patch)

    def _run(self, *arguments: str, fault: Fault | None) -> Outcome:
        command = CommandLine(self.url, self.directory)
        scene = None if fault is None else (fault, Scene(self.url, self.backup_dir))
        return command(*arguments, "--backup-dir", str(self.backup_dir), fault=scene)

    # ---- where to kill it

    def kills(self) -> list[Fault]:
        """Return a ``kill -9`` for each point that the plugin's own steps reach while the plan is carried out."""
        own = {"rewrite" if step.transforms else step.kind for step in self.own_steps}
        if any(not step.transforms for step in self.own_steps):
            own.add("dump")
        return self._chosen(self.survey().points, own)

    def undo_kills(self) -> list[Fault]:
        """Return one for each point that taking them back reaches."""
        own = {"restore" if step.transforms else step.kind for step in self.own_steps}
        return self._chosen(self.survey().undo_points, own)

    def _chosen(self, points: Mapping[str, int], activities: set[str]) -> list[Fault]:
        """Choose at which of its hits a run is killed at each point: now the first, now a later one."""
        kills = []
        for number, (point, hits) in enumerate(sorted(points.items())):
            activity, _, name = point.partition(":")
            if activity in activities:
                times = min(hits, HITS) if name in REPLIES else 1
                first = 0 if times > 1 else number % hits
                kills += [Fault(point, 1 + first + place * hits // times, "kill") for place in range(times)]
        most = min(len(kills), self.subject.most_kills)
        return [kills[place * len(kills) // most] for place in range(most)]
