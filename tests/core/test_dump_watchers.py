"""A plugin sees each original once while it is read, whoever reads it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fieldfare import hookimpl
from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.backup import REWRITE, BackupStore, backup_prefix
from fieldfare.changes import Change, CustomChange
from fieldfare.documents import Batch
from fieldfare.errors import InvalidHookResult, PluginBroken
from fieldfare.hooks.manager import Plugins, load_plugins
from fieldfare.hooks.run import Run
from fieldfare.plan import Claim, MigrationPlan, Phase, Receipt, Step
from fieldfare.report import Result
from fieldfare.server import Server

COUNT, DIMS, BATCH = 230, 8, 20


class Watcher:
    """Counts what it sees."""

    def __init__(self, step: Step, run: Run) -> None:
        self.step, self.run = step, run
        self.seen: Counter[bytes] = Counter()

    def add(self, batch: Batch) -> None:  # noqa: D102 - as the protocol says
        self.seen.update(batch.keys)
        assert {len(value) for value in batch["v"] if value is not None} == {4 * DIMS}

    def save(self) -> None:  # noqa: D102 - as the protocol says
        self.run.save_bytes(self.step, "seen", b"%d" % len(self.seen))


class Counting:
    """Has a step of its own, which watches."""

    def __init__(self) -> None:
        self.watchers: list[Any] = []
        self.backed_up = 0

    def watch(self, step: Step, run: Run) -> Any:
        """Return a watcher."""
        return Watcher(step, run)

    @hookimpl
    def fieldfare_classify(self, change: Change) -> Claim | None:  # noqa: D102 - as the hook says
        return Claim.supported() if isinstance(change, CustomChange) else None

    @hookimpl
    def fieldfare_plan_steps(self) -> list[Step]:  # noqa: D102 - as the hook says
        return [Step.new("test.count", Phase.VALIDATE, params={}, summary="Count")]

    @hookimpl
    def fieldfare_watch_dump(self, step: Step, run: Run) -> Any:  # noqa: D102 - as the hook says
        self.watchers.append(self.watch(step, run))
        return self.watchers[-1]

    @hookimpl
    def fieldfare_backup(self) -> None:  # noqa: D102 - as the hook says
        self.backed_up += 1

    @hookimpl
    def fieldfare_execute_step(self, step: Step) -> Receipt:  # noqa: D102 - as the hook says
        return Receipt(step.id)

    @hookimpl
    def fieldfare_verify_step(self, receipt: Receipt | None) -> bool:  # noqa: D102 - as the hook says
        return receipt is not None

    @hookimpl
    def fieldfare_undo_step(self) -> None:  # noqa: D102 - as the hook says
        pass


class Silent(Counting):
    """Rather makes its backup by itself."""

    def watch(self, step: Step, run: Run) -> Any:  # noqa: D102 - as above
        del step, run


class Wrong(Counting):
    """Returns what is no watcher."""

    def watch(self, step: Step, run: Run) -> Any:  # noqa: D102 - as above
        del step, run
        return 7


class Saving(Watcher):
    """Saves what it sees at once."""

    def add(self, batch: Batch) -> None:  # noqa: D102 - as the protocol says
        super().add(batch)
        self.run.save(self.step, batch, report=False)


class Streaming(Counting):
    """Its watcher writes to the backup while originals are written."""

    def watch(self, step: Step, run: Run) -> Any:  # noqa: D102 - as above
        return Saving(step, run)


class Failing(Watcher):
    """Fails at the first batch."""

    def add(self, batch: Batch) -> None:  # noqa: D102 - as the protocol says
        raise ValueError(len(batch))


class Broken(Counting):
    """Its watcher fails."""

    def watch(self, step: Step, run: Run) -> Any:  # noqa: D102 - as above
        return Failing(step, run)


def plugins_with(plugin: Counting) -> Plugins:
    plugins = load_plugins(blocked=["acme_redact"])
    plugins.register(plugin, "test", "1")
    return plugins


@pytest.fixture
def loaded(server: Server) -> Server:
    values = np.random.default_rng(11).standard_normal((COUNT, DIMS)).astype("<f4")
    server.bulk([("HSET", f"d:{row:03}", "v", values[row].tobytes()) for row in range(COUNT)])
    kind = ("TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "L2")
    server.command("FT.CREATE", "i", "PREFIX", 1, "d:", "SCHEMA", "v", "VECTOR", "FLAT", len(kind), *kind)
    return server


def make_plan(server: Server, plugin: Counting, *, rewrites: bool = True) -> MigrationPlan:
    change = {"datatype": "float16"} if rewrites else {"algorithm": "HNSW"}
    changes = {"custom": [{"kind": "test.count"}], "update_fields": [{"name": "v", "attrs": change}]}
    planner = MigrationPlanner(plugins=plugins_with(plugin))
    return planner.create_plan_from_patch("i", schema_patch={"version": 1, "changes": changes}, server=server)


@pytest.mark.parametrize("workers", [1, 3])
def test_each_original_is_seen_once(loaded: Server, tmp_path: Path, workers: int) -> None:
    plugin = Counting()
    plan = make_plan(loaded, plugin)
    executor = MigrationExecutor(plugins=plugins_with(plugin))
    report = executor.apply(plan, server=loaded, backup_dir=tmp_path, batch_size=BATCH, num_workers=workers)
    assert report.result is Result.SUCCEEDED
    [watcher] = plugin.watchers
    assert watcher.seen == Counter({b"d:%03d" % row: 1 for row in range(COUNT)})
    assert not plugin.backed_up
    with BackupStore(backup_prefix(tmp_path, "i")) as store:
        assert any("test.count" in tag for tag in store.tags)


@pytest.mark.parametrize("workers", [1, 3])
def test_a_watcher_may_save_while_originals_are_saved(loaded: Server, tmp_path: Path, workers: int) -> None:
    plugin = Streaming()
    plan = make_plan(loaded, plugin)
    executor = MigrationExecutor(plugins=plugins_with(plugin))
    report = executor.apply(plan, server=loaded, backup_dir=tmp_path, batch_size=1, num_workers=workers)
    assert report.result is Result.SUCCEEDED
    [watcher] = plugin.watchers
    with BackupStore(backup_prefix(tmp_path, "i")) as store:
        store.verify()
        for tag in (watcher.step.id, REWRITE):
            assert {key for batch in store.iter_batches(tag) for key in batch.keys} == set(watcher.seen)


def test_originals_that_other_processes_have_read_are_seen_too(loaded: Server, redis_url: str, tmp_path: Path) -> None:
    assert loaded.command("DBSIZE") == COUNT
    changes = {"update_fields": [{"name": "v", "attrs": {"datatype": "float16"}}]}
    plan = MigrationPlanner().create_plan_from_patch(
        "i", schema_patch={"version": 1, "changes": changes}, redis_url=redis_url
    )
    [recall] = [step for step in plan.steps if step.kind == "quantize.recall"]
    saved = []
    for executor in ("threads:1", "processes:2"):
        directory, migration = tmp_path / executor, MigrationExecutor()
        migration.apply(plan, redis_url=redis_url, backup_dir=directory, batch_size=BATCH, executor=executor)
        with BackupStore(backup_prefix(directory, "i")) as store:
            saved.append([(batch.keys, *map(list, batch.columns.values())) for batch in store.iter_batches(recall.id)])
        migration.rollback(redis_url=redis_url, backup_dir=directory)
    assert saved[0] == saved[1]
    assert saved[0][1][0], "documents whose neighbours are known"


@pytest.mark.parametrize(("plugin", "rewrites"), [(Silent(), True), (Counting(), False)], ids=["None", "no rewrite"])
def test_without_a_watcher_the_step_makes_its_own_backup(
    loaded: Server, tmp_path: Path, plugin: Counting, *, rewrites: bool
) -> None:
    plan = make_plan(loaded, plugin, rewrites=rewrites)
    MigrationExecutor(plugins=plugins_with(plugin)).apply(plan, server=loaded, backup_dir=tmp_path)
    assert plugin.backed_up == 1
    assert plugin.watchers == ([None] if rewrites else [])


@pytest.mark.parametrize(
    ("plugin", "error", "message"),
    [(Wrong(), InvalidHookResult, "has no 'add'"), (Broken(), PluginBroken, "ValueError")],
    ids=["no watcher", "fails"],
)
def test_a_wrong_watcher_stops_the_run_before_anything_is_changed(
    loaded: Server, tmp_path: Path, plugin: Counting, error: type[Exception], message: str
) -> None:
    before = loaded.command("HGET", "d:000", "v")
    plan = make_plan(loaded, plugin)
    with pytest.raises(error, match=message):
        MigrationExecutor(plugins=plugins_with(plugin)).apply(plan, server=loaded, backup_dir=tmp_path)
    assert loaded.command("HGET", "d:000", "v") == before
    assert loaded.command("FT._LIST") == [b"i"]
