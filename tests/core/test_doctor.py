"""What ``fieldfare doctor`` finds in an index."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import define

from fieldfare.api import examine_index
from fieldfare.cli.app import run
from fieldfare.definition import AttributeValue, Field, FieldType, Storage
from fieldfare.documents import Batch
from fieldfare.errors import InvalidHookResult
from fieldfare.examination import Examination
from fieldfare.examination.value_problem import value_problem
from fieldfare.hooks.examination import ExaminedIndex
from fieldfare.hooks.manager import load_plugins
from fieldfare.hooks.markers import hookimpl
from fieldfare.report import Finding, Severity
from fieldfare.server import Server
from fieldfare.testing.digest import database_digest
from fieldfare.testing.indexing import wait_until_indexed

NAN: Final = float("nan")
VECTOR: Final[dict[str, AttributeValue]] = {
    "algorithm": "flat",
    "dims": 2,
    "datatype": "float32",
    "distance_metric": "cosine",
}

NUMBERS: Final = (b"5", b"-1.5e3", b"inf", b"0x10", b"+5", b"5.", b".5", b"", b" 7", b"nan", b"abc", b"5abc", b"1_0")
PLACES: Final = (b"1,2", b"1 2", b"-1.5,2e1", b"1;2", b" 1, 2 ", b"1,2,3", b"181,2", b"1,86", b"x,y", b"")
JSON_VALUES: Final[tuple[Any, ...]] = (
    1,
    "a",
    [1, 2],
    None,
    True,
    {"a": 1},
    ["a", "b"],
    ["a", 5],
    [],
    "1,2",
    [1],
    ["1,2", None],
)
TYPES: Final = (FieldType.NUMERIC, FieldType.TAG, FieldType.TEXT, FieldType.GEO, FieldType.VECTOR)


def vector(*values: float) -> bytes:
    return struct.pack(f"<{len(values)}f", *values)


def named(found: Examination) -> dict[str, Finding]:
    return {each.name: each for each in found.findings if not each.passed}


@pytest.fixture
def ailing(server: Server) -> Server:
    """An index in which everything is wrong that can be."""
    rows: list[dict[str, Any]] = [
        {"n": row, "tag": "same", "title": f"t{row}", "v": vector(0.6, 0.8)} for row in range(6)
    ]
    rows += [{"n": "many", "tag": "same"}, {"n": "", "tag": "same"}, {"geo": "far away"}, {"v": b"123"}]
    rows += [{"v": vector(0, 0)}, {"v": vector(NAN, 1)}, {"v": vector(3, 4)}, {"v": vector(0.8, 0.6)}]
    server.bulk(
        [("HSET", f"d:{row}", *(part for item in each.items() for part in item)) for row, each in enumerate(rows)]
    )
    fields = ("n", "NUMERIC", "SORTABLE", "tag", "TAG", "SORTABLE", "geo", "GEO", "title", "TEXT", "ghost", "TAG")
    server.command(
        *("FT.CREATE", "ailing", "PREFIX", 1, "d:", "SCHEMA", *fields),
        *("v", "VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", 2, "DISTANCE_METRIC", "IP"),
    )
    wait_until_indexed(server, "ailing")
    return server


def test_every_ailment_is_found_and_nothing_is_changed(ailing: Server) -> None:
    before = database_digest(ailing)
    found = examine_index("ailing", server=ailing)
    assert database_digest(ailing) == before
    findings = named(found)
    assert (found.documents, found.keys, found.examined, found.is_sample) == (10, 14, 14, False)
    assert {name: each.data["documents"] for name, each in findings.items() if "documents" in each.data} == {
        "unindexed:n": 2,
        "unindexed:geo": 1,
        "unindexed:v": 1,
        "vector_length:v": 1,
        "zero_vectors:v": 1,
        "non_finite_vectors:v": 1,
        "unnormalized_vectors:v": 1,
        "duplicate_vectors:v": 5,
    }
    assert sorted(findings["unindexed:n"].data["keys"]) == ["d:6", "d:7"]
    reason = "not in the index, because 'n' is not a number: 2 documents, such as "
    assert findings["unindexed:n"].detail in {f"{reason}d:6, d:7", f"{reason}d:7, d:6"}  # in the order of the scan
    assert "is not a vector of 8 bytes" in findings["unindexed:v"].detail
    assert "lengths found: 3 bytes (1), 8 bytes (10)" in findings["vector_length:v"].detail
    assert "none of 14 examined documents has 'ghost'" in findings["empty_field:ghost"].detail
    assert "all 8 values are equal" in findings["unused_sortable:tag"].detail
    assert "unused_sortable:n" not in findings
    assert findings["document_count"].severity is Severity.WARNING
    assert findings["indexing_failures"].data["fields"] == {"n": 2, "tag": 0, "geo": 1, "title": 0, "ghost": 0, "v": 1}
    sizes = {each.name: each for each in found.fields}
    assert (sizes["v"].documents, sizes["v"].document_bytes) == (11, 83)
    assert sizes["v"].index_bytes
    assert sizes["tag"].index_bytes is None
    assert found.index_memory_mb["vector_index_sz_mb"] > 0


def test_a_sound_index_has_no_findings(server: Server) -> None:
    server.bulk([("HSET", f"d:{row}", "n", row, "v", vector(row + 1, 1)) for row in range(20)])
    server.command(
        *("FT.CREATE", "sound", "PREFIX", 1, "d:", "SCHEMA", "n", "NUMERIC", "SORTABLE"),
        *("v", "VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", 2, "DISTANCE_METRIC", "COSINE"),
    )
    wait_until_indexed(server)
    found = examine_index("sound", server=server)
    assert named(found) == {}
    assert {"unindexed", "vectors:v"} <= {each.name for each in found.findings}


def test_a_sample_is_counted_up_to_the_whole_index(server: Server) -> None:
    server.bulk([("HSET", f"d:{row}", "n", f"{row:04}") for row in range(100)])
    server.command("FT.CREATE", "large", "PREFIX", 1, "d:", "SCHEMA", "n", "NUMERIC")
    wait_until_indexed(server)
    found = examine_index("large", server=server, sample=10)
    assert (found.documents, found.keys, found.examined, found.is_sample) == (100, 100, 10, True)
    assert [(each.documents, each.document_bytes) for each in found.fields] == [(10, 400)]


def test_a_filter_leaves_documents_out_on_purpose(server: Server) -> None:
    server.bulk([("HSET", f"d:{row}", "n", row) for row in range(10)])
    server.command("FT.CREATE", "some", "PREFIX", 1, "d:", "FILTER", "@n>4", "SCHEMA", "n", "NUMERIC")
    wait_until_indexed(server)
    found = examine_index("some", server=server, sample=None)
    assert found.keys is None
    assert named(found) == {}


@pytest.mark.parametrize(("values", "kind"), [(NUMBERS, "NUMERIC"), (PLACES, "GEO")])
def test_reasons_agree_with_the_server_on_hashes(values: Sequence[bytes], kind: str, server: Server) -> None:
    server.command("FT.CREATE", "i", "PREFIX", 1, "d:", "SCHEMA", "f", kind)
    server.bulk([("HSET", f"d:{number}", "f", value) for number, value in enumerate(values)])
    field = Field("f", FieldType(kind.lower()), "f")
    expected = {
        f"d:{number}".encode()
        for number, value in enumerate(values)
        if value_problem(field, Storage.HASH, value) is None
    }
    reply = server.command("FT.SEARCH", "i", "*", "NOCONTENT", "LIMIT", 0, 100)
    assert set(reply[1:] if isinstance(reply, list) else [each[b"id"] for each in reply[b"results"]]) == expected


def test_reasons_agree_with_the_server_on_json(server: Server) -> None:
    options = ("FLAT", 6, "TYPE", "FLOAT32", "DIM", 2, "DISTANCE_METRIC", "COSINE")
    for kind in TYPES:
        name = kind.value
        extra = options if kind is FieldType.VECTOR else ()
        server.command(
            "FT.CREATE", name, "ON", "JSON", "PREFIX", 1, f"{name}:", "SCHEMA", "$.f", "AS", "f", name, *extra
        )
        server.bulk([("JSON.SET", f"{name}:{at}", "$", json.dumps({"f": each})) for at, each in enumerate(JSON_VALUES)])
        wait_until_indexed(server, name)
        field = Field("f", kind, "$.f", VECTOR if extra else {})
        found = examine_index(name, server=server)
        unindexed = sum(each.data["documents"] for each in found.findings if each.name.startswith("unindexed:"))
        unfitting = [value for value in JSON_VALUES if value_problem(field, Storage.JSON, json.dumps(value).encode())]
        assert unindexed == len(unfitting), (name, unfitting)
        assert found.documents == len(JSON_VALUES) - unindexed, name
        assert "unindexed" not in named(found)


def test_the_command_ends_with_1_where_the_user_wants_it(
    ailing: Server, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FIELDFARE_URL", redis_url)
    monkeypatch.chdir(tmp_path)
    ailing.command("FT.CREATE", "plain", "PREFIX", 1, "e:", "SCHEMA", "n", "NUMERIC")
    ailing.command("HSET", "e:1", "other", 1)
    Path("schema.yaml").write_text(
        "index: {name: plain, prefix: 'e:', storage_type: hash}\n"
        "fields: [{name: n, type: numeric, attrs: {sortable: true}}]\n"
    )
    assert run(["doctor", "--index", "ailing"]) == 0
    text = capsys.readouterr().out
    assert "ailing: 14 documents read\n\nErrors:\n- " in text
    assert "\nWarnings:\n- " in text
    assert "\nAlso:\n- " in text
    assert run(["doctor", "--index", "ailing", "--fail-on", "error"]) == 1
    assert run(["doctor", "--index", "plain", "--fail-on", "error"]) == 0
    assert run(["doctor", "--index", "plain", "--fail-on", "warning"]) == 1
    assert run(["doctor", "--index", "plain", "--schema", "schema.yaml", "--fail-on", "error"]) == 1
    assert "- schema: field 'n': sortable: expected True, found False\n" in capsys.readouterr().out
    assert run(["doctor", "--index", "plain", "--all", "--sample", "3"]) == 2
    assert run(["doctor", "--index", "nope"]) == 4
    capsys.readouterr()

    assert run(["doctor", "--index", "ailing", "--json", "--report-out", "doctor.yaml"]) == 0
    assert json.loads(capsys.readouterr().out)["passed"] is False
    assert run(["doctor", "--index", "ailing", "--report-out", "direct.html"]) == 0
    assert run(["report", "doctor.yaml"]) == 0
    page = Path("doctor.html").read_text()
    assert page == Path("direct.html").read_text()
    assert "Memory by field" in page
    assert "✗ error" in page


@define
class PlainEmails:
    """Counts documents that have a field, and those that are not indexed."""

    paths: tuple[str, ...] = ("email",)
    seen: int = 0
    missing: int = 0

    def add(self, batch: Batch, unindexed: frozenset[bytes]) -> None:
        """Count them."""
        self.seen += sum(value is not None for value in batch["email"])
        self.missing += len(unindexed)

    def findings(self) -> list[Finding]:
        """Say how many."""
        return [Finding("acme.emails", passed=False, detail=f"{self.seen} plain, {self.missing} not indexed")]


def test_a_plugin_examines_fields_that_the_index_does_not_have(server: Server) -> None:
    class Acme:
        """Looks at plain emails."""

        @hookimpl
        def fieldfare_examine(self, index: ExaminedIndex) -> PlainEmails | None:
            """Look if there are numbers."""
            return PlainEmails() if index.definition.find("n") else None

    class Broken:
        """Answers with something else."""

        @hookimpl
        def fieldfare_examine(self) -> str:
            """Answer."""
            return "nothing"

    server.bulk([("HSET", f"d:{row}", "email", "a@b.c", "n", "x" if row else "1") for row in range(3)])
    server.command("FT.CREATE", "i", "PREFIX", 1, "d:", "SCHEMA", "n", "NUMERIC")
    plugins = load_plugins()
    plugins.register(Acme(), "acme")
    wait_until_indexed(server)
    found = examine_index("i", server=server, plugins=plugins)
    assert named(found)["acme.emails"].detail == "3 plain, 2 not indexed"
    plugins.register(Broken(), "broken")
    with pytest.raises(InvalidHookResult, match="a value of type str, which has no 'paths'"):
        examine_index("i", server=server, plugins=plugins)
