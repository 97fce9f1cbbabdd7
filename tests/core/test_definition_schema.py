"""Schema files: what they may hold, and what is said of those that may not."""

from __future__ import annotations

from typing import Any

import pytest

from fieldfare.definition import AttributeValue, Field, FieldType, IndexDefinition, Storage
from fieldfare.definition.schema import SchemaError, field_from_dict, field_to_dict, from_schema, to_schema

VECTOR: dict[str, AttributeValue] = {
    "dims": 384,
    "algorithm": "hnsw",
    "datatype": "float32",
    "distance_metric": "cosine",
}


def problems(mapping: object) -> dict[str, str]:
    """Return what is wrong with a schema: place → message."""
    with pytest.raises(SchemaError) as raised:
        from_schema(mapping)
    return {".".join(map(str, place)): message for place, message in raised.value.problems}


def schema(*fields: Any, **index: Any) -> dict[str, Any]:
    return {"index": {"name": "idx", "prefix": "d:", **index}, "fields": list(fields)}


def vector(**attrs: Any) -> dict[str, Any]:
    return {"name": "v", "type": "vector", "attrs": {**VECTOR, **attrs}}


def test_a_file_that_redisvl_wrote() -> None:
    written = {
        "version": "0.1.0",
        "index": {"name": "docs", "prefix": "doc:", "key_separator": ":", "storage_type": "json"},
        "fields": [
            {"name": "title", "type": "text"},
            {"name": "tags", "type": "tag", "path": "$.tags[*]", "attrs": {"separator": "|", "sortable": False}},
            {"name": "embedding", "type": "vector", "attrs": {**VECTOR, "initial_cap": None, "m": 8}},
        ],
    }
    attrs: dict[str, AttributeValue] = {**VECTOR, "algorithm": "HNSW", "m": 8}
    assert from_schema(written) == IndexDefinition(
        name="docs",
        storage=Storage.JSON,
        prefixes=("doc:",),
        fields=(
            Field("title", FieldType.TEXT, "$.title"),
            Field("tags", FieldType.TAG, "$.tags[*]", {"separator": "|"}),
            Field("embedding", FieldType.VECTOR, "$.embedding", attrs),
        ),
    )


def test_what_redisvl_assumes_of_a_vector_goes_without_saying() -> None:
    short = {"name": "v", "type": "vector", "attrs": {"dims": 384, "algorithm": "flat", "datatype": None}}
    assert from_schema(schema(short)) == from_schema(schema(vector(algorithm="flat")))
    with pytest.raises(SchemaError, match="'datatype' is missing"):
        field_from_dict(short, Storage.HASH)


def test_a_file_that_we_write() -> None:
    definition = IndexDefinition(
        name="docs",
        storage=Storage.HASH,
        prefixes=("a:", "b:"),
        fields=(
            Field("title", FieldType.TEXT, "t", {"weight": 2.0}),
            Field("v", FieldType.VECTOR, "v", {**VECTOR, "algorithm": "SVS-VAMANA"}),
        ),
        filter="@a > 1",
        score=0.5,
        stopwords=(),
        options=("NOFREQS",),
        temporary=60,
        index_all=True,
    )
    assert to_schema(definition) == {
        "index": {
            "name": "docs",
            "prefix": ["a:", "b:"],
            "storage_type": "hash",
            "stopwords": [],
            "filter": "@a > 1",
            "temporary": 60,
            "score": 0.5,
            "options": ["NOFREQS"],
            "index_all": True,
        },
        "fields": [
            {"name": "title", "type": "text", "path": "t", "attrs": {"weight": 2.0}},
            {"name": "v", "type": "vector", "attrs": {**VECTOR, "algorithm": "svs-vamana"}},
        ],
    }


def test_case_does_not_matter_where_it_means_nothing() -> None:
    attrs = {"algorithm": "Svs-Vamana", "dims": 4, "datatype": "FLOAT16", "distance_metric": "IP"}
    fields = [
        {"name": "v", "type": "VECTOR", "attrs": {**attrs, "compression": "lvq4X8"}},
        {"name": "s", "type": "GeoShape", "attrs": {"coord_system": "flat"}},
    ]
    read = from_schema(schema(*fields, storage_type="JSON", language="English", options=["nohl", "NoFreqs"]))
    assert read.fields[0].attrs == {
        **attrs,
        "algorithm": "SVS-VAMANA",
        "datatype": "float16",
        "distance_metric": "ip",
        "compression": "LVQ4x8",
    }
    assert read.fields[1].attrs == {"coord_system": "FLAT"}
    assert (read.storage, read.language, read.options) == (Storage.JSON, None, ("NOFREQS", "NOHL"))


def test_values_at_their_default_are_left_out() -> None:
    hashed = {"name": "t", "type": "tag", "attrs": {"separator": ",", "case_sensitive": False}}
    assert field_from_dict(hashed, Storage.HASH).attrs == {}
    # documents in JSON have no separator by default
    assert field_from_dict(hashed, Storage.JSON).attrs == {"separator": ","}


def test_every_problem_is_reported_at_once() -> None:
    assert problems(
        schema(
            {"name": "title", "type": "text", "attrs": {"sortble": True, "weight": "heavy", "separator": "|"}},
            {"name": "title", "type": "tag", "attrs": {"separator": "ab", "sortable": "yes"}},
            {"type": "txt"},
            {"name": 7, "type": "geo", "pth": "$.x"},
            "price",
            {"name": "v", "type": "vector", "attrs": {"algorithm": "FLAT", "dims": 0, "m": 16}},
            nmae="x",
            storage_type="jsn",
            score=2,
            temporary=0,
            options=["NOHIGHLIGHT"],
            stopwords=["the", 1],
            prefix=[],
        )
    ) == {
        "index.nmae": "unknown key; did you mean 'name'?",
        "index.storage_type": "must be one of hash, json, not 'jsn'; did you mean 'json'?",
        "index.prefix": 'must name at least one prefix; "" covers every key',
        "index.stopwords": "must be text, not 1",
        "index.score": "must be between 0 and 1, not 2.0",
        "index.options": "must be one of MAXTEXTFIELDS, NOFIELDS, NOFREQS, NOHL, NOOFFSETS, not 'NOHIGHLIGHT'",
        "index.temporary": "must be at least 1 second, not 0",
        "fields.0.attrs.sortble": "unknown key; did you mean 'sortable'?",
        "fields.0.attrs.separator": (
            "unknown key; known are weight, no_stem, phonetic_matcher, withsuffixtrie, index_empty, index_missing, "
            "sortable, unf, no_index"
        ),
        "fields.0.attrs.weight": "must be a number, not 'heavy'",
        "fields.1.attrs.separator": "must be a single one-byte character, not 'ab'",
        "fields.1.attrs.sortable": "must be true or false, not 'yes'",
        "fields.1.name": "there is another field named 'title'",
        "fields.2": "the key 'name' is missing",
        "fields.2.type": ("must be one of text, tag, numeric, geo, geoshape, vector, not 'txt'; did you mean 'text'?"),
        "fields.3.name": "must be text, not 7",
        "fields.3.pth": "unknown key; did you mean 'path'?",
        "fields.4": "must be a mapping of keys to values, not 'price'",
        "fields.5.attrs.dims": "must be at least 1, not 0",
        "fields.5.attrs.m": "FLAT has no such attribute; HNSW has",
    }


@pytest.mark.parametrize(
    ("mapping", "found"),
    [
        ({"index": {"name": "i", "prefix": ""}}, {"": "the key 'fields' is missing"}),
        ({"index": {"name": "i"}, "fields": []}, {"index": "the key 'prefix' is missing"}),
        (
            {"index": {"name": "i", "prefix": ""}, "fields": {}},
            {"fields": "must be a list, not a mapping of keys to values"},
        ),
        (schema(name="a\0b"), {"index.name": "must not hold a NUL character: the server cuts text off there"}),
        (schema(vector(epsilon=float("nan"))), {"fields.0.attrs.epsilon": "must be a finite number, not nan"}),
        (schema(vector(epsilon=-0.5)), {"fields.0.attrs.epsilon": "must be at least 0, not -0.5"}),
        (schema(vector(m=True)), {"fields.0.attrs.m": "must be a whole number, not True"}),
        (schema(vector(m=16.0)), {"fields.0.attrs.m": "must be a whole number, not 16.0"}),
        (
            schema(vector(distance_metric="cosin")),
            {"fields.0.attrs.distance_metric": "must be one of cosine, l2, ip, not 'cosin'; did you mean 'cosine'?"},
        ),
        ([], {"": "must be a mapping of keys to values, not []"}),
    ],
)
def test_problems_say_where_and_what(mapping: object, found: dict[str, str]) -> None:
    assert found.items() <= problems(mapping).items()


def test_a_field_says_its_problems_relative_to_itself() -> None:
    with pytest.raises(SchemaError) as raised:
        field_from_dict({"name": "t", "type": "text", "attrs": {"weight": []}}, Storage.HASH)
    assert raised.value.problems == ((("attrs", "weight"), "must be a number, not a list"),)


@pytest.mark.parametrize(
    ("path", "storage", "written"),
    [
        ("t", Storage.HASH, None),
        ("$.t", Storage.HASH, "$.t"),
        ("$.t", Storage.JSON, None),
        ("t", Storage.JSON, "t"),
        ("t", None, "t"),
    ],
)
def test_a_path_is_left_out_where_it_goes_without_saying(
    path: str, storage: Storage | None, written: str | None
) -> None:
    assert field_to_dict(Field("t", FieldType.TEXT, path), storage).get("path") == written
