"""Renaming fields of hashes."""

from __future__ import annotations

import contextlib
import struct
from typing import Any

import pytest

from fieldfare.api import MigrationValidator
from fieldfare.backup.journal import Journal
from fieldfare.errors import UnconvertibleDocuments, ValidationFailed
from fieldfare.report import MigrationReport
from fieldfare.server import Server
from fieldfare.server.inspect import read_definition
from fieldfare.testing.digest import database_digest, index_state
from fieldfare.testing.indexing import wait_until_indexed

Migration = Any  # the class of that name in conftest.py, which tests cannot import

NEVER = 4102444800123  # 2100, in milliseconds
LATER = NEVER + 5000


@pytest.fixture
def articles(server: Server) -> Server:
    """Twenty documents and two more: one without the field, one whose value is no text."""
    server.bulk(
        [("HSET", f"doc:{row}", "title", f"title {row}", "lang", "german", "year", 2000 + row) for row in range(20)]
    )
    server.command("HSET", "doc:none", "year", 1999)
    server.command("HSET", "doc:binary", "title", b"\xff\x00\r\n'\"", "year", 1998)
    server.command(
        *("FT.CREATE", "articles", "PREFIX", 1, "doc:", "LANGUAGE_FIELD", "lang", "SCHEMA"),
        *("title", "TEXT", "SORTABLE", "lang", "TAG", "year", "NUMERIC"),
    )
    wait_until_indexed(server, "articles")
    return server


def notes(report: MigrationReport) -> dict[str, int]:
    return {note.kind: note.count for note in report.notes}


def test_a_value_moves_and_is_restored_with_every_ttl(migration: Migration, articles: Server) -> None:
    articles.command("PEXPIREAT", "doc:1", NEVER)
    articles.command("HPEXPIREAT", "doc:2", LATER, "FIELDS", 1, "title")
    before = database_digest(articles), index_state(articles)

    report = migration.apply(migration.plan("articles", {"title": "headline"}), batch_size=7)

    assert articles.command("HMGET", "doc:0", "title", "headline", "year") == [None, b"title 0", b"2000"]
    assert articles.command("HGET", "doc:binary", "headline") == b"\xff\x00\r\n'\""
    assert articles.command("PEXPIRETIME", "doc:1") == NEVER
    assert articles.command("HPEXPIRETIME", "doc:2", "FIELDS", 1, "headline") == [LATER]
    headline = read_definition(articles, "articles").find("headline")
    assert headline is not None
    assert (headline.path, headline.attrs["sortable"]) == ("headline", True)
    found = articles.command("FT.SEARCH", "articles", "@headline:title", "NOCONTENT")
    assert (found[0] if isinstance(found, list) else found[b"total_results"]) == 20
    assert notes(report) == {"without the field": 1}
    assert report.notes[0].keys == (b"doc:none",)
    assert [step["documents"] for name, step in report.steps.items() if name.startswith("rename")] == [21]

    migration.rollback()
    assert (database_digest(articles), index_state(articles)) == before


def test_both_names_stop_the_run_before_anything_is_changed(migration: Migration, articles: Server) -> None:
    articles.bulk([("HSET", f"doc:{row}", "headline", "another") for row in (3, 7)])
    before = database_digest(articles), index_state(articles)
    plan = migration.plan("articles", {"title": "headline"})
    assert any("--on-conflict" in line and "doc:3" in line for line in plan.warnings)
    with pytest.raises(UnconvertibleDocuments) as refusal:
        migration.apply(plan)
    message = str(refusal.value)
    assert all(words in message for words in ("2 documents", "doc:3", "doc:7", "--on-conflict keep-old"))
    assert (database_digest(articles), index_state(articles)) == before


def notes_of(migration: Migration) -> dict[str, int]:
    [header] = migration.backup_dir.glob("*.header")
    return {note.kind: note.count for note in Journal.load(header).progress.notes}


@pytest.mark.parametrize(("choice", "stays", "expires"), [("keep-old", b"title 3", NEVER), ("keep-new", b"n", LATER)])
def test_the_chosen_value_is_kept_and_rollback_restores_both(
    choice: str, stays: bytes, expires: int, migration: Migration, articles: Server
) -> None:
    articles.command("HSET", "doc:3", "headline", "n")
    articles.command("HPEXPIREAT", "doc:3", NEVER, "FIELDS", 1, "title")
    articles.command("HPEXPIREAT", "doc:3", LATER, "FIELDS", 1, "headline")
    articles.command("HSET", "doc:only", "headline", "was here before")
    before = database_digest(articles), index_state(articles)

    report = migration.apply(migration.plan("articles", {"title": "headline"}), on_conflict=choice)

    assert articles.command("HMGET", "doc:3", "title", "headline") == [None, stays]
    assert articles.command("HPEXPIRETIME", "doc:3", "FIELDS", 1, "headline") == [expires]
    assert notes(report) == {"both names": 1, "new name only": 1, "without the field": 1}
    migration.rollback()
    assert (database_digest(articles), index_state(articles)) == before


def test_resuming_uses_the_choice_of_the_first_run(migration: Migration, articles: Server) -> None:
    articles.bulk([("HSET", f"doc:{row}", "headline", "n") for row in range(20)])
    before = database_digest(articles)
    plan = migration.plan("articles", {"title": "headline"})
    migration.interrupt(plan, 3, on_conflict="keep-new", batch_size=2)
    migration.apply(plan)
    assert {articles.command("HGET", f"doc:{row}", "headline") for row in range(20)} == {b"n"}
    assert not any(articles.command("HEXISTS", f"doc:{row}", "title") for row in range(20))
    migration.rollback()
    assert database_digest(articles) == before


@pytest.mark.parametrize("choice", ["keep-old", "keep-new"])
def test_an_interrupted_run_is_rolled_back(choice: str, migration: Migration, articles: Server) -> None:
    articles.bulk([("HSET", f"doc:{row}", "headline", "n") for row in range(0, 20, 3)])
    before = database_digest(articles), index_state(articles)
    migration.interrupt(migration.plan("articles", {"title": "headline"}), 5, on_conflict=choice, batch_size=2)
    migration.rollback()
    assert (database_digest(articles), index_state(articles)) == before


def test_names_move_along_a_chain(migration: Migration, articles: Server) -> None:
    before = database_digest(articles), index_state(articles)
    articles_plan = migration.plan("articles", {"title": "lang", "lang": "language"})
    report = migration.apply(articles_plan)
    assert articles.command("HMGET", "doc:4", "title", "lang", "language") == [None, b"title 4", b"german"]
    definition = read_definition(articles, "articles")
    assert [field.name for field in definition.fields] == ["lang", "language", "year"]
    assert definition.language_field == "language"
    assert all(finding.passed for finding in report.validation.findings)
    migration.rollback()
    assert (database_digest(articles), index_state(articles)) == before


def test_alias_changes_no_document(migration: Migration, server: Server) -> None:
    server.command("HSET", "doc:1", "t", "hello")
    server.command("FT.CREATE", "articles", "PREFIX", 1, "doc:", "SCHEMA", "t", "AS", "title", "TEXT")
    plan = migration.plan("articles", {"title": "headline"})
    assert not plan.rewrites_documents
    migration.apply(plan)
    assert server.command("HGETALL", "doc:1") in ({b"t": b"hello"}, [b"t", b"hello"])
    field = read_definition(server, "articles").find("headline")
    assert field is not None
    assert field.path == "t"


def test_documents_that_are_deleted_or_replaced_during_the_run_are_counted(
    migration: Migration, articles: Server
) -> None:
    plan = migration.plan("articles", {"title": "headline"})
    migration.interrupt(plan, 1, batch_size=1)
    left = [row for row in range(20) if articles.command("HEXISTS", f"doc:{row}", "title")]
    articles.command("DEL", f"doc:{left[0]}", f"doc:{left[1]}")
    articles.command("SET", f"doc:{left[1]}", "a string")
    articles.command("HSET", f"doc:{left[2]}", "headline", "written during the run")
    with contextlib.suppress(ValidationFailed):  # two documents fewer than there were
        migration.apply(plan)
    journal = notes_of(migration)
    assert journal["wrong type"] == 1
    assert journal["vanished"] == 1
    assert journal["second name since the backup"] == 1
    assert articles.command("HMGET", f"doc:{left[2]}", "title", "headline") == [
        f"title {left[2]}".encode(),
        b"written during the run",
    ]


def test_converted_vector_gets_another_name(migration: Migration, server: Server) -> None:
    vectors = {row: struct.pack("<4f", row, 1, 0.5, -2) for row in range(30)}
    server.bulk([("HSET", f"doc:{row}", "embedding", vector) for row, vector in vectors.items()])
    server.command(
        *("FT.CREATE", "vectors", "PREFIX", 1, "doc:", "SCHEMA", "embedding", "VECTOR", "FLAT", 6),
        *("TYPE", "FLOAT32", "DIM", 4, "DISTANCE_METRIC", "L2"),
    )
    wait_until_indexed(server, "vectors")
    before = database_digest(server), index_state(server)
    update = [{"name": "embedding", "attrs": {"datatype": "float16"}}]
    plan = migration.plan("vectors", {"embedding": "vector"}, update_fields=update)
    migration.interrupt(plan, 2, batch_size=4)
    migration.apply(plan)
    for row in range(30):
        assert server.command("HGETALL", f"doc:{row}") in (
            {b"vector": struct.pack("<4e", row, 1, 0.5, -2)},
            [b"vector", struct.pack("<4e", row, 1, 0.5, -2)],
        )
    migration.rollback()
    assert (database_digest(server), index_state(server)) == before


def test_an_existing_value_under_the_new_name_is_not_taken_for_a_converted_one(
    migration: Migration, server: Server
) -> None:
    server.bulk([("HSET", f"doc:{row}", "embedding", struct.pack("<2f", row, 1)) for row in range(3)])
    server.command("HSET", "doc:2", "vector", struct.pack("<2f", 7, 7))
    server.command(
        *("FT.CREATE", "vectors", "PREFIX", 1, "doc:", "SCHEMA", "embedding", "VECTOR", "FLAT", 6),
        *("TYPE", "FLOAT32", "DIM", 2, "DISTANCE_METRIC", "L2"),
    )
    wait_until_indexed(server, "vectors")
    before = database_digest(server), index_state(server)
    update = [{"name": "embedding", "attrs": {"datatype": "float16"}}]
    plan = migration.plan("vectors", {"embedding": "vector"}, update_fields=update)
    with pytest.raises(UnconvertibleDocuments, match="keep the old value, or use two plans"):
        migration.apply(plan, on_conflict="keep-new")
    assert (database_digest(server), index_state(server)) == before
    migration.apply(plan, on_conflict="keep-old")
    assert server.command("HGET", "doc:2", "vector") == struct.pack("<2e", 2, 1)
    migration.rollback()
    assert (database_digest(server), index_state(server)) == before


def test_documents_written_under_the_old_name_afterwards_are_reported(migration: Migration, articles: Server) -> None:
    plan = migration.plan("articles", {"title": "headline"})
    migration.apply(plan)
    key = plan.source.key_sample[0]
    articles.command("DEL", key)
    articles.command("HSET", key, "title", "from an application with the old name")
    report = MigrationValidator(plugins=migration.plugins).validate(plan, server=articles)
    [finding] = [each for each in report.validation.findings if each.name == "renamed:headline"]
    assert not finding.passed
    assert key in finding.detail


def test_documents_added_under_the_new_name_are_reported_after_a_rollback(
    migration: Migration, articles: Server
) -> None:
    migration.apply(migration.plan("articles", {"title": "headline"}))
    articles.command("HSET", "doc:new", "headline", "never had the old name")
    report = migration.rollback()
    assert articles.command("HGET", "doc:new", "headline") == b"never had the old name"
    [finding] = [each for each in report.validation.findings if each.name == "renamed_back:title"]
    assert not finding.passed
    assert finding.detail == "added since, with 'headline' and no 'title': 1 document, such as doc:new"
