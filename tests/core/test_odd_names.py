"""Names of indexes and aliases with line breaks and backslashes, which search 2 shows in the same way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.definition.reply import encode, mapping, text
from fieldfare.errors import PreconditionError
from fieldfare.server import Server
from fieldfare.server.inspect import read_snapshot
from fieldfare.testing.commandline import CommandLine
from fieldfare.testing.digest import database_digest, index_state
from fieldfare.testing.indexing import wait_until_indexed
from torture import pairs

NAMES = ["a\nb", "a\\nb", "a\rb", "a\\r\\nb", "a\\b", "\\", "a\udcffb", "a b\t'\"", "-a", "é\u2028"]
CHANGES = {"update_fields": [{"name": "n", "attrs": {"sortable": True}}]}


def create(server: Server, name: str) -> None:
    server.command("FT.CREATE", encode(name), "PREFIX", 1, "d:", "SCHEMA", "n", "NUMERIC")
    server.bulk([("HSET", f"d:{row}", "n", row) for row in range(5)])
    wait_until_indexed(server, name)


def state(server: Server, name: str) -> object:
    snapshot = read_snapshot(server, name)
    return database_digest(server), snapshot.definition, snapshot.stats.num_docs


@pytest.mark.parametrize(("name", "is_alias"), pairs(NAMES, (False, True)))
def test_names_of_indexes_and_aliases(
    server: Server, redis_url: str, tmp_path: Path, name: str, *, is_alias: bool
) -> None:
    create(server, "idx" if is_alias else name)
    if is_alias:
        server.command("FT.ALIASADD", encode(name), "idx")
    (tmp_path / "patch.yaml").write_text(json.dumps({"version": 1, "changes": CHANGES}))
    fieldfare = CommandLine(redis_url, tmp_path)
    before = state(server, name)
    for command in (
        ("plan", f"--index={name}", "--schema-patch", "patch.yaml", "--plan-out", "plan.yaml"),
        ("apply", "--plan", "plan.yaml", "--backup-dir", "backup"),
        ("validate", "--plan", "plan.yaml"),
        ("rollback", "--backup-dir", "backup"),
    ):
        done = fieldfare(*command)
        assert done.code == 0, done.stderr
    assert state(server, name) == before


@pytest.mark.parametrize("alias", ["a\nb", "plain"])
def test_an_alias_of_an_index_with_a_line_break(server: Server, alias: str) -> None:
    create(server, "x\ny")
    server.command("FT.ALIASADD", encode(alias), "x\ny")
    snapshot = read_snapshot(server, alias)
    assert snapshot.definition.name == "x\ny"
    assert snapshot.aliases == (alias,)


def test_two_indexes_that_are_shown_alike(server: Server) -> None:
    """Redis answers to both names, and shows the same: which one it is cannot be told."""
    for name in ("x\ny", "x\\ny"):
        create(server, name)
    if text(mapping(server.command("FT.INFO", "x\ny"))["index_name"]) == "x\ny":
        pytest.skip("this server shows them as they are")
    with pytest.raises(PreconditionError, match="a line break, or a backslash and a letter"):
        MigrationPlanner().create_plan_from_patch(
            "x\ny", schema_patch={"version": 1, "changes": CHANGES}, server=server
        )


@pytest.mark.parametrize("field", ["x\ry", "x\\ry"])
def test_a_patch_for_a_field_that_cannot_be_told_gets_the_reason(server: Server, field: str) -> None:
    server.command("FT.CREATE", "line\nbreak", "SCHEMA", "n", "NUMERIC")
    if text(mapping(server.command("FT.INFO", "line\nbreak"))["index_name"]) == "line\nbreak":
        pytest.skip("this server shows it as it is")
    server.command("FT.CREATE", "idx", "SCHEMA", field, "NUMERIC")
    patch = {"version": 1, "changes": {"update_fields": [{"name": field, "attrs": {"sortable": True}}]}}
    with pytest.raises(PreconditionError, match=r"FT\.INFO shows a line break, or a backslash and a letter"):
        MigrationPlanner().create_plan_from_patch("idx", schema_patch=patch, server=server)


@pytest.mark.parametrize("name", ["preis_€", "a\u2028b", "a\udcffb", "日本", 'a-b c"\\'])
def test_fields_are_queried_by_their_names(server: Server, tmp_path: Path, name: str) -> None:
    """A backslash before a character that is not ASCII is a syntax error."""
    field = encode(name)
    server.command(
        *("FT.CREATE", "idx", "PREFIX", 1, "d:", "SCHEMA", b"t" + field, "TEXT", "PHONETIC", "dm:en"),
        *(field, "VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", 2, "DISTANCE_METRIC", "L2"),
    )
    server.bulk(
        [("HSET", f"d:{row}", b"t" + field, "smith", field, b"\0\0\x80\x3f\0\0\0" + bytes([row])) for row in range(5)]
    )
    wait_until_indexed(server, "idx")
    before = read_snapshot(server, "idx")
    assert before.definition.fields[0].attrs["phonetic_matcher"] == "dm:en"
    patch = {"version": 1, "changes": {"update_fields": [{"name": name, "attrs": {"datatype": "float16"}}]}}
    plan = MigrationPlanner().create_plan_from_patch("idx", schema_patch=patch, server=server)
    report = MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path)
    assert [finding for finding in report.validation.findings if not finding.passed] == []
    assert MigrationExecutor().rollback(server=server, backup_dir=tmp_path).validation.passed
    assert read_snapshot(server, "idx").definition == before.definition


@pytest.mark.parametrize("prefix", ["d\n:", "d\\n:"])
def test_a_prefix_that_cannot_be_told_is_refused_with_the_reason(server: Server, prefix: str) -> None:
    server.command("FT.CREATE", "line\nbreak", "SCHEMA", "n", "NUMERIC")
    if text(mapping(server.command("FT.INFO", "line\nbreak"))["index_name"]) == "line\nbreak":
        pytest.skip("this server shows it as it is")
    server.command("FT.CREATE", "idx", "PREFIX", 1, prefix, "SCHEMA", "n", "NUMERIC")
    before = index_state(server)
    with pytest.raises(PreconditionError, match=r"FT\.INFO shows a line break, or a backslash and a letter") as refused:
        MigrationPlanner().create_plan_from_patch("idx", schema_patch={"version": 1, "changes": CHANGES}, server=server)
    assert "newer fieldfare" not in str(refused.value)
    assert index_state(server) == before


@pytest.mark.parametrize(
    "changes",
    [
        {"index": {"prefix": "e\n:"}},
        {"index": {"filter": "@n > 1\n"}},
        {"add_fields": [{"name": "x\\ry", "type": "tag"}]},
        {"rename_fields": [{"old_name": "n", "new_name": "a\nb"}]},
    ],
    ids=["prefix", "filter", "new field", "renamed field"],
)
def test_a_target_that_could_not_be_told_is_refused_when_it_is_planned(
    server: Server, redis_url: str, tmp_path: Path, changes: dict[str, object]
) -> None:
    create(server, "idx")
    (tmp_path / "patch.yaml").write_text(json.dumps({"version": 1, "changes": changes}))
    planned = CommandLine(redis_url, tmp_path)("plan", "--index", "idx", "--schema-patch", "patch.yaml")
    assert planned.code == 4
    assert "The patch asks for" in planned.stderr
    assert "Nothing was changed" in planned.stderr
