"""PHONETIC, which FT.INFO does not show and FT.EXPLAIN does, is carried over."""

from __future__ import annotations

from pathlib import Path

import pytest

from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.errors import StalePlan
from fieldfare.plan import MigrationPlan
from fieldfare.server import Server, connect
from fieldfare.server.inspect import read_snapshot
from fieldfare.testing.indexing import wait_until_indexed

NAMES = ("title", "plain", "we ird-näme", "unstemmed", "unindexed")
WARNING = "PHONETIC"


@pytest.fixture
def index(server: Server) -> Server:
    server.command(
        *("FT.CREATE", "idx", "PREFIX", 1, "d:", "SCHEMA"),
        *("title", "TEXT", "PHONETIC", "dm:fr", "plain", "TEXT"),
        *("we ird-näme", "TEXT", "PHONETIC", "dm:en", "unstemmed", "TEXT", "NOSTEM", "PHONETIC", "dm:es"),
        *("unindexed", "TEXT", "NOINDEX", "tag", "TAG"),
    )
    server.command("HSET", "d:1", *(part for name in NAMES for part in (name, "john")), "tag", "a")
    wait_until_indexed(server, "idx")
    return server


def found_by_sound(server: Server) -> list[str]:
    queries = {name: "@" + name.replace(" ", "\\ ").replace("-", "\\-") + ":jon" for name in NAMES}
    replies = server.bulk([("FT.SEARCH", "idx", query, "NOCONTENT", "DIALECT", 2) for query in queries.values()])
    totals = [reply[0] if isinstance(reply, list) else reply[b"total_results"] for reply in replies]
    return [name for name, total in zip(queries, totals, strict=True) if total]


def plan_of(server: Server) -> MigrationPlan:
    changes = {"update_fields": [{"name": "tag", "attrs": {"sortable": True}}]}
    return MigrationPlanner().create_plan_from_patch(
        "idx", schema_patch={"version": 1, "changes": changes}, server=server
    )


def test_words_that_sound_alike_are_found_after_apply_and_after_rollback(index: Server, tmp_path: Path) -> None:
    before = found_by_sound(index)
    assert {"title", "we ird-näme"} <= set(before)
    assert "unstemmed" in before or index.capabilities.has_search((8, 0, 0))  # where NOSTEM leaves no sound either
    assert "plain" not in before
    plan = plan_of(index)
    assert [field.name for field in plan.target.fields if "phonetic_matcher" in field.attrs] == [
        "title",
        "we ird-näme",
        "unstemmed",
    ]
    assert not [line for line in plan.warnings if WARNING in line]

    MigrationExecutor().apply(plan, server=index, backup_dir=tmp_path)
    assert found_by_sound(index) == before
    MigrationExecutor().rollback(server=index, backup_dir=tmp_path)
    assert found_by_sound(index) == before


def test_a_user_without_ft_explain_is_warned(index: Server, redis_url: str) -> None:
    index.command("ACL", "SETUSER", "limited", "on", ">pw", "~*", "+@all", "-ft.explain")
    try:
        with connect(redis_url.replace("redis://", "redis://limited:pw@")) as limited:
            assert read_snapshot(limited, "idx").unreadable == (
                "PHONETIC of title, plain, we ird-näme, unstemmed (FT.EXPLAIN is not allowed here)",
            )
            (warning,) = [line for line in plan_of(limited).warnings if WARNING in line]
            assert warning.startswith("FT.INFO doesn't report PHONETIC of title")
    finally:
        index.command("ACL", "DELUSER", "limited")


@pytest.mark.parametrize("phonetic", [("first",), ("second",), ("third",), ("first", "third"), ()])
def test_fields_of_other_types_come_first(phonetic: tuple[str, ...], server: Server) -> None:
    schema = ["place", "GEO", "kind", "TAG"]
    for name in ("first", "second", "third"):
        schema += [name, "TEXT", *(("PHONETIC", "dm:en") if name in phonetic else ()), f"n{name}", "NUMERIC"]
    server.command("FT.CREATE", "s", "SCHEMA", *schema)
    fields = read_snapshot(server, "s").definition.fields
    assert [field.name for field in fields if "phonetic_matcher" in field.attrs] == list(phonetic)


def test_a_probe_that_is_a_stopword_is_not_taken(server: Server) -> None:
    server.command("FT.CREATE", "s", "STOPWORDS", 2, "word", "wordx", "SCHEMA", "t", "TEXT", "PHONETIC", "dm:en")
    (field,) = read_snapshot(server, "s").definition.fields
    assert field.attrs["phonetic_matcher"] == "dm:en"


def test_a_plan_that_does_not_know_of_it_is_stale(index: Server, tmp_path: Path) -> None:
    index.command("FT.DROPINDEX", "idx")
    index.command("FT.CREATE", "idx", "PREFIX", 1, "d:", "SCHEMA", "title", "TEXT", "tag", "TAG")
    wait_until_indexed(index, "idx")
    plan = plan_of(index)
    index.command("FT.DROPINDEX", "idx")
    index.command("FT.CREATE", "idx", "PREFIX", 1, "d:", "SCHEMA", "title", "TEXT", "PHONETIC", "dm:en", "tag", "TAG")
    with pytest.raises(StalePlan, match="phonetic_matcher"):
        MigrationExecutor().apply(plan, server=index, backup_dir=tmp_path)
