"""Changes of the index as a whole, and changes that would need converted documents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve

from fieldfare.changes import (
    AddField,
    Change,
    ChangeFieldPath,
    ChangeFieldType,
    ChangePrefix,
    ChangeStorage,
    CustomChange,
    RenameField,
    RenameIndex,
    UpdateField,
    UpdateOption,
)
from fieldfare.definition import Field, FieldType, Snapshot
from fieldfare.hooks.live_index import LiveIndex
from fieldfare.plan import Claim, ClaimedChange, Estimate, MigrationPlan
from fieldfare_fields import plugin

Live = Callable[..., LiveIndex]
Ask = Callable[[Change, LiveIndex], Claim]


@pytest.mark.parametrize(
    ("option", "old", "new", "warning"),
    [
        (
            "filter",
            None,
            "@price>2",
            "FILTER changes which documents the index covers: the document count may differ afterwards",
        ),
        (
            "filter",
            "@price>2",
            None,
            "FILTER changes which documents the index covers: the document count may differ afterwards",
        ),
        (
            "prefixes",
            ("a:", "b:"),
            ("a:",),
            "PREFIX changes which documents the index covers: keys keep their names, the document count may differ",
        ),
        ("language", None, "french", "LANGUAGE changes how text is stemmed: queries may find other documents"),
        ("score", 1.0, 0.5, "SCORE changes how results are ranked"),
        ("stopwords", None, (), "STOPWORDS changes which words are indexed: queries may find other documents"),
        ("index_all", False, True, "INDEXALL keeps a list of all documents in memory"),
        ("options", (), ("NOFREQS",), "NOFREQS: how often a word occurs no longer counts for the ranking"),
    ],
)
def test_options_are_supported_with_a_warning(  # noqa: PLR0913 - columns of the table
    live: Live, ask: Ask, *, option: str, old: Any, new: Any, warning: str
) -> None:
    claim = ask(UpdateOption(option, old, new), live())
    assert claim.is_supported
    assert claim.warnings == (warning,)


@pytest.mark.parametrize(
    ("option", "old", "new"),
    [
        ("index_all", True, False),
        ("options", ("NOFREQS",), ()),
        ("options", ("NOFREQS",), ("MAXTEXTFIELDS", "NOFREQS")),
    ],
)
def test_options_without_a_cost_have_no_warning(live: Live, ask: Ask, option: str, old: Any, new: Any) -> None:
    claim = ask(UpdateOption(option, old, new), live())
    assert claim.is_supported
    assert claim.warnings == ()


def test_options_that_the_server_would_refuse(live: Live, ask: Ask) -> None:
    language = ask(UpdateOption("language", None, "klingon"), live()).reason
    assert language is not None
    assert language.startswith("Redis knows no language 'klingon'; it knows arabic, ")
    both = UpdateOption("options", (), ("MAXTEXTFIELDS", "NOFIELDS"))
    assert ask(both, live()).reason == "MAXTEXTFIELDS and NOFIELDS exclude each other"


def test_an_option_that_needs_a_newer_server_is_blocked(live: Live, ask: Ask) -> None:
    enable = UpdateOption("index_all", old=False, new=True)
    assert ask(enable, live(search=(2, 10, 5))).reason == (
        "this server has search 2.10.5, and INDEXALL needs search 8.0.0 or newer"
    )


@pytest.mark.parametrize(
    ("aliases", "warning"),
    [
        ((), "After the migration queries reach the index as 'goods', no longer as 'products'"),
        (
            ("shop",),
            "After the migration queries reach the index as 'goods' or through 'shop', no longer as 'products'",
        ),
    ],
)
def test_renaming_the_index_is_supported_with_a_warning(
    live: Live, ask: Ask, aliases: tuple[str, ...], warning: str
) -> None:
    claim = ask(RenameIndex("products", "goods"), live(aliases=aliases))
    assert claim.is_supported
    assert claim.warnings == (warning,)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (ChangeStorage("hash", "json"), "hash and json documents have different data formats"),
        (
            ChangeFieldType("title", "text", "tag"),
            (
                "values that were written as text may not be valid as tag, and documents with such values would drop "
                "out of the index"
            ),
        ),
        (
            ChangeFieldPath("title", "title", "name"),
            "the documents hold their values at 'title', and may not hold them at 'name'",
        ),
    ],
)
def test_changes_that_need_converted_documents_are_blocked(live: Live, ask: Ask, change: Change, reason: str) -> None:
    assert ask(change, live()).reason == reason


@pytest.mark.parametrize(
    "change", [RenameField("title", "name"), ChangePrefix("product:", "item:"), CustomChange("acme.x")]
)
def test_changes_of_documents_are_not_claimed(live: Live, change: Change) -> None:
    assert plugin.fieldfare_classify(change, live()) is None


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ((RenameIndex("products", "goods"),), "1 index-only change: nothing is written to disk"),
        (
            (
                AddField(Field("extra", FieldType.TAG, "extra")),
                UpdateField("embedding", "m", 20, 32),
                UpdateField("embedding", "datatype", "float32", "float16"),
                UpdateField("embedding", "dims", 4, 2),
            ),
            "2 index-only changes: nothing is written to disk",
        ),
        ((UpdateField("embedding", "datatype", "float32", "float16"),), None),
    ],
)
def test_the_estimate_has_one_line(live: Live, changes: tuple[Change, ...], line: str | None) -> None:
    plan = MigrationPlan(
        version=1,
        mode="drop_recreate",
        source=Snapshot(live().definition, live().snapshot.stats),
        target=live().definition,
        patch={},
        claims=tuple(ClaimedChange(change, "fields", Claim.supported()) for change in changes),
        steps=(),
        plugins={},
    )
    assert plugin.fieldfare_estimate(plan) == (line and Estimate(lines=(line,)))
    blocked = ClaimedChange(changes[0], "fields", Claim.blocked("no"))
    assert plugin.fieldfare_estimate(evolve(plan, claims=(blocked,))) is None
