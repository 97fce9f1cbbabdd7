"""Updating attributes of fields."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fieldfare.changes import Change, RemoveField, UpdateField
from fieldfare.definition import ATTRIBUTES, Algorithm, AttributeValue, Field, FieldType
from fieldfare.hooks.live_index import LiveIndex
from fieldfare.plan import Claim
from fieldfare_fields import plugin

Live = Callable[..., LiveIndex]
Ask = Callable[[Change, LiveIndex], Claim]

VALUES: dict[str, AttributeValue] = {
    "coord_system": "FLAT",
    "phonetic_matcher": "dm:en",
    "separator": ";",
    "algorithm": "HNSW",
    "distance_metric": "l2",
    "compression": "LVQ8",
}
CASES = [
    (kind, attribute.key, VALUES.get(attribute.key, True if attribute.default is False else 5))
    for attribute in ATTRIBUTES
    for kind in sorted(attribute.types)
    if attribute.key not in {"datatype", "dims"}
]


@pytest.mark.parametrize(("kind", "key", "value"), CASES)
def test_every_attribute_can_be_set_and_removed(
    live: Live, ask: Ask, kind: FieldType, key: str, value: AttributeValue
) -> None:
    takers = next(each.algorithms for each in ATTRIBUTES if each.key == key) or {Algorithm.FLAT}
    attrs = {"algorithm": min(takers), "datatype": "float32"} if kind is FieldType.VECTOR else {}
    index = live(Field("it", kind, "it", attrs))
    change = UpdateField("it", key, None, value)
    assert ask(change, index).is_supported
    if key != "algorithm":
        assert ask(UpdateField("it", key, value, None), index.after(change)).is_supported


@pytest.mark.parametrize(
    ("change", "warnings"),
    [
        (
            UpdateField("title", "sortable", None, new=True),
            ("'title': SORTABLE keeps a copy of every value in memory",),
        ),
        (
            UpdateField("price", "sortable", old=True, new=None),
            ("'price': without SORTABLE, sorting reads every document and is slow",),
        ),
        (
            UpdateField("price", "sortable", old=True, new=False),
            ("'price': without SORTABLE, sorting reads every document and is slow",),
        ),
        (
            UpdateField("title", "phonetic_matcher", "dm:en", None),
            ("'title': without PHONETIC, words that only sound alike are no longer found",),
        ),
        (UpdateField("title", "weight", 1.0, 2.0), ("'title': scores of text queries change",)),
        (
            UpdateField("embedding", "distance_metric", "cosine", "l2"),
            ("'embedding': scores change: range queries need new thresholds",),
        ),
        (
            UpdateField("embedding", "m", 20, 32),
            ("'embedding': the graph is rebuilt: recall, speed and memory change",),
        ),
        (UpdateField("embedding", "ef_runtime", None, 50), ()),
    ],
    ids=str,
)
def test_warnings_of_an_update(live: Live, ask: Ask, change: UpdateField, warnings: tuple[str, ...]) -> None:
    claim = ask(change, live())
    assert claim.is_supported
    assert claim.warnings == warnings


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (UpdateField("embedding", "m", 20, 32768), "M can be 32767 at most, not 32768"),
    ],
    ids=str,
)
def test_invalid_values_are_blocked(live: Live, ask: Ask, change: UpdateField, reason: str) -> None:
    assert ask(change, live()).reason == reason


def test_attributes_that_exclude_each_other(live: Live, ask: Ask) -> None:
    index = live(Field("title", FieldType.TEXT, "title", {"no_index": True}))
    claim = ask(UpdateField("title", "index_missing", None, new=True), index)
    assert claim.reason == "NOINDEX and INDEXMISSING exclude each other"


def test_what_needs_a_newer_server_is_blocked(live: Live, ask: Ask) -> None:
    claim = ask(UpdateField("title", "index_empty", None, new=True), live(search=(2, 8, 4)))
    assert claim.reason == "this server has search 2.8.4, and INDEXEMPTY needs search 2.10.0 or newer"


@pytest.mark.parametrize(
    "change",
    [
        UpdateField("embedding", "datatype", "float32", "float16"),
        UpdateField("embedding", "dims", 4, 8),
        UpdateField("embedding", "dims", 4, 2),
        UpdateField("nothing", "weight", None, 2.0),
        RemoveField("nothing"),
    ],
    ids=str,
)
def test_changes_that_are_not_claimed(live: Live, change: Change) -> None:
    assert plugin.fieldfare_classify(change, live()) is None
