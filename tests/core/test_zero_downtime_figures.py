"""The load benchmark measures what it says, and the documentation quotes its file."""

from __future__ import annotations

from pathlib import Path

from comparison.documents import WORDNET
from fieldfare.server import Server
from fieldfare.testing.load import Answer
from live.documents import Dictionary
from live.measure import CASES, find_outage, run_case
from live.page import BEGIN, END, make_section
from live.results import read, write

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_quotes_the_file(tmp_path: Path) -> None:
    run = read(DOCS / "zero_downtime.json")
    assert f"{BEGIN}\n{make_section(run)}{END}" in (DOCS / "zero-downtime.md").read_text()
    write(run, tmp_path / "again.json")
    assert read(tmp_path / "again.json") == run


def test_an_outage_lasts_until_a_query_succeeds() -> None:
    answers = [Answer(1, 0.1, 3), Answer(2, 0.1, 0, "no such index"), Answer(3, 0.1, 0), Answer(5, 0.1, 3)]
    assert find_outage(answers) == 3
    assert find_outage(answers[:1]) == 0


def test_clients_see_an_outage_of_a_dropped_index_alone(server: Server, redis_url: str) -> None:
    dictionary = Dictionary.read(WORDNET.with_name("documents.jsonl"), WORDNET, 200)
    rolled_back, dropped = CASES[1], CASES[-1]
    result = run_case(rolled_back, server, redis_url, dictionary)
    assert sum(each.errors + each.empty for each in result.parts.values()) == 0
    assert (result.outage_seconds, result.not_found, result.write_errors) == (0, 0, 0)
    assert result.back_ms is not None
    assert {"before", "apply", "apply: switch", "after", "rollback", "rollback: switch"} <= result.parts.keys()
    result = run_case(dropped, server, redis_url, dictionary)
    assert result.outage_seconds > 0
    assert result.not_found == 0
