"""What a report says is so."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from attrs import fields

from fieldfare import hookimpl
from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.cli.report_text import report_text
from fieldfare.hooks.manager import load_plugins
from fieldfare.plan.file import write_plan
from fieldfare.report import StepReport, Timings
from fieldfare.report.file import report_to_dict, write_report
from fieldfare.server import Server
from fieldfare.support.yamlfile import load_yaml
from fieldfare.testing.commandline import CommandLine
from fieldfare.testing.indexing import wait_until_indexed

COUNT = 30
PATCH = {"version": 1, "changes": {"update_fields": [{"name": "v", "attrs": {"datatype": "float16"}}]}}


def create(server: Server, name: str = "i") -> None:
    server.bulk([("HSET", f"d:{row:02}", "v", struct.pack("<4f", row, 1, 2, 3)) for row in range(COUNT)])
    vector = ("v", "VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", 4, "DISTANCE_METRIC", "COSINE")
    server.command("FT.CREATE", name, "PREFIX", 1, "d:", "SCHEMA", *vector)
    wait_until_indexed(server, name)


def test_every_step_has_its_time(server: Server, tmp_path: Path) -> None:
    create(server)
    plan = MigrationPlanner().create_plan_from_patch("i", schema_patch=PATCH, server=server)
    report = MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path)
    assert set(report.steps) == {step.id for step in plan.steps}
    assert all(details["seconds"] > 0 for details in report.steps.values())


class OutageWatcher:
    """Notes for each activity whether the index was said to be unavailable."""

    def __init__(self) -> None:
        self.seen: dict[str, set[bool]] = {}

    @hookimpl
    def fieldfare_step_report(self, report: StepReport) -> None:
        """Note it."""
        self.seen.setdefault(report.activity, set()).add(report.unavailable_since is not None)


def test_reports_say_since_when_the_index_is_unavailable(server: Server, tmp_path: Path) -> None:
    create(server)
    plan = MigrationPlanner().create_plan("i", schema_patch=PATCH, server=server)
    plugins, there, back = load_plugins(), OutageWatcher(), OutageWatcher()
    plugins.register(there, "there")
    executor = MigrationExecutor(plugins=plugins)
    executor.apply(plan, server=server, backup_dir=tmp_path)
    assert {name: there.seen[name] for name in ("enumerate", "dump", "drop", "rewrite", "index", "validate")} == {
        "enumerate": {False},
        "dump": {False},
        "validate": {False},
        "drop": {True},
        "rewrite": {True},
        "index": {True},
    }
    plugins.register(back, "back")
    executor.rollback(server=server, backup_dir=tmp_path)
    assert {name: back.seen[name] for name in ("restore", "index", "validate")} == {
        "restore": {True},
        "index": {True},
        "validate": {False},
    }


def test_notes_without_a_field_are_sentences(server: Server, tmp_path: Path) -> None:
    create(server)
    plan = MigrationPlanner().create_plan_from_patch("i", schema_patch=PATCH, server=server)
    server.command("DEL", "d:07")

    def delete_another(step: str, _: str) -> None:
        if step == "drop":
            server.command("DEL", "d:08")

    report = MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path, progress_callback=delete_another)
    assert "vanished, 1 document: left as they are (such as d:08)" in report_text(report)


def test_a_sample_is_counted_in_documents(server: Server, tmp_path: Path) -> None:
    create(server)
    plan = MigrationPlanner().create_plan_from_patch("i", schema_patch=PATCH, server=server)
    report = MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path, batch_size=1)
    (contents,) = [each for each in report.validation.findings if each.name == "document_contents"]
    assert contents.data["documents"] == COUNT


def test_a_plugin_that_is_not_there_cannot_be_left_out(redis_url: str, tmp_path: Path) -> None:
    outcome = CommandLine(redis_url, tmp_path)("-p", "no:quantise", "list")
    assert outcome.code == 2
    assert "no plugin has this name" in outcome.stderr
    assert "'quantize'" in outcome.stderr


def test_an_index_with_a_comma_in_its_name_can_be_part_of_a_batch(
    server: Server, redis_url: str, tmp_path: Path
) -> None:
    create(server, "a,b")
    (tmp_path / "patch.yaml").write_text(
        "version: 1\nchanges:\n  update_fields:\n    - name: v\n      attrs:\n        datatype: float16\n"
    )
    planned = CommandLine(redis_url, tmp_path)("batch-plan", "--schema-patch", "patch.yaml", "--indexes", '"a,b"')
    assert planned.code == 0, planned.stderr
    assert "a,b" in planned.stdout


def test_what_was_saved_can_be_read_from_the_memory_table(server: Server, tmp_path: Path) -> None:
    values = [struct.pack("<256f", *range(row, row + 256)) for row in range(3000)]
    server.bulk([("HSET", f"d:{row:04}", "v", value) for row, value in enumerate(values)])
    vector = ("v", "VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", 256, "DISTANCE_METRIC", "L2")
    server.command("FT.CREATE", "i", "PREFIX", 1, "d:", "SCHEMA", *vector)
    wait_until_indexed(server, "i")
    plan = MigrationPlanner().create_plan_from_patch("i", schema_patch=PATCH, server=server)
    report = MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path)
    memory = report.memory
    for when in ("before", "after"):
        assert memory[f"memory_mb_{when}"] == memory[f"vector_index_mb_{when}"] + memory[f"without_vectors_mb_{when}"]
        assert memory[f"vector_index_mb_{when}"] > memory[f"without_vectors_mb_{when}"] > 0
    assert memory["vector_index_mb_after"] < 0.6 * memory["vector_index_mb_before"]
    assert memory["memory_mb_after"] < 0.7 * memory["memory_mb_before"]
    rows = {line.split("  ")[0]: line.split() for line in report_text(report).splitlines()}
    assert rows["total"][-1].startswith("(-")
    assert rows["total"][-3].startswith("-")
    assert {"vectors", "index without vectors"} <= rows.keys()
    assert report_to_dict(report)["memory"] == memory


@pytest.mark.parametrize("moment", ["rewrite:progress:3", "index:finished:1", "validate:started:1"])
def test_times_add_up_after_a_resume(moment: str, server: Server, redis_url: str, tmp_path: Path) -> None:
    create(server)
    plan = MigrationPlanner().create_plan_from_patch("i", schema_patch=PATCH, server=server)
    write_plan(plan, tmp_path / "plan.yaml")
    fieldfare = CommandLine(redis_url, tmp_path)
    backup = ("--backup-dir", "backup")
    apply = ("apply", "--plan", "plan.yaml", *backup, "--batch-size", "5", "--report-out", "report.yaml")
    assert fieldfare(*apply, crash_at=moment).code == -9
    assert fieldfare(*apply).code == 0
    assert_times_add_up(tmp_path / "report.yaml")
    assert fieldfare(*apply).code == 0
    assert_times_add_up(tmp_path / "report.yaml")
    rollback = MigrationExecutor().rollback(server=server, backup_dir=tmp_path / "backup")
    write_report(rollback, tmp_path / "rollback.yaml")
    assert_times_add_up(tmp_path / "rollback.yaml")


def assert_times_add_up(path: Path) -> None:
    own = {field.name for field in fields(Timings)}  # without other names of the same figures
    timings = {name: seconds for name, seconds in load_yaml(path).data["timings"].items() if name in own}
    total = timings.pop("total_duration_seconds")
    timings.pop("downtime_duration_seconds")
    assert 0 < sum(timings.values()) <= total
