"""Any definition survives the server, in either protocol, and a schema file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import pytest
from hypothesis import assume, given, settings

from fieldfare.definition import Algorithm, AttributeValue, Field, FieldType, IndexDefinition, Storage
from fieldfare.definition.create import create_arguments
from fieldfare.definition.info import parse_info
from fieldfare.definition.mismatches import find_mismatches
from fieldfare.definition.schema import field_from_dict, field_to_dict, from_schema, to_schema
from fieldfare.server import connect
from fieldfare.support.yamlfile import dump_yaml, parse_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fieldfare.server import Server

KEYWORDS = [
    *("SORTABLE", "NOINDEX", "weight", "unf", "separator", "IndexMissing", "FLAT"),  # options of fields
    *("SCHEMA", "PREFIX", "on", "AS", "TEXT"),
    *("type", "flags", "attribute", "identifier"),  # of FT.INFO
]
ODD = ["a b", 'say "hi"', "it's", "größe", "日本語", "a\\b", "{x}", "@a:b", "-1", "null", "yes", "\x01", "\udcff", "🪶"]
texts = st.one_of(
    st.sampled_from(KEYWORDS + ODD),
    st.text(st.characters(exclude_characters="\0\r\n\\", exclude_categories=["Cs"]), min_size=1, max_size=12),
)
stopwords = texts.filter(lambda word: max(word) <= "\uffff")  # search 8.0 breaks the bytes of others
separators = st.integers(1, 255).map(lambda byte: bytes([byte]).decode("utf-8", "surrogateescape"))
numbers = st.floats(0, 1e6, exclude_min=True).filter(lambda number: number != 1)
json_paths = st.sampled_from(["$.{}", "$.{}[*]", '$["{} x"]', "$..{}", "$.deep.{}"])
identifiers = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
flags = {
    FieldType.TEXT: ("no_stem", "withsuffixtrie", "index_empty"),
    FieldType.TAG: ("case_sensitive", "withsuffixtrie", "index_empty"),
}


@st.composite
def scalar_attrs(draw: st.DrawFn, kind: FieldType) -> dict[str, AttributeValue]:
    attrs: dict[str, AttributeValue] = {flag: True for flag in flags.get(kind, ()) if draw(st.booleans())}
    if kind is FieldType.TEXT and draw(st.booleans()):
        attrs["weight"] = draw(numbers)
    if kind is FieldType.TAG and draw(st.booleans()):
        attrs["separator"] = draw(separators.filter(lambda character: character != ","))
    if kind is FieldType.GEOSHAPE and draw(st.booleans()):
        attrs["coord_system"] = "FLAT"
    for flag in draw(st.sampled_from([(), ("sortable",), ("sortable", "unf")])):
        attrs[flag] = True
    for flag in draw(st.sampled_from([(), ("no_index",), ("index_missing",)])):
        attrs[flag] = True
    return attrs


@st.composite
def vector_attrs(draw: st.DrawFn) -> dict[str, AttributeValue]:
    algorithm = draw(st.sampled_from([Algorithm.FLAT, Algorithm.HNSW]))
    attrs: dict[str, AttributeValue] = {
        "algorithm": algorithm.value,
        "dims": draw(st.integers(1, 1024)),
        "datatype": draw(st.sampled_from(["float32", "float64", "float16", "bfloat16"])),
        "distance_metric": draw(st.sampled_from(["cosine", "l2", "ip"])),
    }
    optional: dict[str, st.SearchStrategy[AttributeValue]] = {"initial_cap": st.integers(0, 100)}
    if algorithm is Algorithm.FLAT:
        optional["block_size"] = st.integers(1, 4096)
    else:
        optional |= {key: st.integers(2, 500) for key in ("m", "ef_construction", "ef_runtime")}
        optional["epsilon"] = st.floats(0, 10)
    optional["index_missing"] = st.just(value=True)
    return attrs | {key: draw(values) for key, values in optional.items() if draw(st.booleans())}


@st.composite
def fields(draw: st.DrawFn, storage: Storage) -> Field:
    kind = draw(st.sampled_from(FieldType))
    name = draw(texts)
    path = draw(st.one_of(st.just(name), texts))
    if storage is Storage.JSON:
        path = draw(json_paths).format(draw(identifiers))
    attrs = draw(vector_attrs() if kind is FieldType.VECTOR else scalar_attrs(kind))
    return Field(name, kind, path, attrs)


@st.composite
def definitions(draw: st.DrawFn) -> IndexDefinition:
    storage = draw(st.sampled_from(Storage))
    options = draw(st.sets(st.sampled_from(["NOOFFSETS", "NOHL", "NOFREQS", "NOFIELDS"])))
    return IndexDefinition(
        name=draw(texts),
        storage=storage,
        prefixes=tuple(draw(st.lists(texts, min_size=1, max_size=3, unique=True))),
        fields=tuple(draw(st.lists(fields(storage), min_size=1, max_size=6, unique_by=lambda field: field.name))),
        filter=draw(st.sampled_from([None, "@year>2000", "@a=='it\\'s' && @b<3", 'startswith(@größe, "x")'])),
        language=draw(st.sampled_from([None, "german", "chinese"])),
        language_field=draw(st.none() | texts),
        score=draw(st.floats(0, 1)),
        score_field=draw(st.none() | texts),
        payload_field=draw(st.none() | texts),
        stopwords=draw(st.none() | st.lists(stopwords, max_size=4).map(tuple)),
        options=tuple(sorted(options or draw(st.sampled_from([set(), {"MAXTEXTFIELDS"}])))),
        temporary=draw(st.none() | st.integers(1000, 10**6)),
    )


@pytest.fixture(scope="module")
def servers(redis_url: str) -> Iterator[tuple[Server, Server]]:
    """Give two connections to the same server, in RESP2 and RESP3."""
    with connect(f"{redis_url}?protocol=2") as resp2, connect(f"{redis_url}?protocol=3") as resp3:
        yield resp2, resp3


def parts(reply: Any) -> list[Any]:
    reply = reply if isinstance(reply, dict) else dict(zip(reply[::2], reply[1::2], strict=True))
    keys = (b"index_name", b"index_options", b"index_definition", b"attributes", b"stopwords_list")
    return [reply.get(key) for key in keys]


@settings(max_examples=75)
@given(definition=definitions())
def test_a_server_keeps_every_definition(servers: tuple[Server, Server], definition: IndexDefinition) -> None:
    try:
        arguments = create_arguments(definition)
    except ValueError:  # no order of these fields can be written down
        assume(condition=False)
    name = arguments[1]
    try:
        servers[0].command(*arguments)
        first = [server.command("FT.INFO", name) for server in servers]
        resp2, resp3 = map(parse_info, first)
        assert resp2.unknown == resp3.unknown == ()
        assert resp2.definition == resp3.definition
        assert find_mismatches(definition, resp2.definition) == ()
        servers[0].command("FT.DROPINDEX", name)
        servers[0].command(*create_arguments(resp2.definition))
        second = [server.command("FT.INFO", name) for server in servers]
        assert list(map(parts, first)) == list(map(parts, second))
    finally:
        if name in servers[0].command("FT._LIST"):
            servers[0].command("FT.DROPINDEX", name)


@settings(max_examples=75)
@given(definition=definitions())
def test_a_schema_file_keeps_every_definition(definition: IndexDefinition) -> None:
    assert from_schema(parse_yaml(dump_yaml(to_schema(definition)), "schema.yaml").data) == definition


@given(field=st.sampled_from(Storage).flatmap(fields), storage=st.sampled_from(Storage))
def test_a_field_survives_without_its_index(field: Field, storage: Storage) -> None:
    assert field_from_dict(field_to_dict(field), storage) == field
    assert field_from_dict(field_to_dict(field, storage), storage) == field
