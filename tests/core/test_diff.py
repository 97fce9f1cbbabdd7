"""From a patch, or a target schema, to changes: what is asked for and no more, in an order that works."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldfare.changes import (
    AddField,
    Change,
    ChangeFieldPath,
    ChangeFieldType,
    ChangePrefix,
    ChangeStorage,
    CustomChange,
    RemoveField,
    RenameField,
    RenameIndex,
    UpdateField,
    UpdateOption,
    apply_changes,
)
from fieldfare.changes.diff import changes_from_patch, changes_from_schema
from fieldfare.definition import AttributeValue, Field, FieldType, Form, IndexDefinition, Storage, attributes_of
from fieldfare.definition.canonical import canonical
from fieldfare.definition.mismatches import find_mismatches
from fieldfare.definition.schema import from_schema, to_schema
from fieldfare.errors import DiffError
from fieldfare.patch import patch_from_dict

HNSW: dict[str, AttributeValue] = {
    "algorithm": "HNSW",
    "dims": 8,
    "datatype": "float32",
    "distance_metric": "cosine",
    "m": 16,
}
FLAT: dict[str, AttributeValue] = {
    "algorithm": "FLAT",
    "dims": 8,
    "datatype": "float32",
    "distance_metric": "cosine",
    "block_size": 512,
}

ARTICLES = canonical(
    IndexDefinition(
        name="articles",
        storage=Storage.HASH,
        prefixes=("doc:",),
        fields=(
            Field("title", FieldType.TEXT, "title"),
            Field("tags", FieldType.TAG, "tags", {"separator": "|", "sortable": True}),
            Field("year", FieldType.NUMERIC, "year", {"sortable": True}),
            Field("embedding", FieldType.VECTOR, "embedding", HNSW),
            Field("exact", FieldType.VECTOR, "exact", FLAT),
        ),
        filter="@year>2000",
        score=0.5,
    )
)
TWO_PREFIXES = evolve(ARTICLES, prefixes=("doc:", "art:"))


def changes(definition: IndexDefinition = ARTICLES, **sections: Any) -> list[Change]:
    return list(changes_from_patch(definition, patch_from_dict({"version": 1, "changes": sections})))


def problems(definition: IndexDefinition = ARTICLES, **sections: Any) -> tuple[str, ...]:
    with pytest.raises(DiffError) as caught:
        changes(definition, **sections)
    assert caught.value.exit_code == 2
    assert caught.value.index == definition.name
    return caught.value.problems


def updated(name: str, **attrs: Any) -> list[Change]:
    return changes(update_fields=[{"name": name, "attrs": attrs}])


def test_changes_come_in_the_order_in_which_they_take_effect() -> None:
    assert changes(
        index={"name": "news", "prefix": "news:", "filter": None},
        rename_fields=[{"old_name": "title", "new_name": "headline"}],
        add_fields=[{"name": "place", "type": "geo"}],
        remove_fields=["year"],
        update_fields=[{"name": "embedding", "attrs": {"datatype": "float16"}}],
        custom=[{"kind": "acme.redact", "field": "title"}],
    ) == [
        CustomChange("acme.redact", {"field": "title"}),
        UpdateField("embedding", "datatype", "float32", "float16"),
        RemoveField("year"),
        AddField(Field("place", FieldType.GEO, "place")),
        UpdateOption("filter", "@year>2000", None),
        RenameField("title", "headline"),
        ChangePrefix("doc:", "news:"),
        RenameIndex("articles", "news"),
    ]


@pytest.mark.parametrize(
    "sections",
    [
        {},
        {"index": {"name": "articles", "prefix": "doc:", "score": 0.5, "language": "English", "storage_type": "HASH"}},
        {"index": {"prefixes": {"doc:": "doc:"}, "stopwords": None, "options": [], "index_all": False}},
        {
            "update_fields": [
                {"name": "title", "attrs": {"weight": 1, "no_stem": False}, "type": "TEXT", "path": "title"}
            ]
        },
        {"update_fields": [{"name": "title", "attrs": {"weight": None, "phonetic_matcher": None}}]},
        {"update_fields": [{"name": "embedding", "attrs": {"algorithm": "hnsw", "datatype": "FLOAT32", "m": 16}}]},
        {
            "update_fields": [
                {"name": "embedding", "attrs": {"ef_construction": 200, "ef_runtime": 10, "epsilon": 0.01}}
            ]
        },
        {"rename_fields": [{"old_name": "title", "new_name": "title"}]},
    ],
)
def test_what_is_there_already_is_no_change(sections: dict[str, Any]) -> None:
    assert changes(**sections) == []


def test_an_attribute_is_set_and_taken_away() -> None:
    assert updated("title", sortable=True, weight=2) == [
        UpdateField("title", "weight", None, 2.0),
        UpdateField("title", "sortable", old=None, new=True),
    ]
    assert updated("tags", sortable=False, separator=None) == [
        UpdateField("tags", "separator", "|", None),
        UpdateField("tags", "sortable", old=True, new=None),
    ]


def test_vectors_are_cut_before_they_get_another_datatype() -> None:
    assert updated("exact", datatype="float16", dims=2, algorithm="hnsw")[:3] == [
        UpdateField("exact", "algorithm", "FLAT", "HNSW"),
        UpdateField("exact", "dims", FLAT["dims"], 2),
        UpdateField("exact", "datatype", "float32", "float16"),
    ]


def test_the_algorithm_comes_first_and_takes_its_own_attributes_along() -> None:
    assert updated("exact", m=32, distance_metric="L2", algorithm="hnsw") == [
        UpdateField("exact", "algorithm", "FLAT", "HNSW"),
        UpdateField("exact", "distance_metric", "cosine", "l2"),
        UpdateField("exact", "m", 16, 32),
    ]


def test_a_field_may_be_named_as_it_will_be_called() -> None:
    rename = [{"old_name": "embedding", "new_name": "vector"}]

    for name in ("embedding", "vector"):
        assert changes(rename_fields=rename, update_fields=[{"name": name, "attrs": {"m": 8}}]) == [
            UpdateField("embedding", "m", 16, 8),
            RenameField("embedding", "vector"),
        ]


def test_a_field_updated_in_two_places_gets_both() -> None:
    twice = [{"name": "embedding", "attrs": {"m": 8}}, {"name": "embedding", "options": {"datatype": "float16"}}]

    assert changes(update_fields=twice) == [
        UpdateField("embedding", "datatype", "float32", "float16"),
        UpdateField("embedding", "m", 16, 8),
    ]


def test_type_path_and_storage_are_changes_for_somebody_to_block() -> None:
    assert changes(
        update_fields=[
            {"name": "title", "type": "tag", "attrs": {"separator": ";"}},
            {"name": "tags", "path": "labels"},
        ],
        index={"storage_type": "json"},
    ) == [
        ChangeFieldType("title", "text", "tag"),
        ChangeFieldPath("tags", "tags", "labels"),
        ChangeStorage("hash", "json"),
    ]


def test_a_new_field_lives_where_the_index_keeps_such_fields() -> None:
    new = [{"name": "place", "type": "GEO"}]

    assert changes(add_fields=new) == [AddField(Field("place", FieldType.GEO, "place"))]
    assert changes(evolve(ARTICLES, storage=Storage.JSON), add_fields=new) == [
        AddField(Field("place", FieldType.GEO, "$.place"))
    ]


def test_a_removed_name_can_be_used_again() -> None:
    assert changes(remove_fields=["year"], add_fields=[{"name": "year", "type": "tag"}]) == [
        RemoveField("year"),
        AddField(Field("year", FieldType.TAG, "year")),
    ]


def test_fields_and_prefixes_are_renamed_when_their_new_names_are_free() -> None:
    rename = [{"old_name": "title", "new_name": "tags"}, {"old_name": "tags", "new_name": "labels"}]

    assert changes(rename_fields=rename) == [RenameField("tags", "labels"), RenameField("title", "tags")]
    assert changes(TWO_PREFIXES, index={"prefixes": {"doc:": "art:", "art:": "old:"}}) == [
        ChangePrefix("art:", "old:"),
        ChangePrefix("doc:", "art:"),
    ]


def test_options_of_the_index_change_one_by_one() -> None:
    assert changes(
        index={"stopwords": ["the", "A"], "score": None, "options": ["nofreqs"], "temporary": 60, "language": "german"}
    ) == [
        UpdateOption("language", None, "german"),
        UpdateOption("score", 0.5, 1.0),
        UpdateOption("stopwords", None, ("a", "the")),
        UpdateOption("options", (), ("NOFREQS",)),
        UpdateOption("temporary", None, 60),
    ]


@pytest.mark.parametrize(
    ("sections", "problem"),
    [
        ({"remove_fields": ["titel"]}, "Field 'titel' not found; did you mean 'title'? Fields: title, tags, year,"),
        ({"update_fields": [{"name": "price", "attrs": {}}]}, "Field 'price' not found. Fields: title"),
        ({"rename_fields": [{"old_name": "x", "new_name": "y"}]}, "Field 'x' not found"),
        ({"add_fields": [{"name": "year", "type": "tag"}]}, "Field 'year' exists already"),
        ({"add_fields": [{"name": "a", "type": "tag"}, {"name": "a", "type": "text"}]}, "Field 'a' is added twice"),
        (
            {"add_fields": [{"name": "a", "type": "tag", "path": "$.a"}]},
            "path '$.a' is for JSON documents; this index covers",
        ),
        (
            {"add_fields": [{"name": "a", "type": "tag"}], "update_fields": [{"name": "a", "attrs": {"unf": True}}]},
            "Field 'a' not found; this patch adds it",
        ),
        ({"update_fields": [{"name": "title", "attrs": {"separator": ","}}]}, "Field 'title': separator: unknown key"),
        ({"update_fields": [{"name": "title", "attrs": {"m": 4}}]}, "Field 'title': m: unknown key"),
        (
            {"update_fields": [{"name": "exact", "attrs": {"m": 4}}]},
            "Field 'exact': m: FLAT has no such attribute; HNSW",
        ),
        (
            {"update_fields": [{"name": "embedding", "attrs": {"algorithm": "FLAT", "ef_runtime": 4}}]},
            "Field 'embedding': ef_runtime: FLAT has no such attribute",
        ),
        ({"update_fields": [{"name": "exact", "attrs": {"datatype": None}}]}, "the key 'datatype' is missing"),
        (
            {"remove_fields": ["title"], "update_fields": [{"name": "title", "attrs": {"weight": 2}}]},
            "Field 'title' is both removed and updated",
        ),
        (
            {"update_fields": [{"name": "title", "attrs": {"weight": 2}}, {"name": "title", "attrs": {"weight": 3}}]},
            "Field 'title': weight is updated twice",
        ),
        (
            {"remove_fields": ["title"], "rename_fields": [{"old_name": "title", "new_name": "a"}]},
            "Field 'title' is both removed and renamed",
        ),
        (
            {"rename_fields": [{"old_name": "title", "new_name": "a"}, {"old_name": "title", "new_name": "b"}]},
            "Field 'title' is renamed twice",
        ),
        (
            {"rename_fields": [{"old_name": "title", "new_name": "a"}, {"old_name": "tags", "new_name": "a"}]},
            "Two are renamed to 'a'",
        ),
        (
            {"rename_fields": [{"old_name": "title", "new_name": "tags"}]},
            "cannot be renamed to 'tags': it exists already",
        ),
        ({"rename_fields": [{"old_name": "title", "new_name": ""}]}, "Field 'title' cannot be renamed to nothing"),
        (
            {"rename_fields": [{"old_name": "title", "new_name": "tags"}, {"old_name": "tags", "new_name": "title"}]},
            "Renames form a cycle",
        ),
        (
            {"rename_fields": [{"old_name": "title", "new_name": "a"}], "add_fields": [{"name": "a", "type": "tag"}]},
            "Field 'title' cannot be renamed to 'a': a field of this name is added",
        ),
        (
            {
                "rename_fields": [{"old_name": "title", "new_name": "a"}],
                "add_fields": [{"name": "title", "type": "tag"}],
            },
            "Field 'title' is both renamed and added",
        ),
        ({"index": {"prefixes": {"docs:": "x:"}}}, "Prefix 'docs:' not found; did you mean 'doc:'?"),
    ],
)
def test_what_does_not_fit_is_said(sections: dict[str, Any], problem: str) -> None:
    found = problems(**sections)

    assert len(found) == 1, found
    assert problem in found[0]


def test_a_manner_without_its_change_is_a_mistake() -> None:
    rename = [{"old_name": "embedding", "new_name": "vector"}]
    update = {"truncation": {"renormalize": False}, "attrs": {"m": 8}}
    said = "truncation says how its vectors are cut, and its dims stay. Give it fewer dims in the same patch, or take "
    for name in ("embedding", "vector"):
        found = problems(ARTICLES, rename_fields=rename, update_fields=[{"name": name, **update}])
        assert found == (f"Field {name!r}: {said}truncation out",)
    assert changes(update_fields=[{"name": "embedding", **update}, {"name": "embedding", "attrs": {"dims": 2}}])


def test_all_that_does_not_fit_is_said_at_once() -> None:
    found = problems(
        TWO_PREFIXES,
        add_fields=[{"name": "year", "type": "tag"}],
        remove_fields=["x"],
        update_fields=[{"name": "y", "attrs": {}}],
        rename_fields=[{"old_name": "z", "new_name": "title"}],
        index={"prefix": "new:"},
    )

    assert [problem.split("'")[1] for problem in found[:-1]] == ["y", "x", "year", "z", "z"]
    assert "several prefixes ('doc:', 'art:')" in found[-1]


def test_one_prefix_cannot_become_another_that_is_there() -> None:
    assert problems(TWO_PREFIXES, index={"prefixes": {"doc:": "art:"}}) == (
        "Prefix 'doc:' cannot be renamed to 'art:': it exists already",
    )


def test_a_patch_made_in_python_is_checked_too() -> None:
    patch = patch_from_dict({"changes": {"update_fields": [{"name": "exact", "attrs": {}}]}})
    wrong = evolve(patch, update_fields=(evolve(patch.update_fields[0], attrs={"algorithm": 5, "dims": "x"}),))

    with pytest.raises(DiffError) as caught:
        changes_from_patch(ARTICLES, wrong)
    assert len(caught.value.problems) == 2


def test_an_index_of_many_fields_is_not_listed_to_the_end() -> None:
    wide = evolve(ARTICLES, fields=tuple(Field(f"f{number}", FieldType.GEO, f"f{number}") for number in range(100)))

    assert problems(wide, remove_fields=["price"])[0].endswith("f19 and 80 more")


def test_a_schema_of_the_same_index_asks_for_nothing() -> None:
    assert changes_from_schema(ARTICLES, from_schema(to_schema(ARTICLES))) == ()


def test_a_schema_as_redisvl_writes_it_is_compared_by_meaning() -> None:
    schema = {
        "index": {"name": "articles", "prefix": "doc:", "storage_type": "hash", "key_separator": ":"},
        "fields": [
            {"name": "title", "type": "text", "attrs": {"weight": 1.0, "no_stem": False}},
            {"name": "tags", "type": "tag", "attrs": {"separator": "|", "sortable": True}},
            {"name": "year", "type": "numeric", "attrs": {"sortable": True, "unf": True}},
            {
                "name": "embedding",
                "type": "vector",
                "attrs": {"algorithm": "hnsw", "dims": 8, "datatype": "FLOAT32", "distance_metric": "COSINE"},
            },
            {"name": "exact", "type": "vector", "attrs": {**FLAT, "algorithm": "flat"}},
        ],
    }

    assert changes_from_schema(evolve(ARTICLES, filter=None, score=1.0), from_schema(schema)) == ()


def test_a_schema_of_another_kind_of_index_is_one_change_of_storage() -> None:
    json = from_schema({**to_schema(ARTICLES), "index": {**to_schema(ARTICLES)["index"], "storage_type": "json"}})

    assert ChangeStorage("hash", "json") in changes_from_schema(ARTICLES, json)
    assert not any(isinstance(change, ChangeFieldPath) for change in changes_from_schema(ARTICLES, json))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (("a:",), ("b:",), [ChangePrefix("a:", "b:")]),
        (("a:", "b:"), ("b:", "c:"), [ChangePrefix("a:", "c:")]),
        (("a:", "b:", "c:"), ("x:", "b:", "z:"), [ChangePrefix("a:", "x:"), ChangePrefix("c:", "z:")]),
        (("a:", "b:"), ("b:", "a:"), []),
        (("a:",), ("a:", "b:"), [UpdateOption("prefixes", ("a:",), ("a:", "b:"))]),
        (("a:", "b:"), ("b:",), [UpdateOption("prefixes", ("a:", "b:"), ("b:",))]),
        (("a:", "b:", "c:"), ("c:", "x:", "y:"), [UpdateOption("prefixes", ("a:", "b:", "c:"), ("c:", "x:", "y:"))]),
    ],
)
def test_keys_move_only_where_a_prefix_plainly_took_the_place_of_another(
    before: tuple[str, ...], after: tuple[str, ...], expected: list[Change]
) -> None:
    assert list(changes_from_schema(evolve(ARTICLES, prefixes=before), evolve(ARTICLES, prefixes=after))) == expected


def test_what_a_server_reports_for_every_compression_is_no_difference() -> None:
    svs: dict[str, AttributeValue] = {
        "algorithm": "SVS-VAMANA",
        "dims": 8,
        "datatype": "float32",
        "distance_metric": "l2",
    }
    reported = Field("v", FieldType.VECTOR, "v", {**svs, "compression": "GlobalSQ8"})
    wanted = Field("v", FieldType.VECTOR, "v", {**svs, "compression": "LeanVec4x8"})

    assert changes_from_schema(evolve(ARTICLES, fields=(reported,)), evolve(ARTICLES, fields=(wanted,))) == ()


# A field's type follows from its name, so that no two definitions disagree on it: such changes are blocked.
TYPES = dict(zip("tgnops", FieldType, strict=True))
names = st.sampled_from([f"{kind}{number}" for kind in TYPES for number in range(2)])
VALUES: dict[Form, st.SearchStrategy[AttributeValue]] = {
    Form.FLAG: st.booleans(),
    Form.TEXT: st.sampled_from(",|; \udcff"),
    Form.INTEGER: st.integers(2, 2000),
    Form.NUMBER: st.sampled_from([0.01, 1.0, 2.5]),
}


@st.composite
def fields(draw: st.DrawFn, name: str) -> Field:
    kind = TYPES[name[0]]
    attrs: dict[str, AttributeValue] = {}
    algorithm = draw(st.sampled_from(["FLAT", "HNSW", "SVS-VAMANA"])) if kind is FieldType.VECTOR else None
    for attribute in attributes_of(kind, algorithm):
        required = attribute.key in {"dims", "datatype", "distance_metric"}
        if attribute.key == "algorithm":
            attrs["algorithm"] = str(algorithm)
        elif required or draw(st.booleans()):
            choices: st.SearchStrategy[AttributeValue] = st.sampled_from(attribute.choices)
            attrs[attribute.key] = draw(choices if attribute.choices else VALUES[attribute.form])
    return Field(name, kind, name, attrs)


@st.composite
def definitions(draw: st.DrawFn) -> IndexDefinition:
    return IndexDefinition(
        name=draw(st.sampled_from(["a", "b"])),
        storage=Storage.HASH,
        prefixes=tuple(draw(st.lists(st.sampled_from(["", "a:", "b:", "c:"]), min_size=1, unique=True))),
        fields=tuple(draw(fields(name)) for name in draw(st.lists(names, unique=True, max_size=6))),
        filter=draw(st.none() | st.sampled_from(["@x>1", "@y=='z'"])),
        language=draw(st.none() | st.sampled_from(["english", "German"])),
        score=draw(st.sampled_from([1.0, 0.5, 0.0])),
        score_field=draw(st.none() | names),
        stopwords=draw(st.none() | st.lists(st.sampled_from(["the", "THE", "a"]), unique=True).map(tuple)),
        options=tuple(draw(st.lists(st.sampled_from(["NOOFFSETS", "NOHL", "NOFREQS"]), unique=True))),
        temporary=draw(st.none() | st.integers(1, 9)),
        index_all=draw(st.booleans()),
    )


def unreported(definition: IndexDefinition) -> dict[tuple[str, str], AttributeValue | None]:
    """What FT.INFO does not say of fields, and ``differences`` leaves out if only one side has it."""
    return {
        (field.name, attribute.key): field.attrs.get(attribute.key, attribute.default)
        for field in definition.fields
        for attribute in attributes_of(field.type, str(field.attrs.get("algorithm", "")) or None)
        if attribute.info is None
    }


@settings(max_examples=150)
@given(definitions(), definitions())
def test_the_changes_between_two_definitions_turn_one_into_the_other(
    source: IndexDefinition, target: IndexDefinition
) -> None:
    source = canonical(source)  # as a server tells it
    result = apply_changes(source, changes_from_schema(source, target))

    def placed(field: Field) -> int:
        return [each.name for each in result.fields].index(field.name)

    in_order = evolve(
        target,
        fields=tuple(sorted(target.fields, key=placed)),
        prefixes=tuple(sorted(target.prefixes)),
    )
    assert find_mismatches(in_order, evolve(result, prefixes=tuple(sorted(result.prefixes)))) == ()
    assert unreported(canonical(result)) == unreported(canonical(target))
    assert result.temporary == target.temporary
    assert changes_from_schema(result, target) == (), "and then there is nothing left to do"


@settings(max_examples=100)
@given(definitions(), definitions())
def test_a_patch_of_attributes_does_what_a_schema_does(source: IndexDefinition, target: IndexDefinition) -> None:
    target = evolve(source, fields=tuple(target.find(field.name) or field for field in source.fields))
    pairs = zip(source.fields, target.fields, strict=True)
    update_fields = [
        {
            "name": new.name,
            "attrs": {
                **{key: None for key in old.attrs if key not in new.attrs},
                **new.attrs,
            },
        }
        for old, new in pairs
    ]

    assert tuple(changes(source, update_fields=update_fields)) == changes_from_schema(source, target)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (UpdateField("title", "sortable", None, new=True), "field 'title': sortable: no → yes"),
        (UpdateField("title", "no_stem", old=True, new=False), "field 'title': no_stem: yes → no"),
        (UpdateField("title", "phonetic_matcher", None, "dm:en"), "field 'title': phonetic_matcher: not set → dm:en"),
        (UpdateField("vector", "dims", 768, 256), "field 'vector': dims: 768 → 256"),
        (ChangeFieldType("title", "text", "tag"), "field 'title': type: text → tag"),
        (ChangeFieldPath("title", "$.a", "$.b"), "field 'title': path: '$.a' → '$.b'"),
        (UpdateOption("filter", None, "@price > 10"), "index filter: not set → @price > 10"),
        (UpdateOption("stopwords", None, ()), "index stopwords: not set → empty"),
        (UpdateOption("prefixes", ("a:", "b:"), ("a:",)), "index prefixes: 'a:', 'b:' → 'a:'"),
        (UpdateOption("index_all", old=False, new=True), "index index_all: no → yes"),
    ],
)
def test_a_change_is_shown_in_one_line(change: Change, line: str) -> None:
    assert str(change) == line
