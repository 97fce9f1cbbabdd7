"""Names, words and languages in any script: what the server makes of them is no change, whatever its version."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import hypothesis.strategies as st
import pytest
from attrs import evolve
from hypothesis import example, given, settings

from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.changes.diff import changes_from_schema
from fieldfare.definition import Field, FieldType, IndexDefinition, Storage
from fieldfare.definition.create import create_arguments
from fieldfare.definition.mismatches import find_mismatches
from fieldfare.report import Result
from fieldfare.server import Server
from fieldfare.server.inspect import read_definition, read_snapshot
from fieldfare.testing.indexing import wait_until_indexed
from fieldfare.testing.servers import clear

LANGUAGES = ["english", "german", "chinese", "turkish"]
CASED = "".join(map(chr, [0xC0, 0xC4, 0xDF, 0x1E9E, 0x130, 0x131, 0x3A3, 0x3C2, 0x416, 0xFF21, 0x1C5, 0x1C4]))
CASED += "".join(map(chr, [0xFB01, 0x2167, 0x24B6, 0x10400, 0x1FBC, 0x1C90, 0x13A0, 0x531, 0x587, 0x149]))
# search 8.0 breaks the bytes of some characters beyond U+FFFF
BASIC = st.characters(max_codepoint=0xFFFF, exclude_characters="\0\r\n\\", exclude_categories=["Cs"])
words = st.one_of(
    st.text(st.sampled_from(CASED), min_size=1, max_size=4),
    st.text(BASIC, min_size=1, max_size=8),
)
languages = st.sampled_from(LANGUAGES).flatmap(
    lambda name: st.sampled_from([name, name.upper(), name.title(), name.swapcase()])
)
separators = st.integers(33, 126).map(chr)


@st.composite
def definitions(draw: st.DrawFn) -> IndexDefinition:
    names = draw(st.lists(words, min_size=2, max_size=2, unique=True))
    return IndexDefinition(
        name=draw(words),
        storage=Storage.HASH,
        prefixes=tuple(draw(st.lists(words, min_size=1, max_size=2, unique=True))),
        fields=(
            Field(names[0], FieldType.TEXT, names[0]),
            Field(names[1], FieldType.TAG, names[1], {"separator": draw(separators)}),
        ),
        language=draw(languages),
        stopwords=tuple(draw(st.lists(words, max_size=4))),
    )


PLAIN = IndexDefinition("idx", Storage.HASH, ("d:",), (Field("t", FieldType.TEXT, "t"), Field("n", FieldType.TAG, "n")))


@settings(max_examples=100)
@given(definition=definitions())
@example(definition=evolve(PLAIN, stopwords=("À", "à", "İ", "\u0391\u03a3")))
def test_a_new_index_asks_for_no_change(server: Server, definition: IndexDefinition) -> None:
    clear(server)
    server.command(*create_arguments(definition))
    found = read_definition(server, definition.name)
    assert find_mismatches(definition, found) == ()
    assert changes_from_schema(found, definition) == ()
    assert changes_from_schema(definition, found) == ()


@settings(max_examples=15)
@given(definition=definitions(), groups=st.dictionaries(words, st.lists(words, min_size=1, max_size=2), max_size=2))
@example(definition=evolve(PLAIN, stopwords=("À",)), groups={"À": ["À", "İ"]})
def test_a_run_and_its_rollback_keep_it(
    server: Server, definition: IndexDefinition, groups: dict[str, list[str]]
) -> None:
    clear(server)
    name, field = definition.name, definition.fields[1].name
    for row in range(3):
        server.command("HSET", f"{definition.prefixes[0]}{row}", field, "x", definition.fields[0].name, "word")
    server.command(*create_arguments(definition))
    for group, terms in groups.items():
        server.command("FT.SYNUPDATE", name, group, *terms)
    wait_until_indexed(server)
    before = read_snapshot(server, name)
    patch = {"version": 1, "changes": {"update_fields": [{"name": field, "attrs": {"sortable": True}}]}}
    plan = MigrationPlanner().create_plan_from_patch(name, schema_patch=patch, server=server)
    assert plan.supported, plan.blocked_reasons
    with TemporaryDirectory() as directory:
        assert MigrationExecutor().apply(plan, server=server, backup_dir=directory).result is Result.SUCCEEDED
        assert read_snapshot(server, name).synonyms == before.synonyms
        back = MigrationExecutor().rollback(server=server, backup_dir=Path(directory))
    assert back.result is Result.ROLLED_BACK
    wait_until_indexed(server)
    after = read_snapshot(server, name)
    assert (after.definition, after.synonyms) == (before.definition, before.synonyms)


@pytest.mark.parametrize("word", ["à", "b"])
def test_another_stopword_is_a_change(word: str) -> None:
    assert changes_from_schema(evolve(PLAIN, stopwords=("À",)), evolve(PLAIN, stopwords=(word, "z"))) != ()
