"""The comparison with RedisVL measures what it says, and the documentation quotes its file."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve

from comparison.cases import COMMANDS, Case, make_cases
from comparison.documents import INDEX, WORDNET, load_embeddings, load_texts, load_vectors
from comparison.floor import PARTS, measure_floor
from comparison.page import BEGIN, END, make_page, make_quote, quote
from comparison.query_client import Outage, QueryClient
from comparison.results import CaseResult, Figures, read, write
from comparison.rounds import Setting, run_case
from comparison.tools import FIELDFARE, REDISVL, Tool, find_fieldfare, find_redisvl
from fieldfare.server import Server, connect
from fieldfare.server.inspect import read_definition
from fieldfare.testing.fixtures import PrivateServer
from fieldfare.testing.indexing import wait_until_indexed

ROOT = Path(__file__).parents[2]
DATA = ROOT / "docs" / "benchmarks.json"
TEXTS = Case("rename", load_texts(600), {INDEX: 600}, "rename_fields: [{old_name: kind, new_name: sort}]")


def figures(seconds: float, outage: float | None = None) -> Figures:
    return Figures(seconds, seconds, 50.0, seconds, outage)


@pytest.fixture
def result() -> CaseResult:
    """Three rounds of ``apply``, the second on a slow machine."""
    ours = [figures(1, 0.5), figures(4, 2), figures(1, 0.5)]
    theirs = [figures(2, 1), figures(4, None), figures(4, 1)]
    runs: dict[str, dict[str, list[Figures]]] = {
        "plan": {FIELDFARE: [], REDISVL: []},
        "apply": {FIELDFARE: ours, REDISVL: theirs},
    }
    return CaseResult("a case", 100, REDISVL, runs)


def test_the_page_and_the_readme_quote_the_file() -> None:
    comparison = read(DATA)
    assert make_page(comparison) == (ROOT / "docs" / "benchmarks.md").read_text()
    assert f"{BEGIN}\n{make_quote(comparison)}{END}" in (ROOT / "README.md").read_text()


def test_figures_are_written_between_the_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    comparison = read(DATA)
    quote(comparison, page)
    assert page.read_text() == f"before\n{BEGIN}\n{make_quote(comparison)}{END}\nafter\n"
    page.write_text("no marks\n")
    with pytest.raises(SystemExit, match="no place for the figures"):
        quote(comparison, page)


def test_the_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    comparison = read(DATA)
    write(comparison, tmp_path / "again.json")
    assert read(tmp_path / "again.json") == comparison


def test_a_ratio_is_the_median_of_the_ratios_of_the_rounds(result: CaseResult) -> None:
    assert result.median("apply", FIELDFARE, "wall_seconds") == 1
    assert result.ratio("apply", FIELDFARE, "wall_seconds") == 2, "of 2, 1 and 4"


def test_there_is_no_figure_if_a_round_lacks_it(result: CaseResult) -> None:
    assert result.median("apply", REDISVL, "outage_seconds") is None
    assert result.ratio("apply", FIELDFARE, "outage_seconds") is None
    assert result.ratio("rollback", FIELDFARE, "wall_seconds") is None


def test_an_outage_lasts_from_the_first_bad_answer_to_the_first_good_one() -> None:
    outage = Outage()
    for now, complete in ((1, True), (2, False), (3, False), (5, True), (6, True), (7, False), (8, True)):
        outage.note(now, complete=complete)
    assert (outage.seconds, outage.since) == (4, None)


def test_an_outage_that_has_not_ended_has_no_length() -> None:
    client = QueryClient({"whole": 10, "partial": 9}.__getitem__, {"whole": 10, "partial": 10})
    assert client.query() > 0
    assert client.total() is None
    assert len(client.answer_seconds) == 1, "an answer that lacks documents is no answer in full"


def test_one_slow_query_of_a_hundred_is_beyond_p99() -> None:
    client = QueryClient(len, {})
    assert client.p99_ms() is None
    client.answer_seconds += [0.002] * 99 + [1.0]
    assert client.p99_ms() == 2
    client.answer_seconds += [1.0]
    assert client.p99_ms() == 1000


def test_a_case_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    broken = Tool(REDISVL, ("/bin/false",), "0")
    result = run_case(TEXTS, Setting(find_fieldfare(), broken, rounds=1))
    assert result is not None
    for command in COMMANDS:
        [measured] = result.runs[command][FIELDFARE]
        assert min(measured.wall_seconds, measured.cpu_seconds, measured.server_seconds) > 0
        assert 20 < measured.peak_mib < 300
        assert (measured.outage_seconds is None) == (command == "plan")
        assert (measured.query_p99_ms is None) == (command == "plan")
        assert result.runs[command][REDISVL] == []
    assert len(result.build_seconds) == 1
    assert result.baseline is None, "RedisVL has no figures to compare with"
    assert "exit code 1" in result.notes[0]
    assert "rename: fieldfare, round 1 of 1" in capsys.readouterr().err


def test_a_case_that_no_server_can_run_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    tool = find_fieldfare()
    assert run_case(evolve(TEXTS, search=(99, 0, 0)), Setting(tool, tool, rounds=1)) is None
    assert "--newer-server" in capsys.readouterr().err


def test_the_floor_does_the_whole_migration(private_server: PrivateServer) -> None:
    embedded = private_server(tcp=True)
    with connect(embedded.url) as server:
        load_vectors(700, 8)(server)
        wait_until_indexed(server)
        assert set(measure_floor(server, embedded.port, 700, 8)) == set(PARTS)
        [field] = read_definition(server, INDEX).fields
        assert field.attrs["datatype"] == "float16"
        assert server.command("HSTRLEN", "doc:699", "vec") == 16


def test_more_embeddings_are_made_of_those_in_the_file(server: Server) -> None:
    load_embeddings(2500, WORDNET, "FLAT")(server)
    values = server.bulk([("HGET", f"doc:{row}", "vec") for row in range(2500)])
    assert len(set(values)) >= 2490, "nearly all of the file's and all of the others differ"
    assert {len(value) for value in values} == {384 * 4}


def test_every_case_has_a_name_of_its_own() -> None:
    names = [case.name for case in make_cases(WORDNET)]
    assert len(set(names)) == len(names) == 10


def test_an_environment_without_redisvl_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="has no redisvl: run 'make compare'"):
        find_redisvl(tmp_path / "python")
