"""FT.CREATE, against what real servers accept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve
from redis.exceptions import ResponseError

from fieldfare.definition import AttributeValue, Field, FieldType, IndexDefinition, Storage
from fieldfare.definition.create import create_arguments, creation_order
from fieldfare.definition.info import parse_info
from fieldfare.definition.mismatches import find_mismatches

if TYPE_CHECKING:
    from fieldfare.server import Server

RECORDED = Path(__file__).parent.parent / "data" / "ft_info"
CASES = [
    pytest.param(case, id=f"{path.stem}-{case['case']}")
    for path in sorted(RECORDED.glob("*.json"))
    for case in json.loads(path.read_text())["cases"]
    if "error" not in case
]
UNTOLD = {"PHONETIC", "EF_RUNTIME", "EPSILON", "INITIAL_CAP", "BLOCK_SIZE"}
IMPLIED = {"M": "16", "EF_CONSTRUCTION": "200", "TRAINING_THRESHOLD": "10240"}


def text(name: str, **attrs: Any) -> Field:
    return Field(name, FieldType.TEXT, name, attrs)


def number(name: str, **attrs: Any) -> Field:
    return Field(name, FieldType.NUMERIC, name, attrs)


def index(*fields: Field, **options: Any) -> IndexDefinition:
    return IndexDefinition("idx", Storage.HASH, ("d:",), fields, **options)


def create(*fields: Field, **options: Any) -> str:
    return b" ".join(create_arguments(index(*fields, **options))).decode()


def definition_parts(reply: Any) -> Any:
    reply = reply if isinstance(reply, dict) else dict(zip(reply[::2], reply[1::2], strict=True))
    return [reply.get(key) for key in (b"index_options", b"index_definition", b"attributes", b"stopwords_list")]


def recreated(server: Server, arguments: list[Any]) -> tuple[Any, Any]:
    """Create, read, drop and create an index from what was read; return what the server said of both."""
    server.command(*arguments)
    first = server.command("FT.INFO", arguments[1])
    definition = parse_info(first).definition
    server.command("FT.DROPINDEX", arguments[1])
    server.command(*create_arguments(definition))
    second = server.command("FT.INFO", arguments[1])
    server.command("FT.DROPINDEX", arguments[1])
    return definition_parts(first), definition_parts(second)


@pytest.mark.parametrize("case", CASES)
def test_what_was_read_means_what_was_written(case: dict[str, Any]) -> None:
    written = list(case["ft_create"])
    told = [word.decode() for word in create_arguments(parse_info(case["resp2"]).definition)]
    for word in UNTOLD & set(written):
        position = written.index(word)
        del written[position : position + 2]
    for word, value in IMPLIED.items():
        if word in told and word not in written:
            assert told[told.index(word) + 1] == value
            del told[told.index(word) : told.index(word) + 2]
    if "LANGUAGE" in written:
        assert written[written.index("LANGUAGE") + 1] == "english"
        del written[written.index("LANGUAGE") : written.index("LANGUAGE") + 2]
    # How many vector parameters there are, and in which order the rest stands, does not matter here.
    assert sorted(word for word in told if not word.isdigit()) == sorted(word for word in written if not word.isdigit())


@pytest.mark.parametrize("case", CASES)
def test_recorded_indexes_are_created_again_as_they_were(server: Server, case: dict[str, Any]) -> None:
    name = case["ft_create"][1]
    try:
        server.command(*case["ft_create"])
    except ResponseError as error:
        pytest.skip(f"this server refuses it: {error}")
    server.command("FT.DROPINDEX", name)
    first, second = recreated(server, case["ft_create"])
    assert first == second


def test_options_of_the_index() -> None:
    assert create(
        text("title"),
        filter="@a > 1",
        language="german",
        language_field="l",
        score=0.3,
        score_field="s",
        payload_field="p",
        stopwords=("a", "b"),
        options=("NOFREQS",),
        temporary=60,
        index_all=True,
    ) == (
        "FT.CREATE idx ON HASH PREFIX 1 d: FILTER @a > 1 LANGUAGE german LANGUAGE_FIELD l SCORE 0.3 SCORE_FIELD s "
        "PAYLOAD_FIELD p TEMPORARY 60 INDEXALL ENABLE NOFREQS STOPWORDS 2 a b SCHEMA title TEXT"
    )


def test_options_of_a_field_stand_where_the_server_looks_for_them(server: Server) -> None:
    field = text("t", weight=2.0, no_stem=True, index_missing=True, index_empty=True, sortable=True, unf=True)
    field = evolve(field, attrs={**field.attrs, "withsuffixtrie": True, "phonetic_matcher": "dm:en"})
    arguments = create_arguments(index(field))
    assert arguments[arguments.index(b"TEXT") :] == (
        b"TEXT WEIGHT 2 NOSTEM PHONETIC dm:en WITHSUFFIXTRIE INDEXEMPTY INDEXMISSING SORTABLE UNF".split()
    )
    first, second = recreated(server, arguments)
    assert first == second


def test_a_field_with_another_name_has_an_alias() -> None:
    assert create(Field("title", FieldType.TEXT, "t")).endswith("SCHEMA t AS title TEXT")


@pytest.mark.parametrize(
    ("value", "spelled"),
    [(2.0, "2"), (0.1, "0.1"), (0.1 + 0.2, "0.30000000000000004"), (1e-9, "1e-09"), (1e20, "1e+20"), (0.0, "0")],
)
def test_numbers_survive(server: Server, value: float, spelled: str) -> None:
    assert f"WEIGHT {spelled}" in create(text("t", weight=value))
    server.command(*create_arguments(index(text("t", weight=value))))
    assert parse_info(server.command("FT.INFO", "idx")).definition.fields[0].attrs == {"weight": value}


def test_vectors_count_their_parameters() -> None:
    attrs: dict[str, AttributeValue] = {
        "algorithm": "HNSW",
        "dims": 4,
        "datatype": "float16",
        "distance_metric": "l2",
        "epsilon": 0.2,
    }
    vector = Field("v", FieldType.VECTOR, "v", {**attrs, "m": 8, "ef_runtime": 33, "index_missing": True})
    assert create(vector).endswith(
        "v VECTOR HNSW 14 TYPE FLOAT16 DIM 4 DISTANCE_METRIC L2 M 8 EF_CONSTRUCTION 200 EF_RUNTIME 33 EPSILON 0.2 "
        "INDEXMISSING"
    )


def test_attributes_of_another_algorithm_are_not_written() -> None:
    attrs: dict[str, AttributeValue] = {
        "algorithm": "FLAT",
        "dims": 4,
        "datatype": "float32",
        "distance_metric": "ip",
        "m": 8,
    }
    assert create(Field("v", FieldType.VECTOR, "v", attrs)).endswith("FLAT 6 TYPE FLOAT32 DIM 4 DISTANCE_METRIC IP")


def test_svs_writes_what_belongs_together() -> None:
    attrs: dict[str, AttributeValue] = {
        "algorithm": "SVS-VAMANA",
        "dims": 8,
        "datatype": "float32",
        "distance_metric": "ip",
    }
    bare = create(Field("v", FieldType.VECTOR, "v", {**attrs, "training_threshold": 2048, "reduce": 4}))
    assert "TRAINING_THRESHOLD" not in bare
    assert "REDUCE" not in bare
    lean = create(Field("v", FieldType.VECTOR, "v", {**attrs, "compression": "LeanVec4x8", "reduce": 4}))
    assert lean.endswith("COMPRESSION LeanVec4x8 TRAINING_THRESHOLD 10240 REDUCE 4")
    read_back = create(Field("v", FieldType.VECTOR, "v", {**attrs, "compression": "GlobalSQ8"}))
    assert "COMPRESSION LVQ8" in read_back


def test_sorting_unnormalized_needs_sorting(server: Server) -> None:
    server.command(*create_arguments(index(text("t", unf=True), number("n", sortable=True, unf=True))))
    assert parse_info(server.command("FT.INFO", "idx")).definition.fields == (text("t"), number("n", sortable=True))


def test_a_path_that_reads_as_an_option_moves_to_the_front(server: Server) -> None:
    # Made with FT.ALTER; FT.CREATE would take "weight" for the weight of the title.
    server.command("FT.CREATE", "idx", "PREFIX", "1", "d:", "SCHEMA", "body", "TEXT", "title", "TEXT")
    server.command("FT.ALTER", "idx", "SCHEMA", "ADD", "weight", "NUMERIC")
    definition = parse_info(server.command("FT.INFO", "idx")).definition
    server.command("FT.DROPINDEX", "idx")
    server.command(*create_arguments(definition))
    found = parse_info(server.command("FT.INFO", "idx")).definition
    assert [field.name for field in found.fields] == ["weight", "body", "title"]
    assert find_mismatches(definition, found) == ()


@pytest.mark.parametrize(
    ("fields", "order"),
    [
        ((number("price"), number("weight")), "price weight"),
        ((text("title", sortable=True), number("weight")), "title weight"),
        ((text("title", sortable=True), number("unf")), "unf title"),
        ((text("title", sortable=True, unf=True, no_index=True), number("unf")), "title unf"),
        ((Field("shape", FieldType.GEOSHAPE, "shape"), number("flat")), "shape flat"),
        ((text("a"), number("b"), text("nostem"), text("c")), "a b nostem c"),
        ((number("a"), text("b"), text("NoStem")), "a NoStem b"),
        ((text("a"), Field("weight", FieldType.NUMERIC, "w")), "a weight"),
    ],
)
def test_fields_move_only_where_they_must(server: Server, fields: tuple[Field, ...], order: str) -> None:
    assert " ".join(field.name for field in creation_order(fields)) == order
    server.command(*create_arguments(index(*fields)))
    assert len(parse_info(server.command("FT.INFO", "idx")).definition.fields) == len(fields)


def test_fields_that_no_order_fits_are_refused() -> None:
    with pytest.raises(ValueError, match="parses the path 'noindex'"):
        create_arguments(index(text("sortable"), text("noindex")))
