"""Patch files: what they say comes through, and what is wrong with one is said in full."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldfare.definition import FieldType, Storage
from fieldfare.errors import FileError
from fieldfare.patch import (
    CustomRequest,
    FieldRename,
    FieldUpdate,
    IndexUpdate,
    NewField,
    SchemaPatch,
    load_patch,
    patch_from_dict,
    patch_to_dict,
)
from fieldfare.support.yamlfile import dump_yaml

FULL = """\
version: 1
changes:
  add_fields:
    - name: category
      type: tag
      path: $.category
      attrs:
        separator: "|"
    - {name: year, type: NUMERIC}
  remove_fields:
    - legacy_field
  update_fields:
    - name: title
      attrs:
        sortable: true
    - name: embedding
      options:                 # RedisVL's other name
        datatype: float16      # quantize vectors
        algorithm: hnsw
        initial_cap: null
  rename_fields:
    - {old_name: a, new_name: b}
  index:
    name: articles_v2
    prefix: "art:"
    filter: null
    stopwords: []
    storage_type: JSON
  custom:
    - kind: acme.redact_email
      field: email
      deep: {list: [1, 2.5]}
"""

BROKEN = """\
version: 2
chnages: {}
changes:
  add_fields:
    - name: category
      type: tagg
      pth: x
    - {name: y, type: NUMERIC, attrs: {m: 3, sortable: yes}}
    - 5
  remove_fields: legacy
  remove_field: [a]
  update_fields:
    - name: title
      attrs:
        sortabel: true
        sortable: "x"
    - attrs:
        dims: 1.5
    - name: embedding
      options:
        m: "16"
    - {name: e, options: {m: 16}, attrs: {}}
  rename_fields:
    - {old: a, new_name: b}
  index:
    name: ""
    prefix: [a]
    prefixes: {"a:": 5}
    filtre: x
    stopwords: x
    score: 7
    storage_type: jsn
  custom:
    - kid: acme.redact
    - 5
"""


@pytest.fixture
def patch_file(tmp_path: Path) -> Path:
    return tmp_path / "schema_patch.yaml"


def problems_of(path: Path, text: str) -> tuple[str, ...]:
    path.write_text(text)
    with pytest.raises(FileError) as caught:
        load_patch(path)
    assert caught.value.path == str(path)
    return caught.value.problems


def test_every_section_is_read(patch_file: Path) -> None:
    patch_file.write_text(FULL)

    assert load_patch(patch_file) == SchemaPatch(
        version=1,
        add_fields=(
            NewField("category", FieldType.TAG, "$.category", {"separator": "|"}),
            NewField("year", FieldType.NUMERIC),
        ),
        remove_fields=("legacy_field",),
        update_fields=(
            FieldUpdate("title", {"sortable": True}),
            FieldUpdate("embedding", {"datatype": "float16", "algorithm": "hnsw", "initial_cap": None}),
        ),
        rename_fields=(FieldRename("a", "b"),),
        index=IndexUpdate(
            name="articles_v2",
            prefix="art:",
            storage_type=Storage.JSON,
            settings={"filter": None, "stopwords": []},
        ),
        custom=(CustomRequest("acme.redact_email", {"field": "email", "deep": {"list": [1, 2.5]}}),),
    )


def test_all_mistakes_are_reported_at_once_with_their_lines(patch_file: Path) -> None:
    assert problems_of(patch_file, BROKEN) == (
        "line 1: version: must be 1, the only format that this fieldfare reads",
        "line 2: chnages: unknown key; did you mean 'changes'?",
        (
            "line 6: changes.add_fields[0].type: must be one of text, tag, numeric, geo, geoshape, vector, not 'tagg'; "
            "did you mean 'tag'?"
        ),
        "line 7: changes.add_fields[0].pth: unknown key; did you mean 'path'?",
        "line 8: changes.add_fields[1].attrs.m: unknown key; known are index_missing, sortable, unf, no_index",
        "line 8: changes.add_fields[1].attrs.sortable: must be true or false, not 'yes'",
        "line 9: changes.add_fields[2]: must be a mapping of keys to values, not 5",
        "line 10: changes.remove_fields: must be a list, not 'legacy'",
        "line 11: changes.remove_field: unknown key; did you mean 'remove_fields'?",
        "line 15: changes.update_fields[0].attrs.sortabel: no field has such an attribute; did you mean 'sortable'?",
        "line 16: changes.update_fields[0].attrs.sortable: must be true or false, not 'x'",
        "line 17: changes.update_fields[1]: the key 'name' is missing",
        "line 18: changes.update_fields[1].attrs.dims: must be a whole number, not 1.5",
        "line 21: changes.update_fields[2].options.m: must be a whole number, not '16'",
        "line 22: changes.update_fields[3].options: is another name for 'attrs', which is there too; keep one of them",
        "line 24: changes.rename_fields[0]: the key 'old_name' is missing",
        "line 24: changes.rename_fields[0].old: unknown key; known are old_name, new_name, logical",
        "line 26: changes.index.name: must not be empty",
        "line 27: changes.index.prefix: must be text, not a list",
        "line 28: changes.index.prefixes: is for an index with several prefixes; keep this or 'prefix'",
        "line 28: changes.index.prefixes.a:: must be text, not 5",
        "line 29: changes.index.filtre: unknown key; did you mean 'filter'?",
        "line 30: changes.index.stopwords: must be a list, not 'x'",
        "line 31: changes.index.score: must be between 0 and 1, not 7.0",
        "line 32: changes.index.storage_type: must be one of hash, json, not 'jsn'; did you mean 'json'?",
        "line 34: changes.custom[0]: the key 'kind' is missing; it names the change, as vendor.action",
        "line 35: changes.custom[1]: must be a mapping of keys to values, not 5",
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("version: 1\n", "line 1: the key 'changes' is missing"),
        ("changes: [a]\n", "line 1: changes: must be a mapping of keys to values, not a list"),
        ("version: true\nchanges: {}\n", "line 1: version: must be 1, the only format that this fieldfare reads"),
        ("version: '1'\nchanges: {}\n", "line 1: version: must be 1, the only format that this fieldfare reads"),
        ("changes:\n  update_fields:\n  - name: a\n    attrs: 5\n", "must be a mapping of keys to values, not 5"),
        (
            "changes:\n  update_fields:\n  - name: a\n    options: [x]\n",
            "line 4: changes.update_fields[0].options: must",
        ),
        (
            "changes:\n  update_fields:\n  - name: a\n    type: 5\n",
            "line 4: changes.update_fields[0].type: must be text",
        ),
        ("changes:\n  add_fields:\n  - {name: v, type: vector, attrs: {dims: 3}}\n", "'algorithm' is missing"),
        ("changes:\n  custom:\n  - {kind: '', field: x}\n", "line 3: changes.custom[0]: the key 'kind' is missing"),
        (
            'changes:\n  rename_fields:\n  - {old_name: a, new_name: "b\\0c"}\n',
            "new_name: must not hold a NUL character",
        ),
        ("changes:\n  remove_fields: [1]\n", "line 2: changes.remove_fields[0]: must be text, not 1"),
    ],
)
def test_a_mistake_is_said_plainly(patch_file: Path, text: str, problem: str) -> None:
    assert any(problem in each for each in problems_of(patch_file, text))


@pytest.mark.parametrize("changes", [None, {}, {"add_fields": None, "index": None, "custom": []}])
def test_empty_sections_ask_for_nothing(changes: object) -> None:
    patch = patch_from_dict({"version": 1, "changes": changes})

    assert patch == SchemaPatch()
    assert patch_to_dict(patch) == {}


def test_a_mapping_in_memory_is_checked_like_a_file() -> None:
    with pytest.raises(FileError, match="the schema patch cannot be used") as caught:
        patch_from_dict({"changes": {"remove_fields": "x"}})

    assert caught.value.problems == ("changes.remove_fields: must be a list, not 'x'",)


def test_only_the_sections_that_are_used_are_written() -> None:
    patch = SchemaPatch(remove_fields=("a",), index=IndexUpdate(prefixes={"a:": "b:"}, settings={"score": 0.5}))

    assert patch_to_dict(patch) == {"remove_fields": ["a"], "index": {"prefixes": {"a:": "b:"}, "score": 0.5}}


names = st.binary(min_size=1, max_size=8).map(lambda raw: raw.replace(b"\0", b"0").decode("utf-8", "surrogateescape"))
new_fields = st.one_of(
    st.builds(
        NewField, names, st.just(FieldType.TEXT), attrs=st.fixed_dictionaries({}, optional={"weight": st.just(2)})
    ),
    st.builds(NewField, names, st.sampled_from([FieldType.TAG, FieldType.GEO]), st.none() | names.map("$.".__add__)),
    st.builds(
        NewField,
        names,
        st.just(FieldType.VECTOR),
        attrs=st.just({"algorithm": "flat", "dims": 3, "datatype": "float32", "distance_metric": "cosine"}),
    ),
)
updates = st.builds(
    FieldUpdate,
    names,
    st.fixed_dictionaries({}, optional={"sortable": st.none() | st.booleans(), "m": st.integers(2, 64)}),
    st.none() | st.sampled_from(FieldType),
    st.none() | names,
)
index_updates = st.builds(
    IndexUpdate,
    st.none() | names,
    st.none() | names,
    storage_type=st.none() | st.sampled_from(Storage),
    settings=st.fixed_dictionaries(
        {}, optional={"filter": st.none() | names, "stopwords": st.lists(names, max_size=3), "score": st.just(0.5)}
    ),
)
patches = st.builds(
    SchemaPatch,
    st.lists(new_fields, max_size=3).map(tuple),
    st.lists(names, max_size=3).map(tuple),
    st.lists(updates, max_size=3).map(tuple),
    st.lists(st.builds(FieldRename, names, names, st.booleans()), max_size=3).map(tuple),
    index_updates,
    st.lists(st.builds(CustomRequest, names, st.dictionaries(names.map("x".__add__), names)), max_size=2).map(tuple),
)


@settings(max_examples=75)
@given(patch=patches)
def test_a_patch_reads_back_from_its_file(patch_file: Path, patch: SchemaPatch) -> None:
    patch_file.write_text(dump_yaml({"version": patch.version, "changes": patch_to_dict(patch)}))

    assert load_patch(patch_file) == patch


nonsense: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from([None, True, 1, -1.5, "", "x", "text", "hash", "$.x", float("nan")]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "type", "attrs", "kind", "m", "x", ""]), inner, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    """A good patch in which some values are something else."""
    patch: Any = {"version": 1, "changes": patch_to_dict(draw(patches))}
    for _ in range(draw(st.integers(1, 3))):
        around, place = patch, draw(st.sampled_from(["version", "changes"]))
        while isinstance(around.get(place) if isinstance(around, dict) else around[place], dict | list) and draw(
            st.booleans()
        ):
            inner = around[place]
            if not inner:
                break
            around, place = inner, draw(st.sampled_from(list(inner) if isinstance(inner, dict) else range(len(inner))))
        around[place] = draw(nonsense)
    return dict(patch)


@settings(max_examples=100)
@given(mutated())
def test_no_mapping_breaks_the_reader(mapping: dict[str, Any]) -> None:
    with suppress(FileError):
        patch = patch_from_dict(mapping)
        assert patch_from_dict({"version": 1, "changes": patch_to_dict(patch)}) == patch


@settings(max_examples=100)
@given(data=st.data())
def test_no_file_breaks_the_reader(patch_file: Path, data: st.DataObject) -> None:
    raw = bytearray(FULL.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw)))
        raw[at : at + data.draw(st.integers(0, 12))] = data.draw(
            st.binary(max_size=4) | st.sampled_from([b"\n", b": ", b"- "])
        )
    patch_file.write_bytes(raw)
    with suppress(FileError):
        load_patch(patch_file)
