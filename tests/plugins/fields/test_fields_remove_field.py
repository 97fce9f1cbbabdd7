"""Removing fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fieldfare.changes import Change, RemoveField
from fieldfare.definition import Field, FieldType, Storage
from fieldfare.hooks.live_index import LiveIndex
from fieldfare.plan import Claim

Live = Callable[..., LiveIndex]
Ask = Callable[[Change, LiveIndex], Claim]


@pytest.mark.parametrize("name", ["title", "price", "embedding"])
@pytest.mark.parametrize("storage", Storage)
def test_any_field_can_be_removed(live: Live, ask: Ask, name: str, storage: Storage) -> None:
    claim = ask(RemoveField(name), live(storage=storage))
    assert claim.is_supported
    assert claim.warnings == ()


@pytest.mark.parametrize(
    ("options", "start"),
    [
        ({"filter": "@price>2 && @title!='x'"}, "FILTER @price>2 && @title!='x' reads 'price'"),
        ({"filter": "exists(@price)"}, "FILTER exists(@price) reads 'price'"),
        ({"language_field": "price"}, "LANGUAGE_FIELD price reads 'price'"),
        ({"score_field": "price"}, "SCORE_FIELD price reads 'price'"),
        ({"payload_field": "price"}, "PAYLOAD_FIELD price reads 'price'"),
    ],
)
def test_options_that_read_the_field_are_named(live: Live, ask: Ask, options: dict[str, Any], start: str) -> None:
    (warning,) = ask(RemoveField("price"), live(**options)).warnings
    assert warning == f"{start}, which is no longer indexed: Redis keeps reading it from the document"


@pytest.mark.parametrize("expression", ["@price_net>2", "@title=='price'"])
def test_options_that_read_other_fields_are_not(live: Live, ask: Ask, expression: str) -> None:
    assert ask(RemoveField("price"), live(filter=expression)).warnings == ()


def test_a_field_under_another_name_leaves_the_filter_without_values(live: Live, ask: Ask) -> None:
    cost, title = Field("cost", FieldType.NUMERIC, "price"), Field("title", FieldType.TEXT, "title")
    (warning,) = ask(RemoveField("cost"), live(cost, title, filter="@cost>2")).warnings
    assert warning == (
        "FILTER @cost>2 reads 'cost', which is no longer indexed: Redis will look for 'cost' in the document, "
        "where the value is at 'price'"
    )


def test_the_last_field_stays(live: Live, ask: Ask) -> None:
    claim = ask(RemoveField("title"), live(Field("title", FieldType.TEXT, "title")))
    assert claim.reason == "'title' is the last field, and an index needs at least one"
