"""FT.INFO replies, as recorded from three versions of search and as a server never gave them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fieldfare.definition import Field, FieldType, IndexDefinition, Storage
from fieldfare.definition.info import parse_info
from fieldfare.definition.mismatches import find_mismatches

RECORDED = Path(__file__).parent.parent / "data" / "ft_info"
CASES = [
    pytest.param(case, id=f"{path.stem}-{case['case']}")
    for path in sorted(RECORDED.glob("*.json"))
    for case in json.loads(path.read_text())["cases"]
    if "error" not in case
]


def as_bytes(reply: Any) -> Any:
    match reply:
        case str():
            return reply.encode()
        case list():
            return [as_bytes(each) for each in reply]
        case dict():
            return {as_bytes(key): as_bytes(value) for key, value in reply.items()}
    return reply


def flat(**parts: Any) -> list[Any]:
    """Return a RESP2 reply for an index with these parts."""
    reply = {
        "index_name": "idx",
        "index_options": [],
        "index_definition": ["key_type", "HASH", "prefixes", ["d:"], "default_score", "1"],
        "attributes": [],
    }
    return [word for pair in {**reply, **parts}.items() for word in pair]


@pytest.mark.parametrize("case", CASES)
def test_both_protocols_give_the_same_definition(case: dict[str, Any]) -> None:
    infos = [parse_info(spelled) for reply in (case["resp2"], case["resp3"]) for spelled in (reply, as_bytes(reply))]
    assert all(info.definition == infos[0].definition for info in infos)
    assert all(info.unknown == () for info in infos)


def test_everything_that_a_server_reports_is_kept() -> None:
    case = next(param.values[0] for param in CASES if param.id == "search-2.10.5-hash_all")
    assert isinstance(case, dict)
    assert parse_info(case["resp2"]).definition == IndexDefinition(
        name="rec",
        storage=Storage.HASH,
        prefixes=("doc:", "art:"),
        fields=(
            Field("title", FieldType.TEXT, "title", {"weight": 2.0, "sortable": True}),
            Field("content", FieldType.TEXT, "body", {"no_stem": True}),
            Field(
                "tag",
                FieldType.TAG,
                "tag",
                {
                    "separator": "|",
                    "case_sensitive": True,
                    "withsuffixtrie": True,
                    "index_empty": True,
                    "index_missing": True,
                },
            ),
            Field("year", FieldType.NUMERIC, "year", {"sortable": True}),
            Field("loc", FieldType.GEO, "loc"),
            Field("shape", FieldType.GEOSHAPE, "shape", {"coord_system": "FLAT"}),
            Field("raw", FieldType.TAG, "raw", {"sortable": True, "no_index": True}),
        ),
        filter="@year>2000",
        language_field="lang",
        score=0.5,
        score_field="sc",
        stopwords=("bar", "foo"),
    )


def test_svs_parameters_are_kept() -> None:
    case = next(param.values[0] for param in CASES if param.id == "search-8.2-svs")
    assert isinstance(case, dict)
    assert parse_info(case["resp3"]).definition.fields[0].attrs == {
        "algorithm": "SVS-VAMANA",
        "datatype": "float32",
        "dims": 4,
        "distance_metric": "l2",
        "graph_max_degree": 40,
        "construction_window_size": 250,
        "compression": "GlobalSQ8",
        "training_threshold": 10240,
    }


def test_what_is_not_understood_is_named() -> None:
    rule = ["key_type", "HASH", "prefixes", ["d:"], "default_score", "1", "colour", "blue"]
    title = ["identifier", "t", "attribute", "title", "type", "TEXT", "WEIGHT", "1", "SHINY", "SORTABLE"]
    sound = ["identifier", "s", "attribute", "s", "type", "SOUND"]
    info = parse_info(flat(index_definition=rule, index_options=["NOHL", "LOUD"], attributes=[title, sound]))
    assert info.unknown == (
        "index definition colour = 'blue'",
        "index option LOUD",
        "SHINY of field 'title'",
        "type SOUND of field 's'",
    )
    assert info.definition.options == ("NOHL",)
    assert info.definition.fields == (Field("title", FieldType.TEXT, "t", {"sortable": True}),)


def test_what_is_not_understood_is_named_in_resp3_too() -> None:
    title = {"identifier": "t", "attribute": "title", "type": "TEXT", "GLOSS": 7, "flags": ["SHINY"]}
    rule = {"key_type": "STREAM", "prefixes": ["d:"]}
    reply = {"index_name": "i", "index_options": [], "index_definition": rule, "attributes": [title]}
    assert parse_info(reply).unknown == ("GLOSS = '7' of field 'title'", "SHINY of field 'title'", "key type STREAM")


@pytest.mark.parametrize("resp2", [False, True])
def test_a_vector_of_search_8_10(*, resp2: bool) -> None:
    """It reports EF_RUNTIME, and RERANK of an index on disk, which FT.CREATE here would not get."""
    row: dict[str, Any] = {"identifier": "v", "attribute": "v", "type": "VECTOR", "algorithm": "HNSW"}
    row |= {"data_type": "FLOAT32", "dim": 4, "distance_metric": "COSINE", "M": 16, "ef_construction": 200}
    row |= {"ef_runtime": 17} if resp2 else {"ef_runtime": 17, "flags": []}
    words: Any = [part for pair in row.items() for part in pair] if resp2 else row
    info = parse_info(flat(attributes=[words]))
    assert info.unknown == ()
    assert info.definition.fields[0].attrs["ef_runtime"] == 17
    on_disk: Any = [*words, "rerank", "true"] if resp2 else {**words, "rerank": "true"}
    assert parse_info(flat(attributes=[on_disk])).unknown == ("rerank = 'true' of field 'v'",)


def test_text_that_may_hold_a_line_break_is_named() -> None:
    rule = ["key_type", "HASH", "prefixes", ["a\\nb"], "filter", "@x==1\\r\\n"]
    info = parse_info(flat(index_definition=rule))
    assert info.ambiguous == ("@x==1\\r\\n", "a\\nb")
    assert info.unknown == ()


def test_names_that_read_like_keywords_confuse_nobody() -> None:
    rows = [
        ["identifier", "type", "attribute", "SORTABLE", "type", "TAG", "SEPARATOR", "SEPARATOR", "SORTABLE"],
        ["identifier", "attribute", "attribute", "flags", "type", "NUMERIC", "NOINDEX"],
    ]
    info = parse_info(flat(attributes=rows))
    assert info.unknown == ()
    assert info.definition.fields == (
        Field("SORTABLE", FieldType.TAG, "type", {"separator": "SEPARATOR", "sortable": True}),
        Field("flags", FieldType.NUMERIC, "attribute", {"no_index": True}),
    )


def test_a_json_tag_has_no_separator_unless_it_has_one() -> None:
    rule = ["key_type", "JSON", "prefixes", ["d:"], "default_score", "1"]
    rows = [
        ["identifier", "$.a", "attribute", "a", "type", "TAG", "SEPARATOR", ""],
        ["identifier", "$.b", "attribute", "b", "type", "TAG", "SEPARATOR", ","],
    ]
    first, second = parse_info(flat(index_definition=rule, attributes=rows)).definition.fields
    assert first.attrs == {}
    assert second.attrs == {"separator": ","}


def test_a_score_that_is_not_reported_is_zero() -> None:
    assert parse_info(flat(index_definition=["key_type", "HASH", "prefixes", ["d:"]])).definition.score == 0.0


def test_default_language_payload_field_and_indexes_all() -> None:
    rule = ["key_type", "HASH", "prefixes", ["d:"], "default_language", "french", "payload_field", "p"]
    definition = parse_info(flat(index_definition=[*rule, "indexes_all", "true"])).definition
    assert (definition.language, definition.payload_field, definition.index_all) == ("french", "p", True)


def test_uncompressed_svs_has_no_compression() -> None:
    row: dict[str, Any] = {
        "identifier": "v",
        "attribute": "v",
        "type": "VECTOR",
        "algorithm": "SVS-VAMANA",
        "flags": [],
    }
    row |= {"data_type": "FLOAT16", "dim": 8, "distance_metric": "IP", "graph_max_degree": 32}
    row |= {"construction_window_size": 200, "compression": "NO_COMPRESSION"}
    info = parse_info(flat(attributes=[row]))
    assert info.unknown == ()
    assert "compression" not in info.definition.fields[0].attrs


def test_figures() -> None:
    stats = parse_info(
        flat(
            num_docs="12",
            hash_indexing_failures=3,
            indexing="1",
            percent_indexed="0.25",
            vector_index_sz_mb="1.5",
            total_index_memory_sz_mb="2.5",
        )
    ).stats
    assert (stats.num_docs, stats.hash_indexing_failures) == (12, 3)
    assert (stats.indexing, stats.percent_indexed) == (True, 0.25)
    assert (stats.vector_index_size_mb, stats.total_index_memory_size_mb) == (1.5, 2.5)


@pytest.mark.parametrize(("total", "expected"), [("0.75", 0.75), ("2.25", 0.75), ("0.77", 0.77), ("2.27", 0.77)])
def test_the_total_may_include_the_vectors(total: str, expected: float) -> None:
    parts = {"inverted_sz_mb": "0.5", "doc_table_size_mb": "0.25", "vector_index_sz_mb": "1.5"}
    stats = parse_info(flat(**parts, total_index_memory_sz_mb=total)).stats
    assert stats.other_memory_size_mb == pytest.approx(expected)


def test_figures_that_are_no_numbers() -> None:
    stats = parse_info(flat(vector_index_sz_mb="nan", percent_indexed="-nan", total_index_memory_sz_mb="inf")).stats
    assert (stats.vector_index_size_mb, stats.percent_indexed, stats.total_index_memory_size_mb) == (0.0, 1.0, 0.0)


def test_names_that_are_no_utf8_survive() -> None:
    row = [b"identifier", b"\xff", b"attribute", b"\xfe", b"type", b"TAG", b"SEPARATOR", b"\xfd"]
    (field,) = parse_info(flat(attributes=[row])).definition.fields
    assert field.path.encode("utf-8", "surrogateescape") == b"\xff"
    assert field.name.encode("utf-8", "surrogateescape") == b"\xfe"
    assert str(field.attrs["separator"]).encode("utf-8", "surrogateescape") == b"\xfd"


@pytest.mark.parametrize("reply", [[], {}, ["index_name"], flat(attributes=[["name", "a", "x", "b", "type", "TAG"]])])
def test_other_replies_are_refused(reply: Any) -> None:
    with pytest.raises(ValueError, match=r"not a reply to FT\.INFO"):
        parse_info(reply)


@pytest.mark.parametrize("case", CASES)
def test_the_same_index_has_no_differences(case: dict[str, Any]) -> None:
    assert find_mismatches(parse_info(case["resp2"]).definition, parse_info(case["resp3"]).definition) == ()
