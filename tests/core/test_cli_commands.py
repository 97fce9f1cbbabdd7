"""Each command on a real server: its text and its JSON."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from fieldfare.backup.journal import Journal
from fieldfare.backup.progress import RunPhase
from fieldfare.cli.app import run
from fieldfare.server import Server
from fieldfare.support.yamlfile import load_yaml
from fieldfare.testing.indexing import wait_until_indexed

COUNT = 40
DIMS = 4

PATCH = """\
version: 1
changes:
  add_fields:
    - name: kind
      type: tag
  update_fields:
    - name: embedding
      attrs: {datatype: float16}
  index:
    name: articles_v2
"""


class Program:
    """The program, in this process, against one server."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str, code: int = 0) -> tuple[str, str]:
        """Run a command that must end with this code; return stdout and stderr."""
        self._capsys.readouterr()
        ended = run(arguments)
        out, err = self._capsys.readouterr()
        assert ended == code, err
        return out, err

    def json(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        """Run a command and read the one JSON document that it writes."""
        out, _ = self(*arguments, "--json", code=code)
        read = json.loads(out)
        assert isinstance(read, dict)
        return read


@pytest.fixture
def fieldfare(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Program:
    monkeypatch.setenv("FIELDFARE_URL", redis_url)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "patch.yaml").write_text(PATCH)
    return Program(capsys)


@pytest.fixture
def articles(server: Server) -> Server:
    """An index of documents with short vectors, a synonym group and an alias."""
    server.bulk(
        [
            (
                *("HSET", f"doc:{row}", "title", f"title {row}", "kind", "ab"[row % 2]),
                *("embedding", struct.pack(f"<{DIMS}f", row, 1, -row, 0.5)),
            )
            for row in range(COUNT)
        ]
    )
    server.command(
        *("FT.CREATE", "articles", "PREFIX", 1, "doc:", "STOPWORDS", 0, "SCHEMA", "title", "TEXT", "SORTABLE"),
        *("embedding", "VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "L2"),
    )
    server.command("FT.SYNUPDATE", "articles", "headings", "title", "heading")
    server.command("FT.ALIASADD", "news", "articles")
    wait_until_indexed(server, "articles")
    return server


def test_list(fieldfare: Program, articles: Server) -> None:
    articles.command("FT.CREATE", "zoo", "SCHEMA", "animal", "TAG")
    wait_until_indexed(articles, "zoo")
    articles.command("SET", "fieldfare:lock:zoo", '{"host": "db1", "pid": 7, "started": "2026-11-29"}')
    lines = fieldfare("list")[0].splitlines()
    assert lines[0] == "Indices:"
    assert lines[1].split() == ["Name", "Documents", "Storage", "Fields", "Vectors", "Memory"]
    assert lines[2].startswith("1.  articles  40         hash     2       embedding FLAT float32 4  ")
    assert lines[3].startswith("2.  zoo       40         hash     1       -  ")
    assert "   zoo: running: process 7 on db1 since 2026-11-29" in lines
    assert lines[-1] == "Next: fieldfare wizard --index NAME"
    machine = fieldfare.json("list")
    assert machine["indexes"] == ["articles", "zoo"]
    first, second = machine["details"]
    assert first["memory_bytes"] > 0
    assert first == {
        "name": "articles",
        "documents": COUNT,
        "storage": "hash",
        "prefixes": ["doc:"],
        "fields": 2,
        "vectors": [{"field": "embedding", "algorithm": "FLAT", "datatype": "float32", "dims": DIMS}],
        "memory_bytes": first["memory_bytes"],
        "aliases": None,
        "migration": None,
    }
    assert second["migration"] == "running: process 7 on db1 since 2026-11-29"


@pytest.mark.usefixtures("articles")
def test_list_names_a_migration_that_is_not_complete(fieldfare: Program, tmp_path: Path) -> None:
    fieldfare("plan", "--index", "articles", "--schema-patch", "patch.yaml")
    fieldfare("apply", "--backup-dir", "backup")
    assert fieldfare.json("list", "--backup-dir", "backup")["details"][0]["migration"] is None, "it is complete"
    journal = Journal.load(next((tmp_path / "backup").glob("*.header")))
    journal.update(phase=RunPhase.ACTIVE)
    (listed,) = fieldfare.json("list", "--backup-dir", "backup")["details"]
    assert listed["migration"].endswith("fieldfare status --backup-dir backup")
    assert "articles_v2: " in fieldfare("list", "--backup-dir", "backup")[0]


def test_list_without_indexes(fieldfare: Program, server: Server) -> None:
    del server
    assert fieldfare("list")[0] == "Indices:\n"
    assert fieldfare.json("list") == {"indexes": [], "details": []}


@pytest.mark.usefixtures("articles")
def test_info_by_alias(fieldfare: Program) -> None:
    text, _ = fieldfare("info", "--index", "news")
    facts = dict(line.split(":", 1) for line in text.partition("\n\n")[0].splitlines())
    facts = {name: value.strip() for name, value in facts.items()}
    assert facts["Index"] == "articles"
    assert facts["Documents"] == "40"
    assert facts["Prefixes"] == "'doc:'"
    assert facts["Stopwords"] == "none"
    assert facts["Aliases"] == "news"
    assert facts["Example key"].startswith("doc:")
    assert "headings: heading, title" in text
    assert "datatype=float32" in text

    machine = fieldfare.json("info", "--index", "news")
    assert machine["index"] == "articles"
    assert machine["stats"]["num_docs"] == COUNT
    assert machine["synonyms"] == {"headings": ["heading", "title"]}
    assert machine["aliases"] == ["news"]
    assert [each["name"] for each in machine["definition"]["fields"]] == ["title", "embedding"]


@pytest.mark.usefixtures("articles")
def test_plan(fieldfare: Program, tmp_path: Path) -> None:
    text, err = fieldfare("plan", "--index", "articles", "--schema-patch", "patch.yaml", "--alias", "news")
    assert err == ""
    head = text.splitlines()[:3]
    assert head == [
        f"Migration plan written to {tmp_path / 'migration_plan.yaml'}",
        "Mode: drop_recreate",
        "Supported",
    ]
    assert "  + field 'kind' (tag) [fields]\n" in text
    assert text.endswith("\nNext: fieldfare apply --plan migration_plan.yaml --backup-dir ./migration_backups\n")
    shown, _ = fieldfare("show")
    assert text.endswith(shown), "show says the same"
    assert "- Index downtime is required" in text
    assert "field 'embedding': datatype: float32 → float16" in text
    assert "rewrites documents, lossy" in text

    machine = fieldfare.json("plan", "--index", "articles", "--schema-patch", "patch.yaml", "--plan-out", "other.yaml")
    assert machine["supported"] is True
    assert machine["plan_path"] == str(tmp_path / "other.yaml")
    assert machine["plan"]["merged_target_schema"]["index"]["name"] == "articles_v2"
    assert "Index downtime is required" in machine["warnings"]


@pytest.mark.usefixtures("articles")
def test_a_script_can_tell_whether_a_plan_changes_something(fieldfare: Program) -> None:
    words = ("plan", "--index", "articles", "--schema-patch", "patch.yaml", "--exit-code")
    fieldfare(*words, code=5)
    assert fieldfare.json(*words, code=5)["supported"] is True


@pytest.mark.usefixtures("articles")
def test_a_blocked_plan_is_written_and_says_why(fieldfare: Program, tmp_path: Path) -> None:
    (tmp_path / "patch.yaml").write_text(
        "version: 1\nchanges:\n  update_fields:\n    - {name: embedding, attrs: {dims: 8}}\n"
    )
    out, err = fieldfare("plan", "--index", "articles", "--schema-patch", "patch.yaml", code=4)
    assert "Not supported\n" in out
    assert "  ! field 'embedding': dims: 4 → 8: BLOCKED\n" in out
    assert "Migration blocked: unsupported change" in err
    assert "Next, without the blocked changes: fieldfare plan --index articles --schema-patch patch.yaml" in err
    assert "dims: 4 → 8" in err
    assert load_yaml(tmp_path / "migration_plan.yaml").data["diff_classification"]["supported"] is False

    machine = fieldfare.json("plan", "--index", "articles", "--schema-patch", "patch.yaml", code=4)
    assert machine["supported"] is False
    assert machine["error"]["type"] == "ChangeBlocked"
    assert machine["error"]["reasons"] == machine["blocked_reasons"]
    assert fieldfare.json("apply", "--backup-dir", "backup", code=4)["error"]["type"] == "ChangeBlocked"


@pytest.mark.usefixtures("articles")
def test_a_patch_that_changes_nothing(fieldfare: Program, tmp_path: Path) -> None:
    (tmp_path / "patch.yaml").write_text("version: 1\nchanges: {}\n")
    out, _ = fieldfare("plan", "--index", "articles", "--schema-patch", "patch.yaml", "--exit-code")
    assert "No changes" in out
    out, _ = fieldfare("apply", "--backup-dir", "backup")
    assert out.startswith("Nothing to do")


@pytest.mark.usefixtures("articles")
def test_estimate_needs_no_server(fieldfare: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    fieldfare("plan", "--index", "articles", "--schema-patch", "patch.yaml")
    monkeypatch.setenv("FIELDFARE_URL", "redis://127.0.0.1:1")
    out, _ = fieldfare("estimate")
    assert out.startswith("Pre-migration disk space estimate:\nIndex: articles (40 documents)\n")
    assert "Vector field 'embedding': 4 dims, float32 -> float16" in out
    assert "AOF growth: not estimated (pass --aof-enabled if AOF is on, or --url to ask the server)" in out
    assert "(50% reduction)" in out
    assert "Downtime: less than 1 s" in out
    assert "- indexing: this server took " in out
    assert "not estimated" not in fieldfare("estimate", "--aof-enabled")[0]

    without, counted = fieldfare.json("estimate"), fieldfare.json("estimate", "--aof-enabled")
    assert without["aof_bytes"] is None
    assert counted["total_new_disk_bytes"] == without["total_new_disk_bytes"] + counted["aof_bytes"]
    assert without["memory_delta_bytes"] == -COUNT * DIMS * 2


@pytest.mark.usefixtures("articles")
def test_apply_reports_everything_and_rollback_restores_it(fieldfare: Program, tmp_path: Path) -> None:
    fieldfare("plan", "--index", "articles", "--schema-patch", "patch.yaml", "--alias", "news")
    outputs = ("--report-out", "report.yaml", "--benchmark-out", "benchmark.yaml")
    out, err = fieldfare("apply", "--backup-dir", "backup", *outputs)
    assert out.startswith("Migration succeeded: articles → articles_v2\n")
    assert "the live definition is the planned one" in out
    assert "Index downtime is required" not in out, "it is over"
    assert "- Lossy: field 'embedding'" in out
    assert "To roll back: fieldfare rollback --backup-dir " in out
    assert out.splitlines()[-1].startswith("Next: fieldfare validate --plan migration_plan.yaml --backup-dir ")
    assert "only the backup can restore" in err
    assert "40 docs" in err
    assert load_yaml(tmp_path / "report.yaml").data["result"] == "succeeded"
    benchmark = load_yaml(tmp_path / "benchmark.yaml").data
    assert benchmark["documents_rewritten"] == COUNT
    assert benchmark["timings"]["total_duration_seconds"] > 0

    written = [(tmp_path / name).read_bytes() for name in ("report.yaml", "benchmark.yaml")]
    again, warned = fieldfare("apply", "--backup-dir", "backup", *outputs)
    assert again.startswith("Nothing to do: ")
    assert "Warning" not in warned, "nothing is lost where nothing is done"
    assert [(tmp_path / name).read_bytes() for name in ("report.yaml", "benchmark.yaml")] == written, "kept"

    assert fieldfare("validate")[0].startswith("Validation passed: articles → articles_v2\n")
    machine = fieldfare.json("status", "--backup-dir", "backup")["migrations"]
    assert [(each["index"], each["phase"]) for each in machine] == [("articles", "validated")]
    assert "articles" in fieldfare("status", "--backup-dir", "backup", "--index", "articles")[0]

    out, err = fieldfare("rollback", "--backup-dir", "backup", "--index", "articles")
    assert out.startswith("Rolled back: articles\n")
    assert out.endswith("\nNext: fieldfare info --index articles\n")
    assert err.startswith("Rolling back 'articles_v2' to 'articles': 40 documents, started ")
    assert "; the index cannot be queried meanwhile\n" in err
    assert fieldfare.json("list")["indexes"] == ["articles"]
    assert fieldfare.json("info", "--index", "news")["index"] == "articles"


def test_apply_and_rollback_as_json(fieldfare: Program, articles: Server) -> None:
    del articles
    fieldfare("plan", "--index", "articles", "--schema-patch", "patch.yaml")
    report = fieldfare.json("apply", "--backup-dir", "backup")
    assert (report["result"], report["source_index"], report["target_index"]) == (
        "succeeded",
        "articles",
        "articles_v2",
    )
    assert report["rollback"].startswith("fieldfare rollback --backup-dir ")
    assert fieldfare.json("validate")["result"] == "succeeded"
    assert fieldfare.json("rollback", "--backup-dir", "backup")["result"] == "rolled_back"


@pytest.mark.usefixtures("articles")
def test_old_names_of_options_are_accepted_and_hidden(fieldfare: Program) -> None:
    fieldfare("plan", "--index", "articles", "--schema-patch", "patch.yaml")
    fieldfare("apply", "--backup-dir", "backup", "--retry-for", "0", "--timeout=30")
    fieldfare("rollback", "--backup-dir", "backup", "--retry-for=0")
    for command in ("apply", "batch-apply"):
        for old, name in (("--retry-for", "--reconnect-timeout"), ("--timeout", "--index-timeout")):
            _, err = fieldfare(command, f"{old}=-1", code=2)
            assert f"Invalid value for '{name}'" in err
            out, _ = fieldfare(command, "--help")
            assert name in out
            assert f"{old} " not in out


@pytest.mark.usefixtures("articles")
def test_validate_ends_with_1_where_a_check_fails(fieldfare: Program, tmp_path: Path) -> None:
    fieldfare("plan", "--index", "articles", "--schema-patch", "patch.yaml")
    out, err = fieldfare("validate", "--report-out", "report.yaml", code=1)
    assert out.startswith("Validation failed: articles → articles_v2\n")
    assert "NO (error)" in out
    assert err == ""
    assert load_yaml(tmp_path / "report.yaml").data["result"] == "failed"
    assert fieldfare.json("validate", code=1)["result"] == "failed"


def test_documents_are_compared_with_the_backup(fieldfare: Program, articles: Server) -> None:
    fieldfare("plan", "--index", "articles", "--schema-patch", "patch.yaml")
    out, _ = fieldfare("apply", "--backup-dir", "backup", "--verify", "full")
    assert f"{COUNT} of {COUNT} documents compared with the backup" in out
    compare = ("validate", "--backup-dir", "backup", "--verify", "full")
    assert fieldfare.json(*compare)["validation"]["passed"] is True
    key = articles.command("FT.SEARCH", "articles_v2", "*", "NOCONTENT", "LIMIT", 0, 1)
    name = (key[1] if isinstance(key, list) else key[b"results"][0][b"id"]).decode()
    articles.command("HSET", name, "embedding", struct.pack(f"<{DIMS}f", *range(DIMS)))  # in the old datatype
    out, _ = fieldfare(*compare, code=1)
    assert "with a newer, unconverted value: 1 document" in out
    assert name in out
    _, err = fieldfare("validate", "--verify", "full", code=2)
    assert "give its directory, too" in err
    fieldfare("rollback", "--backup-dir", "backup", "--yes")
    _, err = fieldfare(*compare, code=4)
    assert "there is no migrated index to compare it with" in err
