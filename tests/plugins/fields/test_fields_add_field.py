"""Adding fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from fieldfare.changes import AddField, Change, RemoveField, UpdateField
from fieldfare.definition import AttributeValue, Field, FieldType, Storage
from fieldfare.hooks.live_index import LiveIndex
from fieldfare.plan import Claim
from fieldfare_fields import plugin

Live = Callable[..., LiveIndex]
Ask = Callable[[Change, LiveIndex], Claim]


@pytest.mark.parametrize("kind", [kind for kind in FieldType if kind is not FieldType.VECTOR])
@pytest.mark.parametrize("storage", Storage)
def test_every_type_but_vectors_can_be_added(live: Live, ask: Ask, kind: FieldType, storage: Storage) -> None:
    change = AddField(Field("extra", kind, "extra" if storage is Storage.HASH else "$.extra"))
    index = live(storage=storage)
    claim = ask(change, index)
    assert claim.is_supported
    assert claim.warnings == ()
    assert plugin.fieldfare_plan_steps() == []


def test_a_vector_cannot_be_added(live: Live, ask: Ask) -> None:
    claim = ask(AddField(Field("image", FieldType.VECTOR, "image", {"algorithm": "FLAT"})), live())
    assert claim.reason == "a new vector field requires vectors for all documents"


@pytest.mark.parametrize(
    ("attrs", "warnings"),
    [
        ({"separator": "|"}, ()),
        ({"sortable": True}, ("'extra': SORTABLE keeps a copy of every value in memory",)),
        (
            {"withsuffixtrie": True, "case_sensitive": True},
            (
                "'extra': WITHSUFFIXTRIE keeps every suffix of every word in memory",
                "'extra': CASESENSITIVE: queries must match the case of each tag",
            ),
        ),
    ],
)
def test_costs_of_attributes_are_warned_about(
    live: Live, ask: Ask, attrs: Mapping[str, AttributeValue], warnings: tuple[str, ...]
) -> None:
    claim = ask(AddField(Field("extra", FieldType.TAG, "extra", attrs)), live())
    assert claim.is_supported
    assert claim.warnings == warnings


@pytest.mark.parametrize(
    ("field", "search", "reason"),
    [
        (
            Field("extra", FieldType.TAG, "extra", {"index_empty": True}),
            (2, 8, 4),
            "this server has search 2.8.4, and INDEXEMPTY needs search 2.10.0 or newer",
        ),
        (
            Field("extra", FieldType.GEO, "extra", {"index_missing": True}),
            (2, 8, 4),
            "this server has search 2.8.4, and INDEXMISSING needs search 2.10.0 or newer",
        ),
        (
            Field("extra", FieldType.GEOSHAPE, "extra"),
            (2, 6, 12),
            "this server has search 2.6.12, and GEOSHAPE needs search 2.8.0 or newer",
        ),
    ],
)
def test_what_needs_a_newer_server_is_blocked(
    live: Live, ask: Ask, field: Field, search: tuple[int, int, int], reason: str
) -> None:
    assert ask(AddField(field), live(search=search)).reason == reason
    assert ask(AddField(field), live(search=(2, 10, 0))).is_supported


def test_attributes_that_exclude_each_other(live: Live, ask: Ask) -> None:
    field = Field("extra", FieldType.TAG, "extra", {"no_index": True, "index_missing": True})
    assert ask(AddField(field), live()).reason == "NOINDEX and INDEXMISSING exclude each other"


def after(index: LiveIndex, *changes: Change) -> LiveIndex:
    """Return the index as changes will leave it."""
    for change in changes:
        index = index.after(change)
    return index


HEADLINE = AddField(Field("headline", FieldType.TEXT, "headline"))


def test_removing_and_adding_the_same_field_is_a_suspected_rename(live: Live, ask: Ask) -> None:
    claim = ask(HEADLINE, after(live(), RemoveField("title")))
    assert claim.reason == (
        "removing 'title' and adding 'headline', of the same type and with the same attributes, looks like a rename, "
        "but the documents would keep their values under the old name"
    )
    assert claim.workaround is not None
    assert "rename_fields, from 'title' to 'headline'" in claim.workaround
    assert "two migrations" in claim.workaround


def test_defaults_make_no_difference_to_a_rename(live: Live, ask: Ask) -> None:
    cost = Field("cost", FieldType.NUMERIC, "cost", {"sortable": True, "unf": True, "no_index": False})
    assert not ask(AddField(cost), after(live(), RemoveField("price"))).is_supported


@pytest.mark.parametrize(
    "field",
    [
        Field("headline", FieldType.TAG, "headline"),
        Field("headline", FieldType.TEXT, "headline", {"weight": 2.0}),
        Field("headline", FieldType.TEXT, "title"),
    ],
    ids=["other type", "other attributes", "same path"],
)
def test_removing_and_adding_something_else_is_no_rename(live: Live, ask: Ask, field: Field) -> None:
    assert ask(AddField(field), after(live(), RemoveField("title"))).is_supported


def test_adding_alone_is_no_rename(live: Live, ask: Ask) -> None:
    assert ask(HEADLINE, live()).is_supported


def test_a_removed_field_that_was_updated_first_is_still_recognised(live: Live, ask: Ask) -> None:
    index = after(live(), UpdateField("title", "weight", None, 2.0), RemoveField("title"))
    assert not ask(HEADLINE, index).is_supported
