"""A target whose answers to the user's queries differ too much gets no name, and the user sees which ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest

from fieldfare.cli.app import run
from fieldfare.server import Server
from fieldfare.server.index_names import real_name
from fieldfare.testing.digest import database_digest
from fieldfare.testing.indexing import wait_until_indexed

QUERIES: Final = "queries:\n  - {name: words, search: '@t:(word|7)'}\n  - {name: sevens, search: '@t:7'}\n"
STOPWORD: Final = "version: 1\nmode: shadow\nchanges:\n  index: {stopwords: [word]}\n"
APPLY: Final = ("apply", "--backup-dir", "backup", "--query-check-file", "queries.yaml")
SWITCH: Final = ("switch", "--backup-dir", "backup", "--query-check-file", "queries.yaml")


@pytest.fixture
def planned(server: Server, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    """Give a server with an index, and a plan for it in the current directory: the word of a query finds nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FIELDFARE_URL", redis_url)
    server.bulk([("HSET", f"d:{row}", "t", f"word {row}") for row in range(20)])
    server.command("FT.CREATE", "books", "PREFIX", 1, "d:", "SCHEMA", "t", "TEXT")
    wait_until_indexed(server)
    Path("patch.yaml").write_text(STOPWORD)
    Path("queries.yaml").write_text(QUERIES)
    assert run(["plan", "--index", "books", "--schema-patch", "patch.yaml"]) == 0
    return server


@pytest.mark.parametrize("command", [APPLY, SWITCH], ids=["apply", "switch"])
def test_the_queries_that_differ_are_a_table(
    command: tuple[str, ...], planned: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    if command is SWITCH:
        assert run(["apply", "--backup-dir", "backup", "--no-switch"]) == 0
    documents = database_digest(planned)
    capsys.readouterr()
    assert run([*command, "--report-out", "report.yaml"]) == 4
    out, err = capsys.readouterr()
    table = out[out.index("Comparison FAILED: books against books__v2") :]
    rows = {line.split()[0]: line.split()[1:] for line in table.splitlines() if line.startswith(("words", "sevens"))}
    assert (rows["words"][0], rows["words"][-1]) == ("0.100", "NO")
    assert rows["sevens"][0] == "1.000"
    assert "overlap:words" not in out, "the queries stand in one table"
    assert "answers as before. 1 check failed: see the report above.\n" in err
    assert "finds too little" not in out + err, "a failed check is told once, in the report"
    assert (real_name(planned, "books"), database_digest(planned)) == ("books", documents)
    assert "overlap:words" in Path("report.yaml").read_text()

    assert run(["status", "--backup-dir", "backup"]) == 0
    status = capsys.readouterr().out
    assert "did not pass its checks" in status
    assert "running" not in status
    assert err.count("--query-check-file queries.yaml") == status.count("--query-check-file queries.yaml") == 1

    assert run(["apply", "--backup-dir", "backup"]) == 4, "a resumed run does not forget the queries"
    assert "'queries.yaml'" in capsys.readouterr().err
    assert real_name(planned, "books") == "books"
    Path("none.yaml").write_text("queries: []\n")
    assert run(["apply", "--backup-dir", "backup", "--query-check-file", "none.yaml"]) == 0
    assert real_name(planned, "books") == "books__v2"


def test_a_vector_that_is_not_there_is_missed_before_anything_is_built(
    planned: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("queries.yaml").write_text(
        "queries:\n  - {name: near, search: '*=>[KNN 1 @t $v]', params: {v: {key: 'd:99', field: t}}}\n"
    )
    assert run(APPLY) == 4
    assert "Nothing was changed.\n  - query 'near': " in capsys.readouterr().err
    assert real_name(planned, "books__v2") is None


def test_json_has_the_queries_in_the_report(planned: Server, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run([*APPLY, "--json"]) == 4
    error = json.loads(capsys.readouterr().out)["error"]
    findings = {each["name"]: each for each in error["report"]["validation"]["findings"]}
    assert findings["overlap:words"]["data"]["overlap"] == 0.1
    assert real_name(planned, "books") == "books"


@pytest.mark.parametrize("command", [APPLY, SWITCH], ids=["apply", "switch"])
def test_the_least_overlap_of_the_command_line_goes_before_that_of_the_file(
    command: tuple[str, ...], planned: Server
) -> None:
    Path("queries.yaml").write_text(f"min_overlap: 0.9\n{QUERIES}")
    assert run(APPLY) == 4
    assert run([*command, "--min-overlap", "0"]) == 0
    assert real_name(planned, "books") == "books__v2"


def test_a_least_overlap_without_queries_is_refused(planned: Server, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["apply", "--backup-dir", "backup", "--min-overlap", "0.5"]) == 2
    assert "--query-check-file" in capsys.readouterr().err
    assert real_name(planned, "books") == "books"
