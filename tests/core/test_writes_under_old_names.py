"""Applications that still write under the old prefix, or under the old name of a field, while these change."""

from __future__ import annotations

from pathlib import Path

import pytest

from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.hooks.manager import load_plugins
from fieldfare.report import Result
from fieldfare.server import Server
from run_moments import At

COUNT = 30


@pytest.mark.parametrize("kind", ["HASH", "JSON"])
@pytest.mark.parametrize(("prefix", "field"), [("new:", "t"), ("a:", "headline")], ids=["prefix", "name"])
def test_documents_of_the_old_form_are_told_by_key(
    kind: str, prefix: str, field: str, server: Server, tmp_path: Path
) -> None:
    def write(key: str) -> None:
        if kind == "JSON":
            server.command("JSON.SET", key, "$", '{"t": "text"}')
        else:
            server.command("HSET", key, "t", "text")

    def meanwhile() -> None:
        write("a:added")
        write(prefix + "7")

    for row in range(COUNT):
        write(f"a:{row}")
    path = ("$.t", "AS", "t") if kind == "JSON" else ("t",)
    server.command("FT.CREATE", "i", "ON", kind, "PREFIX", 1, "a:", "SCHEMA", *path, "TEXT")
    changes: dict[str, object] = {"index": {"prefix": prefix}} if field == "t" else {}
    if field != "t":
        changes["rename_fields"] = [{"old_name": "t", "new_name": field}]
    plan = MigrationPlanner().create_plan_from_patch(
        "i", schema_patch={"version": 1, "changes": changes}, server=server
    )
    plugins = load_plugins()
    plugins.register(At("create:started", meanwhile), "application")
    report = MigrationExecutor(plugins=plugins).apply(plan, server=server, backup_dir=tmp_path)

    assert report.result is Result.SUCCEEDED
    found = {each.name: each for each in report.validation.findings if not each.passed}
    if field == "t":
        assert "a:added" in found["moved:a:"].detail
        assert found["moved:a:"].data == {"documents": 1}
    else:
        assert "a:added" in found["renamed:headline"].detail
        expected = {"documents": COUNT + 1, "old_name": 2, "both_names": 0}
        if kind == "HASH":  # HSET leaves the field of the new name; JSON.SET replaces the document
            expected |= {"old_name": 1, "both_names": 1}
        assert found["renamed:headline"].data == expected
        assert "a:added" in found["documents_added"].detail
    undone = MigrationExecutor().rollback(server=server, backup_dir=tmp_path)
    assert not [each for each in undone.validation.findings if each.name.startswith("moved:")]
