"""The mode of a plan: asked for, chosen by ``auto``, or blocked with the reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest

from fieldfare.api import MigrationPlanner
from fieldfare.cli import plan_options
from fieldfare.errors import FileError, UsageError
from fieldfare.patch import load_patch, patch_from_dict
from fieldfare.patch.mode import ModeName
from fieldfare.plan import MigrationPlan
from fieldfare.server import Server
from fieldfare.testing.commandline import CommandLine
from fieldfare.wizard import document_of, revise

ADD = {"add_fields": [{"name": "year", "type": "numeric"}]}
REMOVE = {"remove_fields": ["title"]}
SORT = {"update_fields": [{"name": "title", "attrs": {"sortable": True}}]}


@pytest.fixture(autouse=True)
def index(server: Server) -> None:
    server.command("FT.CREATE", "books", "PREFIX", 1, "book:", "SCHEMA", "title", "TEXT", "isbn", "TAG")


def plan(server: Server, changes: dict[str, Any], mode: str | None = None, **more: Any) -> MigrationPlan:
    patch = {"version": 1, "changes": changes, **more}
    return MigrationPlanner().create_plan_from_patch("books", schema_patch=patch, server=server, mode=mode)


def test_the_default_is_drop_recreate_and_names_the_mode_without_an_outage(server: Server) -> None:
    made = plan(server, ADD)
    assert made.mode == "drop_recreate"
    lost, downtime, hint = made.warnings
    assert "or it is lost when the index is dropped" in lost, "what is lost for good comes first"
    assert downtime == "Index downtime is required"
    assert hint == "Without an outage: plan with --mode alter"
    assert "Without an outage: plan with --mode alter" in made.warnings


def test_auto_takes_alter_for_new_fields(server: Server) -> None:
    made = plan(server, ADD, "auto")
    assert made.mode == "alter"
    assert "--mode auto has chosen alter" in made.warnings
    assert "Index downtime is required" not in made.warnings
    assert [step.kind for step in made.steps] == ["index.alter"]


def test_alter_blocks_what_ft_alter_cannot_do(server: Server) -> None:
    made = plan(server, {**ADD, **SORT}, "alter")
    assert not made.supported
    [reason] = made.blocked_reasons
    assert "FT.ALTER can only add fields" in reason
    assert "--mode auto" in reason
    assert made.steps == ()


def test_alter_blocks_a_field_that_needs_an_option_from_the_start(server: Server) -> None:
    texts = [{"name": f"text{number}", "type": "text"} for number in range(32)]
    made = plan(server, {"add_fields": texts}, "alter")
    assert all("MAXTEXTFIELDS" in reason for reason in made.blocked_reasons)
    assert len(made.blocked_reasons) == len(texts)


def test_the_patch_names_the_mode_and_the_caller_overrides_it(server: Server) -> None:
    assert plan(server, ADD, mode="auto").mode == "alter"
    patch = {"version": 1, "mode": "alter", "changes": ADD}
    planner = MigrationPlanner()
    assert planner.create_plan_from_patch("books", schema_patch=patch, server=server).mode == "alter"
    made = planner.create_plan_from_patch("books", schema_patch=patch, server=server, mode="drop_recreate")
    assert made.mode == "drop_recreate"


def test_an_unknown_mode_is_an_error(server: Server, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="mode='sideways': it is auto, alter"):
        plan(server, ADD, "sideways")
    (tmp_path / "patch.yaml").write_text("version: 1\nmode: sideways\nchanges: {}\n")
    with pytest.raises(FileError, match=r"line 2.*must be one of auto, alter"):
        load_patch(tmp_path / "patch.yaml")


def test_the_options_of_the_command_line_are_all_modes() -> None:
    choices = get_args(get_args(plan_options.Mode)[0])[0]
    assert get_args(choices) == tuple(ModeName)


def test_the_wizard_keeps_the_mode_of_a_patch() -> None:
    text = "version: 1\n# no outage\nmode: auto\nchanges:\n  remove_fields:\n  - isbn\n"
    patch = patch_from_dict({"version": 1, "mode": "auto", "changes": REMOVE})
    assert document_of(patch)["mode"] == "auto"
    revised = revise(text, document_of(patch))
    assert revised == text.replace("isbn", "title")


def test_the_command_takes_the_mode_of_the_patch_or_its_own(redis_url: str, tmp_path: Path) -> None:
    (tmp_path / "patch.yaml").write_text(
        "version: 1\nmode: auto\nchanges:\n  add_fields:\n  - {name: year, type: numeric}\n"
    )
    run = CommandLine(redis_url, tmp_path)
    planned = run("plan", "--index", "books", "--schema-patch", "patch.yaml")
    assert planned.code == 0, planned.stderr
    assert "Mode: alter" in planned.stdout
    overridden = run("plan", "--index", "books", "--schema-patch", "patch.yaml", "--mode", "drop_recreate")
    assert "Mode: drop_recreate" in overridden.stdout
