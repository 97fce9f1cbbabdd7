"""Untrusted batch plans and states: nothing outside their directories and indexes is read or written."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fieldfare.cli.app import run
from fieldfare.server import Server
from fieldfare.support.yamlfile import dump_yaml, load_yaml
from fieldfare.testing.digest import database_digest, index_state

NAMES = ("../../escape", "/absolute", "a/b", "a:b", "Articles", "articles", "\x1b[2J", "\udcff", "A" * 5000)
APPLY = ("batch-apply", "--plan", "batch_plan.yaml", "--backup-dir", "backup", "--accept-data-loss")
Load = Callable[..., None]


@pytest.fixture
def place(redis_url: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, load: Load) -> Path:
    """A directory below another one, with a patch and a batch plan for two indexes."""
    del server
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("FIELDFARE_URL", redis_url)
    monkeypatch.chdir(home)
    (home / "patch.yaml").write_text(
        "version: 1\nchanges:\n  update_fields: [{name: title, attrs: {sortable: true}}]\n"
    )
    load("first")
    load("second")
    assert run(["batch-plan", "--indexes", "first,second", "--schema-patch", "patch.yaml"]) == 0
    return home


def state(server: Server) -> object:
    return database_digest(server), index_state(server)


def edit(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    content = dict(load_yaml(path).data)
    change(content)
    path.write_text(dump_yaml(content))


def test_no_index_name_leads_out_of_the_directories_of_a_batch(server: Server, place: Path) -> None:
    for number, name in enumerate(NAMES):
        server.command("FT.CREATE", name, "PREFIX", 1, f"n{number}:", "SCHEMA", "title", "TEXT")
    (place / "names.txt").write_bytes("\n".join(NAMES).encode("utf-8", "surrogateescape"))
    before = state(server)
    assert run(["batch-plan", "--indexes-file", "names.txt", "--schema-patch", "patch.yaml"]) == 0
    assert run([*APPLY, "--report-dir", "reports"]) == 0
    assert run(["batch-rollback"]) == 0
    assert state(server) == before
    assert [path.name for path in place.parent.iterdir()] == ["home"]
    for directory, count in (("plans", len(NAMES) + 2), ("reports", 2 * len(NAMES))):
        files = list((place / directory).iterdir())
        assert len(files) == count, directory
        assert all(path.is_file() and len(path.name) < 120 for path in files)


@pytest.mark.parametrize("kind", ["pipe", "device", "directory", "missing", "other"])
def test_a_plan_that_is_no_plan_is_refused(kind: str, server: Server, place: Path) -> None:
    path = place / "elsewhere"
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "device":
            path = Path("/dev/zero")
        case "directory":
            path.mkdir()
        case "other":
            path.write_text("root: x\n")
        case _:
            pass
    edit(place / "batch_plan.yaml", lambda plan: plan["indexes"][0].update(plan_path=str(path)))
    before = state(server)
    assert run(APPLY) == 2
    assert state(server) == before


def test_a_batch_plan_with_rows_that_are_no_mappings_is_refused(
    server: Server, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "batch_plan.yaml").write_text("version: 1\nbatch_id: x\nshared_patch: {version: 1}\nindexes: [true]\n")
    before = state(server)
    assert run(APPLY) == 2
    assert "batch_plan.yaml" in capsys.readouterr().err
    assert state(server) == before


def test_swapped_plan_files_are_refused(server: Server, place: Path) -> None:
    def swap(plan: dict[str, Any]) -> None:
        plan["indexes"][0]["plan_path"], plan["indexes"][1]["plan_path"] = (
            plan["indexes"][1]["plan_path"],
            plan["indexes"][0]["plan_path"],
        )

    edit(place / "batch_plan.yaml", swap)
    before = state(server)
    assert run(APPLY) == 4
    assert state(server) == before


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state.update(backup_dir="../elsewhere"),
        lambda state: state.update(report_dir="reports"),
        lambda state: state.update(backup_dir="/a\0b"),
        lambda state: state["settings"].update(on_conflict="whatever"),
        lambda state: state["indexes"][1].update(name="first"),
        lambda state: state["indexes"][0].update(fingerprint=None),
        lambda state: state["indexes"][0].update(status="whatever"),
        lambda state: state.update(version=2),
    ],
)
def test_an_invalid_state_file_is_refused(
    change: Callable[[dict[str, Any]], None], server: Server, place: Path
) -> None:
    assert run(APPLY) == 0
    edit(place / "batch_state.yaml", change)
    before = state(server)
    for command in ("batch-resume", "batch-rollback", "batch-status"):
        assert run([command]) == 2
        assert state(server) == before


@pytest.mark.parametrize("command", [["batch-resume"], ["batch-rollback"], APPLY])
def test_a_batch_without_its_backup_directory_is_neither_resumed_nor_rolled_back(
    command: list[str], server: Server, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(APPLY) == 0
    (place / "backup").rename(place / "moved")
    before = state(server)
    assert run(command) == 4
    assert "does not exist" in capsys.readouterr().err
    assert state(server) == before
    assert not (place / "backup").exists()


def test_an_index_without_a_backup_is_not_reported_as_rolled_back(server: Server, place: Path) -> None:
    assert run(APPLY) == 0
    for path in (place / "backup").glob("migration_backup_first-*"):
        path.unlink()
    assert run(["batch-rollback"]) == 3
    state_file = load_yaml(place / "batch_state.yaml").data
    assert {each["name"]: each["status"] for each in state_file["indexes"]} == {
        "first": "failed",
        "second": "rolled_back",
    }
    assert "is missing" in state_file["indexes"][0]["reason"]
    assert set(index_state(server)) == {"first", "second"}


def test_a_symbolic_link_in_place_of_a_report_is_not_followed(place: Path) -> None:
    outside = place.parent / "outside"
    outside.write_text("mine")
    (place / "reports").mkdir()
    for name in ("first_report.yaml", "first_rollback_report.yaml"):
        (place / "reports" / name).symlink_to(outside)
    assert run([*APPLY, "--report-dir", "reports"]) == 0
    assert run(["batch-rollback"]) == 0
    assert outside.read_text() == "mine"
    assert load_yaml(place / "reports" / "first_report.yaml").data["result"] == "succeeded"
