"""The draft of a patch: what each action changes, and its undo."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from fieldfare.definition import AttributeValue, Field, FieldType, IndexDefinition, Storage, find_attribute
from fieldfare.errors import DiffError
from fieldfare.patch import NewField, SchemaPatch, patch_from_dict
from fieldfare.support.yamlfile import dump_yaml, parse_yaml
from fieldfare.wizard import document_of
from fieldfare.wizard.draft import (
    Draft,
    add_field,
    change_prefix,
    remove_field,
    rename_field,
    rename_index,
    undo,
    update_field,
)
from fieldfare.wizard.request import requests_of

HNSW: dict[str, AttributeValue] = {
    "algorithm": "HNSW",
    "datatype": "float32",
    "dims": 8,
    "distance_metric": "cosine",
    "m": 16,
    "ef_construction": 200,
}
ARTICLES = IndexDefinition(
    name="articles",
    storage=Storage.HASH,
    prefixes=("doc:",),
    fields=(
        Field("title", FieldType.TEXT, "title"),
        Field("tags", FieldType.TAG, "tags", {"separator": "|", "sortable": True}),
        Field("embedding", FieldType.VECTOR, "embedding", HNSW),
    ),
)


def start(definition: IndexDefinition = ARTICLES, /, **sections: Any) -> Draft:
    return Draft(definition, patch_from_dict({"version": 1, "changes": sections}))


def document_changes(draft: Draft) -> dict[str, Any]:
    changes = document_of(draft.patch)["changes"]
    assert isinstance(changes, dict)
    return changes


def update(draft: Draft, name: str, key: str, value: AttributeValue) -> Draft:
    field = draft.target.find(name)
    assert field is not None
    attribute = find_attribute(field.type, key)
    assert attribute is not None
    return update_field(draft, name, attribute, value)


def test_several_attributes_of_a_field_make_one_update() -> None:
    draft = update(update(start(), "title", "sortable", value=True), "title", "weight", 2.0)
    assert document_changes(draft) == {"update_fields": [{"name": "title", "attrs": {"sortable": True, "weight": 2.0}}]}


def test_the_value_that_a_field_has_now_is_no_update() -> None:
    draft = update(start(), "tags", "separator", ";")
    assert document_changes(update(draft, "tags", "separator", "|")) == {}
    assert document_changes(update(start(), "title", "weight", 1.0)) == {}


def test_another_algorithm_drops_what_it_does_not_have() -> None:
    draft = update(update(start(), "embedding", "m", 32), "embedding", "datatype", "float16")
    draft = update(draft, "embedding", "algorithm", "FLAT")
    assert document_changes(draft)["update_fields"] == [
        {"name": "embedding", "attrs": {"datatype": "float16", "algorithm": "FLAT"}}
    ]
    assert draft.target.find("embedding") is not None


def test_an_update_of_an_added_field_changes_its_entry() -> None:
    draft = add_field(start(), NewField("kind", FieldType.TAG))
    draft = update(update(draft, "kind", "separator", ";"), "kind", "sortable", value=False)
    draft = rename_field(draft, "kind", "sort")
    assert document_changes(draft) == {"add_fields": [{"name": "sort", "type": "tag", "attrs": {"separator": ";"}}]}
    assert document_changes(remove_field(draft, "sort")) == {}


def test_a_renamed_field_is_updated_renamed_again_and_renamed_back() -> None:
    draft = rename_field(start(), "title", "headline")
    draft = update(draft, "headline", "sortable", value=True)
    draft = rename_field(draft, "headline", "heading")
    assert document_changes(draft) == {
        "update_fields": [{"name": "title", "attrs": {"sortable": True}}],
        "rename_fields": [{"old_name": "title", "new_name": "heading"}],
    }
    assert document_changes(rename_field(draft, "heading", "title")) == {
        "update_fields": [{"name": "title", "attrs": {"sortable": True}}]
    }


def test_an_update_under_the_new_name_follows_the_field() -> None:
    draft = start(
        rename_fields=[{"old_name": "title", "new_name": "headline"}],
        update_fields=[{"name": "headline", "attrs": {"weight": 2.0}}],
    )
    assert document_changes(rename_field(draft, "headline", "heading"))["update_fields"][0]["name"] == "title"
    assert document_changes(update(draft, "headline", "weight", 3.0))["update_fields"] == [
        {"name": "title", "attrs": {"weight": 3.0}}
    ]


def test_removing_a_field_drops_its_other_changes() -> None:
    draft = update(rename_field(start(), "title", "headline"), "headline", "weight", 2.0)
    assert document_changes(remove_field(draft, "headline")) == {"remove_fields": ["title"]}


def test_index_and_prefix_are_renamed_and_renamed_back() -> None:
    draft = change_prefix(rename_index(start(), "news"), "doc:", "news:")
    assert document_changes(draft) == {"index": {"name": "news", "prefix": "news:"}}
    assert document_changes(change_prefix(rename_index(draft, "articles"), "doc:", "doc:")) == {}


def test_one_of_several_prefixes() -> None:
    two = evolve(ARTICLES, prefixes=("doc:", "old:"))
    draft = change_prefix(start(two), "old:", "new:")
    assert document_changes(draft) == {"index": {"prefixes": {"old:": "new:"}}}
    assert document_changes(change_prefix(draft, "old:", "old:")) == {}


EVERYTHING: dict[str, Any] = {
    "add_fields": [{"name": "kind", "type": "tag"}],
    "remove_fields": ["tags"],
    "update_fields": [
        {"name": "title", "attrs": {"sortable": True, "weight": None}},
        {"name": "embedding", "type": "vector", "path": "embedding", "attrs": {"m": 8}},
    ],
    "rename_fields": [{"old_name": "title", "new_name": "headline"}],
    "index": {"name": "news", "prefix": "news:", "storage_type": "hash", "stopwords": []},
    "custom": [{"kind": "acme.redact_email", "field": "title"}],
}


def test_every_single_request_of_a_patch_can_be_removed() -> None:
    patch = start(**EVERYTHING).patch
    requests = requests_of(patch)
    assert [each.text for each in requests] == [
        "add tag field 'kind'",
        "remove field 'tags'",
        "update field 'title': sortable True",
        "update field 'title': weight removed",
        "update field 'embedding': m 8",
        "update field 'embedding': type vector",
        "update field 'embedding': path embedding",
        "rename field 'title' to 'headline'",
        "index: name news",
        "index: prefix news:",
        "index: storage_type hash",
        "index: stopwords []",
        "custom: acme.redact_email",
    ]
    for request in requests:
        assert request.text not in {each.text for each in requests_of(request.rest)}
        assert len(requests_of(request.rest)) == len(requests) - 1
    while requests:
        patch = requests[0].rest
        requests = requests_of(patch)
    assert patch == SchemaPatch()


def test_undo_goes_back_step_by_step() -> None:
    one = start()
    two = rename_index(one, "news").with_undo_to(one)
    three = remove_field(two, "tags").with_undo_to(two)
    assert undo(three).patch == two.patch
    assert undo(undo(three)) == one
    assert undo(one) == one
    assert rename_index(two, "news").with_undo_to(two) == two


NAMES = st.sampled_from(["title", "tags", "embedding", "kind", "headline", "year", "no", "ä\udcff"])


@st.composite
def drafts(draw: st.DrawFn) -> Draft:
    """Draw what any sequence of actions leads to; those that the index refuses do nothing."""
    storage = draw(st.sampled_from(Storage))
    fields = [field if storage is Storage.HASH else evolve(field, path=f"$.{field.name}") for field in ARTICLES.fields]
    prefixes = draw(st.sampled_from([("doc:",), ("doc:", "old:")]))
    draft = start(evolve(ARTICLES, storage=storage, fields=tuple(fields), prefixes=prefixes))
    for _ in range(draw(st.integers(0, 12))):
        after = _any_action(draw, draft)
        try:
            _ = after.changes
        except DiffError:
            continue
        draft = after if after.previous_patches != draft.previous_patches else after.with_undo_to(draft)
    return draft


def _any_action(draw: st.DrawFn, draft: Draft) -> Draft:  # noqa: PLR0911 - one line per action
    name = draw(st.sampled_from([field.name for field in draft.target.fields] or ["title"]))
    match draw(st.sampled_from(["add", "remove", "rename", "index", "prefix", "update", "undo"])):
        case "add":
            return add_field(draft, NewField(draw(NAMES), draw(st.sampled_from(list(FieldType)[:5]))))
        case "remove":
            return remove_field(draft, name)
        case "rename":
            return rename_field(draft, name, draw(NAMES))
        case "index":
            return rename_index(draft, draw(NAMES))
        case "prefix":
            return change_prefix(draft, draw(st.sampled_from(draft.source.prefixes)), draw(NAMES))
        case "update":
            return _any_update(draw, draft, name)
        case _:
            return undo(draft)


def _any_update(draw: st.DrawFn, draft: Draft, name: str) -> Draft:
    field = draft.target.find(name)
    if field is None:
        return draft
    choices: list[tuple[str, AttributeValue]] = [("sortable", True), ("sortable", False)]
    if field.is_vector:
        choices = [("algorithm", "FLAT"), ("algorithm", "HNSW"), ("m", 32), ("datatype", "float16")]
        if field.attrs["algorithm"] == "FLAT":
            choices.remove(("m", 32))
    return update(draft, name, *draw(st.sampled_from(choices)))


@given(drafts())
def test_any_draft_can_be_loaded_and_undone(draft: Draft) -> None:
    document = document_of(draft.patch)
    assert patch_from_dict(parse_yaml(dump_yaml(document), "patch.yaml").data) == draft.patch
    assert document_of(patch_from_dict(document)) == document
    while draft.previous_patches:
        _ = draft.changes
        draft = undo(draft)
    assert draft.patch == SchemaPatch()
