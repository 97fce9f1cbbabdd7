"""Claims and warnings about a change of prefix, for real indexes and keys."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def source(database: Any) -> Any:
    """A database with a few documents and the index ``idx``."""
    database.documents("doc:", 6)
    database.index("idx", "doc:")
    return database


def test_another_index_over_the_same_keys_would_lose_them(source: Any, migration: Any) -> None:
    source.index("other", "doc:")
    said = migration.plan({"doc:": "art:"}, supported=False)
    assert "index 'other' covers keys below 'doc:' too: it would lose the documents that move" in said
    assert "drop 'other', plan again, and create it over 'art:' afterwards" in said
    before = source.state()
    migration.apply(code=4)
    assert source.state() == before


@pytest.mark.parametrize("prefix", ["doc:1", "d"])
def test_another_index_over_some_of_the_keys_would_lose_them(prefix: str, source: Any, migration: Any) -> None:
    source.index("other", prefix)
    assert "index 'other' covers keys below 'doc:'" in migration.plan({"doc:": "art:"}, supported=False)


@pytest.mark.parametrize("prefix", ["art:", "a", "art:old:"])
def test_another_index_over_the_new_prefix_would_gain_documents(prefix: str, source: Any, migration: Any) -> None:
    source.index("other", prefix)
    said = migration.plan({"doc:": "art:"}, supported=False)
    assert "index 'other' covers keys below 'art:': the moved documents would appear in it" in said
    assert "choose a prefix that no other index covers" in said


def test_an_index_of_the_other_storage_type_does_not_block(source: Any, migration: Any) -> None:
    source.index("other", "art:", storage="JSON")
    migration.plan({"doc:": "art:"})


def test_an_index_that_covers_both_prefixes_keeps_every_document(source: Any, migration: Any) -> None:
    source.index("every", "")
    said = migration.plan({"doc:": "art:"})
    assert "Index 'every' covers these keys before and after" in said
    migration.apply()
    before = source.state()[1]["every"]
    assert before[2] == 6
    migration.rollback()
    assert source.state()[1]["every"] == before


def test_an_index_over_keys_that_stay_does_not_block(database: Any, migration: Any) -> None:
    database.documents("doc:", 6)
    database.documents("doc:draft:", 6)
    database.documents("art:", 6)
    database.index("idx", "doc:", "doc:draft:", "art:")
    database.index("drafts", "doc:draft:")
    database.index("arts", "art:")
    before = database.state()[1]
    migration.plan({"doc:": "new:"})
    migration.apply()
    after = database.state()[1]
    assert (after["drafts"], after["arts"]) == (before["drafts"], before["arts"])


def test_an_index_over_every_key_has_no_prefix_to_change(database: Any, migration: Any) -> None:
    database.documents("doc:", 3)
    database.index("idx", "")
    assert "the index covers every key" in migration.plan({"": "art:"}, supported=False)


def test_an_empty_new_prefix_is_blocked(source: Any, migration: Any) -> None:
    assert "would cover every key of the database" in migration.plan({"doc:": ""}, supported=False)
    assert source.contents()


def test_a_new_prefix_must_not_overlap_another_one_of_the_index(database: Any, migration: Any) -> None:
    database.index("idx", "doc:", "art:")
    said = migration.plan({"doc:": "art:x:"}, supported=False)
    assert "the index has the prefix 'art:' too, which overlaps 'art:x:'" in said


def test_two_new_prefixes_must_not_overlap(database: Any, migration: Any) -> None:
    database.index("idx", "doc:", "art:")
    assert "overlaps" in migration.plan({"doc:": "x:", "art:": "x:y:"}, supported=False)


def test_a_filter_over_names_gets_a_warning(database: Any, migration: Any) -> None:
    database.documents("doc:", 3)
    database.index("idx", "doc:", filtered="startswith(@__key, 'doc:')")
    assert "The FILTER reads @__key" in migration.plan({"doc:": "art:"})


@pytest.mark.parametrize(("old", "new"), [("doc:", "art:"), ("doc:v2:", "doc:")])
def test_documents_below_the_new_prefix_get_a_warning_and_are_covered(
    old: str, new: str, database: Any, migration: Any
) -> None:
    database.documents(old, 30)
    database.server.bulk([("HSET", f"{new}stray{row}", "n", row) for row in range(4)])
    database.index("idx", old)
    before = database.state()
    assert (
        f"4 documents lie below '{new}' already, and the target index will cover all keys below it"
        in migration.plan({old: new})
    )
    assert "34 documents, 4 more than before" in migration.apply().stdout
    assert database.state()[1]["idx"][2] == 34
    migration.rollback()
    assert database.state() == before


def test_a_new_prefix_below_the_old_one_is_explained(source: Any, migration: Any) -> None:
    said = migration.plan({"doc:": "doc:v2:"})
    assert "'doc:v2:' starts with 'doc:': only keys that the index covers move" in said
    assert "apply stops" not in said
    source.server.command("HSET", "doc:v2:x", "n", 1)
    assert "apply stops if it covers one of the 1 below 'doc:v2:'" in migration.plan({"doc:": "doc:v2:"})


def test_the_estimate_counts_what_the_append_only_file_gets(source: Any, migration: Any) -> None:
    migration.plan({"doc:": "art:"})
    said = migration.run("estimate", "--plan", "plan.yaml").stdout
    assert "Move keys from 'doc:' to 'art:'" in said
    assert source.contents()
