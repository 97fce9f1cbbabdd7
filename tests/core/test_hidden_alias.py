"""A real index of an alias's name answers in its place: that is found, and the advice helps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from redis.exceptions import ResponseError

from fieldfare.api import MigrationExecutor, MigrationPlanner, MigrationValidator
from fieldfare.server import Server
from fieldfare.server.hidden_alias import find_hiding_index
from fieldfare.testing.commandline import CommandLine
from fieldfare.testing.indexing import wait_until_indexed


def create(server: Server, name: str, prefix: str = "d:") -> None:
    server.command("FT.CREATE", name, "PREFIX", 1, prefix, "SCHEMA", "t", "TEXT")
    wait_until_indexed(server, name)


def answer(server: Server, name: str) -> int:
    reply = server.command("FT.SEARCH", name, "*", "NOCONTENT", "LIMIT", 0, 0, "DIALECT", 2)
    return int(reply[b"total_results"])


@pytest.fixture
def documents(server: Server) -> Server:
    """Three documents, an index of them, and its alias."""
    server.bulk([("HSET", f"d:{row}", "t", "owl") for row in range(3)])
    create(server, "articles__v2")
    server.command("FT.ALIASADD", "articles", "articles__v2")
    return server


def test_an_index_that_takes_the_name_of_an_alias_is_found(documents: Server) -> None:
    assert find_hiding_index(documents, "articles", "articles__v2") is None
    create(documents, "articles", "none:")
    found = find_hiding_index(documents, "articles", "articles__v2")
    assert found is not None
    assert (found.alias, found.target, found.documents, answer(documents, "articles")) == (
        *("articles", "articles__v2"),
        *(0, 0),
    )
    assert "FT.DROPINDEX articles, without DD" in found.message

    documents.command("FT.DROPINDEX", "articles")  # the advice
    assert find_hiding_index(documents, "articles", "articles__v2") is None
    assert answer(documents, "articles") == 3


def test_what_is_no_hiding_index(documents: Server) -> None:
    assert find_hiding_index(documents, "articles__v2", "articles__v2") is None
    assert find_hiding_index(documents, "nobody", "articles__v2") is None
    create(documents, "other")
    documents.command("FT.ALIASUPDATE", "articles", "other")
    assert find_hiding_index(documents, "articles", "articles__v2") is None


def test_validate_says_which_alias_is_hidden_and_which_is_missing(server: Server, tmp_path: Path) -> None:
    server.bulk([("HSET", f"d:{row}", "t", "owl") for row in range(3)])
    create(server, "i")
    for alias in ("news", "latest"):
        server.command("FT.ALIASADD", alias, "i")
    patch = {"version": 1, "changes": {"add_fields": [{"name": "kind", "type": "tag"}]}}
    plan = MigrationPlanner().create_plan_from_patch("i", schema_patch=patch, server=server, aliases=["news", "latest"])
    MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path)
    create(server, "news", "none:")
    server.command("FT.ALIASDEL", "latest")
    report = MigrationValidator().validate(plan, server=server)
    (finding,) = (each for each in report.validation.findings if each.name == "aliases")
    assert finding.fatal
    assert finding.data == {"missing": ["latest"], "hidden": ["news"]}
    assert finding.detail.startswith("missing: latest; 'news' is hidden: it should lead to the index 'i', but a client")
    server.command("FT.DROPINDEX", "news")
    server.command("FT.ALIASADD", "latest", "i")
    assert MigrationValidator().validate(plan, server=server).validation.passed


def test_status_with_a_url_says_that_a_name_that_moved_is_hidden(
    server: Server, redis_url: str, tmp_path: Path
) -> None:
    server.bulk([("HSET", f"d:{row}", "t", "owl") for row in range(3)])
    create(server, "books")
    patch = {"version": 1, "changes": {"update_fields": [{"name": "t", "attrs": {"sortable": True}}]}}
    plan = MigrationPlanner().create_plan_from_patch("books", schema_patch=patch, server=server, mode="shadow")
    MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path / "backups")
    fieldfare = CommandLine(redis_url, tmp_path)
    assert "hidden" not in fieldfare("status", "--backup-dir", "backups", "--url", redis_url).stdout
    create(server, "books", "none:")
    hidden = fieldfare("status", "--backup-dir", "backups", "--url", redis_url)
    assert hidden.code == 0
    assert "Warning: 'books' is hidden: it should lead to the index 'books__v2'" in hidden.stdout
    assert "hidden" not in fieldfare("status", "--backup-dir", "backups").stdout
    [migration] = json.loads(fieldfare("--json", "status", "--backup-dir", "backups", "-u", redis_url).stdout)[
        "migrations"
    ]
    assert len(migration["hidden_names"]) == 1


def test_an_alias_that_is_hidden_cannot_be_dropped_by_chance(documents: Server) -> None:
    """The warning of the message: without a hiding index, the command drops the index behind the alias."""
    documents.command("FT.DROPINDEX", "articles")
    with pytest.raises(ResponseError):
        documents.command("FT.INFO", "articles__v2")
