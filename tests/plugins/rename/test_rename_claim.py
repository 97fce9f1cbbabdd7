"""What can be renamed, and what cannot, on real indexes."""

from __future__ import annotations

from typing import Any

import pytest

from fieldfare.errors import ChangeBlocked, DiffError, UnconvertibleDocuments
from fieldfare.server import Server
from fieldfare.server.inspect import read_definition

Migration = Any  # the class of that name in conftest.py, which tests cannot import

HASH = ("FT.CREATE", "docs", "PREFIX", 1, "doc:")
JSON = ("FT.CREATE", "docs", "ON", "JSON", "PREFIX", 1, "doc:")


@pytest.mark.parametrize(
    ("create", "old", "new", "reason"),
    [
        (
            (*HASH, "FILTER", "@year>2000", "SCHEMA", "year", "NUMERIC", "t", "TEXT"),
            *("year", "published", "FILTER @year>2000 reads 'year'"),
        ),
        (
            (*HASH, "SCHEMA", "t", "AS", "title", "TEXT", "t", "TAG"),
            *("t", "x", "field 'title' of this index reads 't' too"),
        ),
        (
            (*HASH, "SCHEMA", "x", "AS", "other", "TEXT", "t", "TEXT"),
            *("t", "x", "field 'other' of this index reads 'x' too"),
        ),
        (
            (*HASH, "SCORE_FIELD", "x", "SCHEMA", "t", "NUMERIC"),
            *("t", "x", "SCORE_FIELD x of this index reads 'x' too"),
        ),
        (
            (*JSON, "SCHEMA", "$.a.t", "AS", "t", "TEXT", "$.a", "AS", "all", "TEXT"),
            *("t", "x", "field 'all' of this index reads '$.a.t' too"),
        ),
        (
            (*JSON, "SCHEMA", "$..t", "AS", "others", "TEXT", "$.t", "AS", "t", "TEXT"),
            *("t", "x", "field 'others' of this index reads '$.t' too"),
        ),
        ((*JSON, "SCHEMA", "$.t", "AS", "t", "TEXT"), "t", "t.x", "one of $.t and $.t.x contains the other"),
        ((*JSON, "SCHEMA", "$.t.x", "AS", "t.x", "TEXT"), "t.x", "t", "one of $.t.x and $.t contains the other"),
        ((*JSON, "SCHEMA", "$.t", "AS", "t", "TEXT"), "t", "a\"b'c", "is not a JSON path to one value"),
        ((*JSON, "SCHEMA", "$.t", "AS", "t", "TEXT"), "t", "$.x[*]", "is not a JSON path to one value"),
        ((*JSON, "SCHEMA", "$..t", "AS", "$..t", "TEXT"), "$..t", "$.x", "can match several values"),
        ((*JSON, "SCHEMA", "$.t", "AS", "t", "TEXT"), "t", "$.x[0].t", "leads into an array"),
    ],
)
def test_blocked_rename_says_why(  # noqa: PLR0913, PLR0917 - one case
    create: tuple[str, ...], old: str, new: str, reason: str, migration: Migration, server: Server
) -> None:
    server.command(*create)
    plan = migration.plan("docs", {old: new})
    assert not plan.supported
    assert reason in plan.blocked_reasons[0]
    assert "Workaround" in plan.blocked_reasons[0]
    with pytest.raises(ChangeBlocked):
        migration.apply(plan)


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (("SCHEMA", "title", "AS", "t", "TEXT"), "and reads 'title' too"),
        (("SCHEMA", "headline", "TAG"), "field 'headline' reads 'headline': it would find these values"),
        (("LANGUAGE_FIELD", "title", "SCHEMA", "x", "TAG"), "LANGUAGE_FIELD title reads 'title'"),
        (("FILTER", "@title!=''", "SCHEMA", "x", "TAG"), "FILTER @title!='' reads 'title'"),
    ],
)
def test_index_that_reads_one_of_the_names_blocks(
    other: tuple[str, ...], reason: str, migration: Migration, server: Server
) -> None:
    server.command(*HASH, "SCHEMA", "title", "TEXT")
    server.command("FT.CREATE", "other", "PREFIX", 1, "doc:new:", *other)
    plan = migration.plan("docs", {"title": "headline"})
    assert not plan.supported
    assert "index 'other' covers some of the same keys" in plan.blocked_reasons[0]
    assert reason in plan.blocked_reasons[0]


def test_an_index_that_reads_other_fields_does_not_block(migration: Migration, server: Server) -> None:
    server.command(*HASH, "SCHEMA", "title", "TEXT")
    server.command("FT.CREATE", "other", "PREFIX", 1, "doc:", "SCHEMA", "subtitle", "TEXT")
    server.command("FT.CREATE", "third", "PREFIX", 1, "other:", "SCHEMA", "title", "TEXT")
    assert migration.plan("docs", {"title": "headline"}).supported


def test_a_filter_on_the_new_name_unblocks_the_rename(migration: Migration, server: Server) -> None:
    server.bulk([("HSET", f"doc:{year}", "year", year) for year in range(1998, 2004)])
    server.command(*HASH, "FILTER", "@year>2000", "SCHEMA", "year", "NUMERIC")
    plan = migration.plan("docs", {"year": "published"}, index={"filter": "@published>2000"})
    migration.apply(plan)
    reply = server.command("FT.SEARCH", "docs", "@published:[1900 2100]", "NOCONTENT", "LIMIT", 0, 0)
    assert (reply[0] if isinstance(reply, list) else reply[b"total_results"]) == 3
    assert read_definition(server, "docs").filter == "@published>2000"


def test_options_that_follow_get_a_warning(migration: Migration, server: Server) -> None:
    server.command(*HASH, "LANGUAGE_FIELD", "lang", "SCHEMA", "lang", "TAG")
    plan = migration.plan("docs", {"lang": "language"})
    assert "LANGUAGE_FIELD follows: lang becomes language" in plan.warnings
    assert plan.target.language_field == "language"


def test_swapped_names_need_two_plans(migration: Migration, server: Server) -> None:
    server.command(*HASH, "SCHEMA", "a", "TAG", "b", "TAG")
    with pytest.raises(DiffError, match="use two plans"):
        migration.plan("docs", {"a": "b", "b": "a"})


def test_the_name_of_a_removed_field_is_free_in_the_index_but_may_exist_in_documents(
    migration: Migration, server: Server
) -> None:
    server.command("HSET", "doc:1", "title", "t", "headline", "h")
    server.command(*HASH, "SCHEMA", "title", "TEXT", "headline", "TEXT")
    plan = migration.plan("docs", {"title": "headline"}, remove_fields=["headline"])
    with pytest.raises(UnconvertibleDocuments, match="'title' and 'headline' both exist in"):
        migration.apply(plan)
    migration.apply(plan, on_conflict="keep-old")
    assert server.command("HGET", "doc:1", "headline") == b"t"
