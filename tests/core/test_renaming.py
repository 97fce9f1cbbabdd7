"""Where a field's value is once the field has another name."""

from __future__ import annotations

import pytest

from fieldfare.changes import RenameField, apply_change
from fieldfare.definition import Field, FieldType, IndexDefinition, Storage
from fieldfare.definition.jsonpath import join_path, split_path


def definition(storage: Storage, *fields: tuple[str, str], **options: str) -> IndexDefinition:
    built = tuple(Field(name, FieldType.TAG, path) for name, path in fields)
    return IndexDefinition("docs", storage, ("doc:",), built, **options)  # type: ignore[arg-type]  # text options only


@pytest.mark.parametrize(
    ("storage", "name", "path", "new", "expected"),
    [
        (Storage.HASH, "title", "title", "headline", "headline"),
        (Storage.HASH, "title", "t", "headline", "t"),
        (Storage.JSON, "title", "$.title", "headline", "$.headline"),
        (Storage.JSON, "title", "$['title']", "headline", "$.headline"),
        (Storage.JSON, "author", "$.meta.author", "writer", "$.meta.writer"),
        (Storage.JSON, "author", "$.books[0].author", "writer", "$.books[0].writer"),
        (Storage.JSON, "meta.author", "$.meta.author", "meta.writer", "$.meta.writer"),
        (Storage.JSON, "meta.author", '$["meta.author"]', "meta.writer", '$["meta.writer"]'),
        (Storage.JSON, "title", "$.title", "meta.title", "$.meta.title"),
        (Storage.JSON, "title", "$.title", "a..b", '$["a..b"]'),
        (Storage.JSON, "title", "$.title", "$.meta.title", "$.meta.title"),
        (Storage.JSON, "title", "$.title", "the title", '$["the title"]'),
        (Storage.JSON, "title", "$.title", 'so "called"', "$['so \"called\"']"),
        (Storage.JSON, "tags", "$.tags[*]", "labels", "$.labels[*]"),
        (Storage.JSON, "name", "$.tags[*].name", "label", "$.tags[*].name"),
        (Storage.JSON, "title", "$.t", "headline", "$.t"),
        (Storage.JSON, "title", "$", "headline", "$"),
        (Storage.JSON, "$.title", "$.title", "$.headline", "$.headline"),
        (Storage.JSON, "$.title", "$.title", "headline", "$.title"),
        (Storage.JSON, "title", "title", "headline", "headline"),
    ],
)
def test_value_moves_where_the_document_calls_it_as_the_index_does(
    storage: Storage, name: str, path: str, new: str, expected: str
) -> None:
    renamed = apply_change(definition(storage, ("x", "x"), (name, path)), RenameField(name, new))
    assert [(field.name, field.path) for field in renamed.fields] == [("x", "x"), (new, expected)]


def test_options_follow_a_value_that_moves() -> None:
    before = definition(Storage.HASH, ("lang", "lang"), language_field="lang", score_field="rank")
    after = apply_change(before, RenameField("lang", "language"))
    assert (after.language_field, after.score_field) == ("language", "rank")
    json = definition(Storage.JSON, ("lang", "$.lang"), language_field="$['lang']", score_field="$.language")
    after = apply_change(json, RenameField("lang", "language"))
    assert (after.language_field, after.score_field) == ("$.language", "$.language")
    alias = definition(Storage.HASH, ("lang", "l"), language_field="l")
    assert apply_change(alias, RenameField("lang", "language")).language_field == "l"


def test_field_that_is_not_there_changes_nothing() -> None:
    before = definition(Storage.HASH, ("lang", "lang"))
    assert apply_change(before, RenameField("title", "headline")) == before


@pytest.mark.parametrize(
    ("path", "segments", "rest"),
    [
        ("$", (), ""),
        (".", (), ""),
        ("$.a.b-c", ("a", "b-c"), ""),
        ("a.b", ("a", "b"), ""),
        ("""$["x y"]['d"e'][3][-1].f""", ("x y", 'd"e', 3, -1, "f"), ""),
        ("$.a[*].b", ("a",), "[*].b"),
        ("$..a", (), "..a"),
        ("$.a[1:2]", ("a",), "[1:2]"),
        ("$.a[?(@.b)]", ("a",), "[?(@.b)]"),
        (r'$["a\"b"]', (), r'["a\"b"]'),
    ],
)
def test_path_is_taken_apart(path: str, segments: tuple[str | int, ...], rest: str) -> None:
    assert split_path(path) == (segments, rest)
    assert split_path(join_path(segments)) == (segments, "")


def test_name_that_no_path_can_hold_does_not_pass_for_one() -> None:
    assert split_path(join_path(["a", "b\"c'd"]))[1]
    assert split_path(join_path(["a\\b"]))[1]
