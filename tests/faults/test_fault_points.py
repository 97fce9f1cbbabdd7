"""There is a fault point before and after every effect, in every step of every plugin."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from fieldfare.api import load_migration_plan
from fieldfare.engine.drop_recreate.mode import DropRecreate
from fieldfare.support.fault_points import EFFECTS, during
from fieldfare.testing.faults import Fault, count_points

ROOT = Path(__file__).parents[2]
SOURCES = sorted([*ROOT.glob("core/fieldfare/**/*.py"), *ROOT.glob("plugins/*/*/**/*.py")])
POINTS = {f"{effect}:{moment}" for effect, moments in EFFECTS.items() for moment in moments}
TRACES = re.compile(
    r"os\.(fsync|pwrite|write|link|rename|replace|unlink|remove)\(|\.send_packed_command\(|\.read_response\b"
    r"|\.rename\(|temporary\.replace\(|\.unlink\(|\.write_(bytes|text)\("
)
WITHOUT_POINTS = {
    "backup/directory.py": "a probe file without content",
    "backup/lock.py": "the owner of the lock, for people to read",
    "engine/load/files.py": "limits and speed of a run that is under way: a new run starts without them",
    "resume.py": "a batch state that is set aside",
    "server/change_tracking.py": "what the server tells of changes is only read; writes go through the pipeline",
    "support/yamlfile/writer.py": "plans and reports: written as a whole, before a run or after it",
}


CHANGES_NOTHING = {"dims.recall", "quantize.recall"}
"""Steps that only read: there is nothing to undo."""


def where(path: Path) -> str:
    return str(path.relative_to(ROOT / "core/fieldfare")) if "core" in path.parts else path.name


def test_points_in_the_source_are_those_that_are_listed() -> None:
    reached = {point for path in SOURCES for point in re.findall(r"\breach\(\"([^\"]+)\"\)", path.read_text())}
    assert reached == POINTS


def test_every_effect_has_a_fault_point() -> None:
    found = {
        where(path)
        for path in SOURCES
        if "testing" not in path.parts and "cli" not in path.parts
        if TRACES.search(path.read_text()) and "reach(" not in path.read_text()
    }
    assert found == WITHOUT_POINTS.keys()


@pytest.mark.parametrize("bench", ["hash-all-4", "json-all-1"], indirect=True)
def test_every_step_has_points_before_and_after_its_effects(bench: Any) -> None:
    plan = load_migration_plan(bench.directory / "plan.yaml")
    assert len(plan.steps) >= 6
    for points, names in ((bench.points, DropRecreate.activities), (bench.rollback_points, {"index.drop": "create"})):
        for step in plan.steps:
            if points is bench.rollback_points and step.kind in CHANGES_NOTHING:
                continue
            restored = "rewrite" if points is bench.points else "restore"
            activity = restored if step.transforms else names.get(step.kind, step.kind)
            for point in ("server.send:before", "server.send:after", "server.receive:before", "server.receive:after"):
                assert points[f"{activity}:{point}"] > 0, f"{step.id} has no point {activity}:{point}"


@pytest.mark.parametrize("bench", ["hash-all-1"], indirect=True)
def test_every_listed_point_is_reached(bench: Any) -> None:
    """But for those of setting a backup aside and of removing one, which belong to a second run, and of a storage."""
    reached = {point.partition(":")[2] for point in bench.points + bench.rollback_points}
    assert {point for point in POINTS if not point.startswith(("file.rename", "file.remove", "storage."))} == reached


@pytest.mark.parametrize("bench", ["hash-quantize-1"], indirect=True)
@pytest.mark.parametrize("point", ["file.rename:before", "file.rename:after"])
def test_killed_while_an_old_backup_is_set_aside(bench: Any, point: str) -> None:
    bench.reset()
    assert bench.apply().code == 0
    assert bench.rollback().code == 0
    assert bench.apply(Fault(f"open:{point}", 2, "kill")).code == -9
    assert bench.state() == bench.original
    assert bench.apply().code == 0
    assert bench.state() == bench.migrated
    assert bench.rollback().code == 0
    assert bench.state() == bench.original


@pytest.mark.parametrize("bench", ["hash-quantize-1"], indirect=True)
@pytest.mark.parametrize("point", ["file.remove:before", "file.remove:after"])
def test_killed_while_an_unfinished_backup_is_removed(bench: Any, point: str) -> None:
    bench.reset()
    assert bench.apply(Fault("dump:file.append:after", 2, "kill")).code == -9
    assert bench.apply(Fault(f"open:{point}", 2, "kill")).code == -9
    assert bench.state() == bench.original
    assert bench.apply().code == 0
    assert bench.state() == bench.migrated


@pytest.mark.parametrize("text", ["rewrite:server.send:before:2=kill", "create:file.sync:after:1=forget@38~"])
def test_a_fault_is_written_as_it_is_read(text: str) -> None:
    assert str(Fault.parse(text)) == text


def test_what_a_plugin_sends_through_redis_py_has_points(client: Any) -> None:
    with count_points() as points:
        client.set("before", 1)  # as the lock does, in a thread of its own
        with during("acme.step"):
            client.set("greeting", "hello")
            client.pipeline().set("a", 1).set("b", 2).execute()
    client.set("after", 1)
    assert points == {"acme.step:client.command:before": 2, "acme.step:client.command:after": 2}
