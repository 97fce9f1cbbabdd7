"""The page for people who come from ``rvl migrate`` names commands, options, attributes and arguments that exist."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Final

import attrs
import pytest
import typer

from fieldfare import migration
from fieldfare.cli.app import build_app
from fieldfare.definition.snapshot import Keyspace, Snapshot
from fieldfare.hooks.manager import load_plugins
from fieldfare.plan import MigrationPlan
from fieldfare.plan.summary import DiffClassification, RenameOperations, ValidationPolicy
from fieldfare.report import MigrationReport, Timings, Validation
from fieldfare.report.redisvl_names import BackupLocation, BenchmarkSummary
from fieldfare_batch.plan import BatchPlan
from fieldfare_batch.planner import PlanOptions
from fieldfare_batch.report import BatchReport, IndexReport, Summary
from fieldfare_batch.state import BatchState

PAGE: Final = Path(__file__).parents[2] / "docs/coming-from-rvl-migrate.md"
COMPARISONS: Final = ("same", "more", "differs")
CLASSES: Final[dict[str, type]] = {
    "batch_plan": BatchPlan,
    "batch_report": BatchReport,
    "batch_report.summary": Summary,
    "batch_report.indexes": IndexReport,
    "batch_state": BatchState,
    "plan": MigrationPlan,
    "plan.diff_classification": DiffClassification,
    "plan.rename_operations": RenameOperations,
    "plan.source": Snapshot,
    "plan.source.keyspace": Keyspace,
    "plan.validation": ValidationPolicy,
    "report": MigrationReport,
    "report.backup": BackupLocation,
    "report.benchmark_summary": BenchmarkSummary,
    "report.timings": Timings,
    "report.validation": Validation,
}
"""Beginning of an attribute on the page → its class."""


def rows(heading: str) -> list[list[str]]:
    section = PAGE.read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def options(command: str) -> set[str]:
    program = typer.main.get_command(build_app(load_plugins()))
    return {name for each in program.commands[command].params for name in each.opts}  # type: ignore[attr-defined]  # a group


def members(kind: type) -> set[str]:
    fields = {each.name for each in attrs.fields(kind)} if attrs.has(kind) else set()
    return fields | {name for name in dir(kind) if not name.startswith("_")}


def test_every_option_of_the_page_exists() -> None:
    for command, option, comparison, _ in rows("Commands and options"):
        assert set(names(option)) <= options(*names(command)), command
        assert comparison in COMPARISONS
    for option, comparison, _ in rows("Which server?"):
        assert set(names(option)) <= options("apply")
        assert comparison in COMPARISONS


@pytest.mark.parametrize("heading", ["Plans, from Python", "Reports, from Python", "Batches, from Python"])
def test_every_attribute_of_the_page_exists(heading: str) -> None:
    found = rows(heading)
    assert found
    for attribute, comparison in found:
        [name] = names(attribute)
        owner, _, last = name.rpartition(".")
        assert last in members(CLASSES[owner]), name
        assert comparison.startswith(COMPARISONS), name


METHODS: Final = rows("Methods and arguments")


@pytest.mark.parametrize("method", METHODS, ids=lambda row: row[0])
def test_every_argument_of_the_page_exists(method: list[str]) -> None:
    [name] = names(method[0])
    kind, _, function = name.partition(".")
    parameters = set(inspect.signature(getattr(getattr(migration, kind), function)).parameters)
    if "options" in parameters:
        parameters |= set(PlanOptions.__annotations__)
    assert set(names(method[1])) <= parameters
