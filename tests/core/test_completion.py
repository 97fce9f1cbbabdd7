"""What a shell suggests for an unfinished command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.cli.app import run
from fieldfare.server import Server

Suggest = Callable[[str], list[str]]


@pytest.fixture
def suggest(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Suggest:
    """Return what the shell gets for a command line, whose last word is unfinished."""
    monkeypatch.chdir(tmp_path)

    def ask(line: str) -> list[str]:
        monkeypatch.setenv("_FIELDFARE_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
        run([])
        out, err = capsys.readouterr()
        assert err == ""
        return [line for line in out.splitlines() if line]

    return ask


def test_commands_and_indexes(
    suggest: Suggest, server: Server, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("articles", "authors", "zoo"):
        server.command("FT.CREATE", name, "SCHEMA", "t", "TEXT")
    assert suggest("fieldfare sw") == ["switch"]
    assert suggest(f"fieldfare info --url {redis_url} --index a") == ["articles", "authors"]
    monkeypatch.setenv("FIELDFARE_URL", redis_url)
    assert suggest("fieldfare plan --index z") == ["zoo"]
    monkeypatch.setenv("FIELDFARE_URL", "redis://127.0.0.1:1")
    assert suggest("fieldfare plan --index z") == [], "and no message"


def test_plan_files_and_backups(suggest: Suggest, server: Server, tmp_path: Path) -> None:
    server.command("FT.CREATE", "articles", "PREFIX", 1, "d:", "SCHEMA", "t", "TEXT")
    patch = {"version": 1, "changes": {"update_fields": [{"name": "t", "attrs": {"sortable": True}}]}}
    plan = MigrationPlanner().create_plan("articles", server=server, schema_patch=patch)
    (tmp_path / "files").mkdir()
    MigrationPlanner().write_plan(plan, tmp_path / "files" / "plan.yaml")
    (tmp_path / "files" / "patch.yaml").write_text("version: 1\nchanges: {}\n")
    MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path / "backups")
    assert suggest("fieldfare apply --plan ") == ["backups/", "files/"]
    assert suggest("fieldfare apply --plan files/p") == ["files/plan.yaml"]
    assert suggest("fieldfare show files/") == ["files/plan.yaml"]
    assert suggest("fieldfare status --backup-dir ") == ["backups/"], "the one that holds backups"
    assert suggest("fieldfare rollback --backup-dir backups --index ") == ["articles"]
