"""Differences between definitions: what counts, what does not, and how it is said."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from fieldfare.definition import AttributeValue, Field, FieldType, IndexDefinition, Storage
from fieldfare.definition.mismatches import find_mismatches

PLAIN = IndexDefinition(
    name="idx",
    storage=Storage.HASH,
    prefixes=("d:",),
    fields=(
        Field("title", FieldType.TEXT, "title"),
        Field("tags", FieldType.TAG, "tags"),
        Field("year", FieldType.NUMERIC, "year"),
        Field(
            "v",
            FieldType.VECTOR,
            "v",
            {"algorithm": "HNSW", "dims": 4, "datatype": "float32", "distance_metric": "cosine"},
        ),
        Field(
            "s",
            FieldType.VECTOR,
            "s",
            {"algorithm": "SVS-VAMANA", "dims": 8, "datatype": "float32", "distance_metric": "l2"},
        ),
    ),
)


def having(name: str, base: IndexDefinition = PLAIN, /, **attrs: AttributeValue) -> IndexDefinition:
    """Return the index with attributes of one field added."""
    field = base.find(name)
    assert field is not None
    return base.with_field(name, evolve(field, attrs={**field.attrs, **attrs}))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (PLAIN, evolve(PLAIN, language="English")),
        (evolve(PLAIN, stopwords=("The", "a")), evolve(PLAIN, stopwords=("a", "the", "a"))),
        (evolve(PLAIN, options=("NOOFFSETS",)), evolve(PLAIN, options=("nohl", "NOOFFSETS"))),
        (having("year", sortable=True), having("year", sortable=True, unf=True)),
        (
            having("tags", sortable=True, case_sensitive=True),
            having("tags", sortable=True, unf=True, case_sensitive=True),
        ),
        (PLAIN, having("title", weight=1, unf=True, no_stem=False)),
        (PLAIN, having("tags", separator=",")),
        (PLAIN, having("v", algorithm="hnsw", datatype="FLOAT32", distance_metric="COSINE")),
        (PLAIN, having("v", m=16, ef_construction=200)),
        (PLAIN, having("v", ef_runtime=33, epsilon=0.2, initial_cap=7)),
        (PLAIN, having("title", phonetic_matcher="dm:en")),
        (PLAIN, evolve(PLAIN, temporary=60)),
        (PLAIN, having("s", graph_max_degree=32, construction_window_size=200, search_window_size=20)),
        (PLAIN, having("s", compression="NO_COMPRESSION", training_threshold=4096)),
        (having("s", compression="LVQ8"), having("s", compression="GlobalSQ8", training_threshold=10240)),
        (having("s", compression="LeanVec4x8", reduce=2), having("s", compression="GlobalSQ8")),
        (having("s", compression="LeanVec4x8"), having("s", compression="leanvec4x8", reduce=4)),
    ],
)
def test_what_servers_make_of_a_definition_is_no_difference(one: IndexDefinition, other: IndexDefinition) -> None:
    assert find_mismatches(one, other) == ()
    assert find_mismatches(other, one) == ()


@pytest.mark.parametrize(
    ("actual", "line"),
    [
        (evolve(PLAIN, name="other"), "name: expected 'idx', found 'other'"),
        (evolve(PLAIN, prefixes=("d:", "e:")), "prefixes: expected 'd:', found 'd:', 'e:'"),
        (evolve(PLAIN, filter="@a>1"), "filter: expected none, found '@a>1'"),
        (evolve(PLAIN, language="german"), "language: expected none, found 'german'"),
        (evolve(PLAIN, score=0.5), "score: expected 1.0, found 0.5"),
        (evolve(PLAIN, stopwords=()), "stopwords: expected none, found none at all"),
        (evolve(PLAIN, options=("NOFREQS",)), "options: expected none at all, found 'NOFREQS'"),
        (evolve(PLAIN, index_all=True), "index all: expected False, found True"),
        (having("title", weight=2.0), "field 'title': weight: expected 1.0, found 2.0"),
        (having("title", sortable=True), "field 'title': sortable: expected False, found True"),
        (having("title", sortable=True, unf=True), "field 'title': unf: expected False, found True"),
        (having("tags", separator="|"), "field 'tags': separator: expected ',', found '|'"),
        (having("v", datatype="float16"), "field 'v': datatype: expected 'float32', found 'float16'"),
        (having("v", m=8), "field 'v': m: expected 16, found 8"),
        (having("v", index_missing=True), "field 'v': index_missing: expected none, found True"),
        (having("s", compression="LVQ8"), "field 's': compression: expected none, found 'LVQ8'"),
        (PLAIN.with_field("tags", None), "field 'tags': missing"),
        (evolve(PLAIN, fields=(*PLAIN.fields, Field("x", FieldType.GEO, "x"))), "field 'x': not expected"),
        (
            PLAIN.with_field("year", Field("year", FieldType.TAG, "year")),
            "field 'year': type: expected 'numeric', found 'tag'",
        ),
        (
            PLAIN.with_field("year", Field("year", FieldType.NUMERIC, "y")),
            "field 'year': path: expected 'year', found 'y'",
        ),
        (
            evolve(PLAIN, fields=(PLAIN.fields[1], PLAIN.fields[0], *PLAIN.fields[2:])),
            "order of fields: expected 'title', 'tags', 'year', 'v', 's', found 'tags', 'title', 'year', 'v', 's'",
        ),
    ],
)
def test_each_difference_is_said_in_a_line(actual: IndexDefinition, line: str) -> None:
    assert line in find_mismatches(PLAIN, actual)


@pytest.mark.parametrize(
    ("name", "attrs"),
    [
        ("v", {"ef_runtime": 20}),
        ("v", {"epsilon": 0.5}),
        ("s", {"search_window_size": 40}),
    ],
)
def test_what_a_server_may_not_tell_counts_where_both_sides_have_it(name: str, attrs: dict[str, Any]) -> None:
    base = having("s", having("v", PLAIN, ef_runtime=10, epsilon=0.1), search_window_size=10)
    assert len(find_mismatches(base, having(name, base, **attrs))) == 1


def test_all_phonetic_matchers_find_the_same_words() -> None:
    english, french = (having("title", phonetic_matcher=matcher) for matcher in ("dm:en", "dm:fr"))
    assert find_mismatches(english, french) == ()


def test_temporary_indexes_differ_in_seconds() -> None:
    lines = find_mismatches(evolve(PLAIN, temporary=60), evolve(PLAIN, temporary=90))
    assert lines == ("temporary: expected 60, found 90",)


def test_json_sorts_unnormalized_and_has_no_separator() -> None:
    tags = Field("tags", FieldType.TAG, "$.tags", {"sortable": True})
    index = IndexDefinition("idx", Storage.JSON, ("d:",), (tags,))
    assert find_mismatches(index, having("tags", index, unf=True)) == ()
    lines = find_mismatches(index, having("tags", index, separator=","))
    assert lines == ("field 'tags': separator: expected '', found ','",)


def test_many_text_fields_have_wide_schemas() -> None:
    fields = tuple(Field(f"t{number}", FieldType.TEXT, f"t{number}") for number in range(33))
    index = evolve(PLAIN, fields=fields)
    assert find_mismatches(index, evolve(index, options=("MAXTEXTFIELDS",))) == ()
    narrow = evolve(index, fields=fields[:32])
    assert len(find_mismatches(narrow, evolve(narrow, options=("MAXTEXTFIELDS",)))) == 1


def test_an_order_that_cannot_be_created_is_not_asked_for() -> None:
    title, weight = Field("title", FieldType.TEXT, "title"), Field("weight", FieldType.NUMERIC, "weight")
    assert find_mismatches(evolve(PLAIN, fields=(title, weight)), evolve(PLAIN, fields=(weight, title))) == ()
