"""The outputs that pages show are what the commands print today, but for figures, times, paths and widths."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from io import BytesIO, TextIOWrapper
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from attrs import evolve

from fieldfare.cli.app import run
from fieldfare.cli.demo_data import create, load
from fieldfare.plan.file import load_plan
from fieldfare.server import Server
from fieldfare.testing.commandline import CommandLine
from fieldfare.testing.indexing import wait_until_indexed
from pages import DOCS, PAGES, ROOT, blocks, page_name

LANGUAGES: Final = ("", "text", "console")
VARIABLE: Final = (
    (r"needs search [\d.]+", ""),
    (r"(?<!\w)\.?/[\w./-]+", "PATH"),
    (r"batch_\d{8}_\d{6}", "BATCH"),
    (r"\d{4}-\d\d-\d\dT[\d:]+Z|\b\d\d:\d\d:\d\d\b", "TIME"),
    (r"(?:about )?\d[\d,.]* min(?: \d+ s)?|(?:about |less than )?\d[\d,.]* m?s\b", "DURATION"),
    (r"\((?:documents DURATION, )?index DURATION\)", "(PARTS)"),
    (r"\d[\d,.]* (?:bytes|[KMG]B)", "SIZE"),
    (r"(?<![\w.])\d[\d,]*(?:\.\d+)?%?", "N"),
    (r"\s+", " "),
)
"""What differs from run to run → what stands for it here."""

CATEGORIES: Final = ("owls", "gulls", "crows", "finches", "Raptors")
QUERIES: Final = """\
queries:
  - name: like doc:17
    search: "*=>[KNN 10 @embedding $vector AS distance]"
    params: {vector: {key: "doc:17", field: embedding}}
  - name: owls since 1990
    search: "@title:owl @year:[1990 +inf]"
    top: 50
  - name: per category
    aggregate: "*"
    arguments: [GROUPBY, 1, "@category", REDUCE, COUNT, 0, AS, count]
"""
FLOAT16: Final = {"update_fields": [{"name": "embedding", "attrs": {"datatype": "float16"}}]}


def masked(text: str) -> str:
    for pattern, replacement in VARIABLE:
        text = re.sub(pattern, replacement, text)
    return text.strip()


def block(page: str, start: str) -> str:
    """Return the only block of a page with a line that starts so; lines with a prompt are not output."""
    shown = blocks(DOCS / page, *LANGUAGES)
    [found] = [each for each in shown if any(line.startswith(start) for line in each.splitlines())]
    return "".join(line for line in found.splitlines(keepends=True) if not line.startswith("$ "))


def assert_shown(page: str, start: str, output: str) -> None:
    """Compare a block with an output; ``...`` on the page stands for anything."""
    shown, printed = masked(block(page, start)), masked(output)
    pattern = ".*?".join(re.escape(part) for part in shown.split("..."))
    assert re.fullmatch(pattern, printed), f"{page} shows\n{shown}\n\nand the command prints\n{printed}"


@pytest.fixture
def fieldfare(redis_url: str, server: Server, tmp_path: Path) -> CommandLine:
    del server
    return CommandLine(redis_url, tmp_path)


@pytest.fixture
def fill(server: Server) -> Callable[..., None]:
    """Creates an index over hashes with a title and a float32 vector."""

    def create_index(name: str, prefix: str = "", *, count: int = 20, more: Sequence[str] = (), dims: int = 8) -> None:
        vectors = np.random.default_rng(len(name)).standard_normal((count, dims)).astype("<f4")
        rows = enumerate(vectors)
        keys = prefix or f"{name}:"
        server.bulk([("HSET", f"{keys}{row}", "title", f"t {row}", "embedding", each.tobytes()) for row, each in rows])
        vector = ("embedding", "VECTOR", "HNSW", 6, "TYPE", "FLOAT32", "DIM", dims, "DISTANCE_METRIC", "COSINE")
        server.command("FT.CREATE", name, "PREFIX", 1, keys, "SCHEMA", "title", "TEXT", *more, *vector)
        wait_until_indexed(server, name)

    return create_index


def write_patch(fieldfare: CommandLine, changes: Any) -> None:
    (fieldfare.directory / "patch.yaml").write_text(json.dumps({"version": 1, "changes": changes}))


# ---- commands


def test_list(fieldfare: CommandLine, server: Server, fill: Callable[..., None]) -> None:
    fill("articles", more=("year", "NUMERIC"), dims=384)
    server.command("FT.CREATE", "zoo", "ON", "JSON", "PREFIX", 1, "z:", "SCHEMA", "$.a", "AS", "a", "TAG")
    assert_shown("command-line.md", "Indices:", fieldfare("list").stdout.replace("bytes", "KB"))


def test_plan(fieldfare: CommandLine, fill: Callable[..., None]) -> None:
    fill("articles", more=("legacy", "TEXT"), dims=384)
    added = {"add_fields": [{"name": "price", "type": "numeric"}], "remove_fields": ["legacy"]}
    write_patch(fieldfare, FLOAT16 | added)
    assert fieldfare("plan", "--index", "articles", "--schema-patch", "patch.yaml").code == 0
    shown = fieldfare("show", "migration_plan.yaml").stdout.partition("\n\nWarnings:")[0]
    measured = "- indexing: this server took 1 ms per document for the current index (FT.INFO)"
    shown = re.sub("^- indexing: .*", measured, shown, flags=re.MULTILINE)  # a small index may be too fast to measure
    assert_shown("command-line.md", "articles (", shown)


def test_estimate_with_an_executor(fieldfare: CommandLine, fill: Callable[..., None]) -> None:
    fill("articles", dims=768)
    write_patch(fieldfare, FLOAT16)
    assert fieldfare("plan", "--index", "articles", "--schema-patch", "patch.yaml").code == 0
    path = fieldfare.directory / "migration_plan.yaml"
    # the same time for each of the 20 documents on any server
    path.write_text(re.sub("index_seconds: .*", "index_seconds: 0.004", path.read_text()))
    size = ("--workers", "40", "--nodes", "10", "--documents", "100000000")
    estimated = fieldfare("estimate", "--executor", "dask://scheduler:8786", *size).stdout
    shown = estimated.partition("\n\n")[2].partition("\n\nNext:")[0]
    assert_shown("many-machines.md", "With --executor", shown)


def test_wizard(
    redis_url: str,
    fill: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fill("articles")
    monkeypatch.chdir(tmp_path)
    answers = "1\ncategory\ntag\nn\n|\n8\n"
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(answers.encode()), encoding="utf-8"))
    assert run(["wizard", "--index", "articles", "--url", redis_url]) == 0
    assert_shown("wizard.md", "Building a migration plan", capsys.readouterr().out)


def test_wizard_of_a_change_that_cannot_be_done(
    redis_url: str,
    fill: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fill("articles")
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(b"1\nimage\nvector\n"), encoding="utf-8"))
    assert run(["wizard", "--index", "articles", "--url", redis_url]) == 2
    _, refused, asked_again = capsys.readouterr().out.split("Field type:")[-3:]
    assert_shown("wizard.md", "Field type: vector", f"Field type:{refused}Field type:")
    assert asked_again.strip() == ""


def test_compare(fieldfare: CommandLine, server: Server) -> None:
    vectors = np.random.default_rng(1).standard_normal((40, 8)).round(3).tolist()
    for row, vector in enumerate(vectors):
        kind = CATEGORIES[row % len(CATEGORIES)]
        facts = {"title": "owl" if row % 3 else "gull", "year": 1960 + row * 2, "category": kind, "group": kind.lower()}
        server.command("JSON.SET", f"doc:{row}", "$", json.dumps({**facts, "embedding": vector}))
    for name, datatype, path in (("articles", "FLOAT32", "$.category"), ("articles_v2", "FLOAT16", "$.group")):
        fields = ("$.title", "AS", "title", "TEXT", "$.year", "AS", "year", "NUMERIC", path, "AS", "category", "TAG")
        vector = ("$.embedding", "AS", "embedding", "VECTOR", "FLAT", 6, "TYPE", datatype, "DIM", 8)
        metric = ("DISTANCE_METRIC", "COSINE")
        server.command("FT.CREATE", name, "ON", "JSON", "PREFIX", 1, "doc:", "SCHEMA", *fields, *vector, *metric)
        wait_until_indexed(server, name)
    (fieldfare.directory / "queries.yaml").write_text(QUERIES)
    names = ("--index", "articles", "--against", "articles_v2")
    compared = fieldfare("compare", *names, "--query-check-file", "queries.yaml")
    assert_shown("comparing-indexes.md", "Comparison FAILED", compared.stdout)


def test_missing_right(fieldfare: CommandLine, server: Server, fill: Callable[..., None]) -> None:
    fill("articles")
    server.command("FT.ALIASADD", "news", "articles")
    server.command("ACL", "SETUSER", "limited", "on", ">secret", "~*", "&*", "+@all", "-ft.aliasupdate")
    limited = CommandLine(fieldfare.url.replace("://", "://limited:secret@"), fieldfare.directory)
    write_patch(fieldfare, FLOAT16)
    try:
        assert limited("plan", "--index", "news", "--schema-patch", "patch.yaml").code == 0
        refused = limited("apply", "--backup-dir", "backups")
    finally:
        server.command("ACL", "DELUSER", "limited")
    assert refused.code == 4
    assert_shown("rights.md", "Error: This Redis user", refused.stderr.splitlines()[-1])


# ---- steps of plans without an outage


@pytest.mark.parametrize(
    ("page", "first", "changes"),
    [
        (
            "zero-downtime.md",
            "1     expand",
            {"update_fields": [{"name": "embedding", "attrs": {"algorithm": "flat"}}]},
        ),
        ("shadow-fields.md", "1     rewrite   Convert", FLOAT16),
        (
            "shadow-fields.md",
            "1     rewrite   Copy",
            {"rename_fields": [{"old_name": "title", "new_name": "headline"}]},
        ),
        ("shadow-keys.md", "1     rewrite   Move", {"index": {"prefix": "article:"}}),
    ],
)
def test_steps(page: str, first: str, changes: Any, fieldfare: CommandLine, fill: Callable[..., None]) -> None:
    fill("books", "doc:")
    write_patch(fieldfare, changes)
    assert fieldfare("plan", "--index", "books", "--schema-patch", "patch.yaml", "--mode", "shadow").code == 0
    steps = load_plan(fieldfare.directory / "migration_plan.yaml").steps
    rows = [f"{number} {each.phase.value} {each.summary}" for number, each in enumerate(steps, 1)]
    assert_shown(page, first, " ".join(["Step Phase Does", *rows]))


# ---- figures of vectors


def test_measured_recall(fieldfare: CommandLine, fill: Callable[..., None]) -> None:
    fill("articles")
    write_patch(fieldfare, FLOAT16)
    fieldfare("plan", "--index", "articles", "--schema-patch", "patch.yaml")
    applied = fieldfare("apply", "--backup-dir", "backups").stdout
    assert_shown("validation.md", "recall:embedding", re.findall(r"^recall:embedding .*$", applied, re.MULTILINE)[0])


def test_predicted_recall(fieldfare: CommandLine, server: Server) -> None:
    create(server, load(ROOT / "examples" / "wordnet", "documents.jsonl", "vectors.npy"))
    write_patch(fieldfare, {"update_fields": [{"name": "embedding", "attrs": {"dims": 256}}]})
    planned = fieldfare("plan", "--index", "words", "--schema-patch", "patch.yaml")
    assert planned.code == 4
    assert_shown("capabilities/dims.md", "288   0.79", f"{table_in(planned.stdout)}\n{planned.stderr}")
    assert_figures_shown("capabilities/dims.md", "288   0.79", table_in(planned.stdout))
    assert_shown("capabilities/quantize.md", "bfloat16", table_in(fieldfare("advise", "--index", "words").stdout))


def test_predicted_recall_of_vectors_whose_first_values_matter_most(fieldfare: CommandLine, server: Server) -> None:
    entries = load(ROOT / "examples" / "wordnet", "documents.jsonl", "vectors.npy")
    vectors = np.stack([np.frombuffer(each.vector, "<f4") for each in entries]).astype(np.float64)
    _, _, axes = np.linalg.svd(vectors, full_matrices=False)
    rotated = (vectors @ axes.T).astype("<f4")
    create(server, [evolve(entry, vector=row.tobytes()) for entry, row in zip(entries, rotated, strict=True)])
    write_patch(fieldfare, {"update_fields": [{"name": "embedding", "attrs": {"dims": 256}}]})
    planned = fieldfare("plan", "--index", "words", "--schema-patch", "patch.yaml")
    assert planned.code == 0
    assert_shown("capabilities/dims.md", "288   0.98", table_in(planned.stdout))
    assert_figures_shown("capabilities/dims.md", "288   0.98", table_in(planned.stdout))


def assert_figures_shown(page: str, start: str, table: str) -> None:
    """Compare the figures of a table, too: they follow from the data and the seed, but for rounding."""
    shown = block(page, start).partition("\n\n")[0]
    assert figures(shown) == pytest.approx(figures(table), abs=0.01)


def figures(table: str) -> list[float]:
    return [float(each) for each in re.findall(r"(?<![\w.@])\d+(?:\.\d+)?(?![\w.])", table)]


def table_in(output: str) -> str:
    """Return the table of a prediction."""
    table = output.partition("prediction:\n")[2]
    return "\n".join(takewhile(lambda line: "  " in line, table.splitlines()))


# ---- backups at a URL


def test_objects_of_a_backup(fieldfare: CommandLine, fill: Callable[..., None]) -> None:
    fill("articles")
    write_patch(fieldfare, FLOAT16)
    fieldfare("plan", "--index", "articles", "--schema-patch", "patch.yaml")
    directory = fieldfare.directory / "backups"
    assert fieldfare("apply", "--backup-dir", f"file://{directory}").code == 0
    named = re.compile(r"(migration_backup_[\w.-]+/)\d{4}-\d{8}-\d{4}-\d+-[0-9a-f]{16}")
    stored = {named.fullmatch(str(path.relative_to(directory))) for path in directory.glob("*/*")}
    shown = {named.fullmatch(line.strip()) for line in block("backup-storage.md", "s3://").splitlines()[1:]}
    assert {each and each[1] for each in shown} == {each and each[1] for each in stored}


# ---- the load on a server


def test_status_of_a_run_with_a_limit(fieldfare: CommandLine, fill: Callable[..., None]) -> None:
    fill("articles", count=400)
    write_patch(fieldfare, FLOAT16)
    assert fieldfare("plan", "--index", "articles", "--schema-patch", "patch.yaml").code == 0
    command = [sys.executable, "-m", "fieldfare", "apply", "--backup-dir", "backups", "--url", fieldfare.url, "--yes"]
    limits = ("--max-rate", "20", "--batch-size", "5")
    with subprocess.Popen([*command, *limits], cwd=fieldfare.directory, stderr=subprocess.DEVNULL) as process:
        deadline, shown = time.monotonic() + 60, ""
        while not ("throttled" in shown and " left" in shown):
            assert time.monotonic() < deadline, shown
            shown = fieldfare("status", "--backup-dir", "backups").stdout
        process.send_signal(signal.SIGINT)
    assert process.returncode == 130
    assert_shown("load.md", "Migration: articles", shown.partition("\nBacked up:")[0])


def test_answer_times_in_a_report(fieldfare: CommandLine, fill: Callable[..., None]) -> None:
    fill("articles")
    write_patch(fieldfare, FLOAT16)
    fieldfare("plan", "--index", "articles", "--schema-patch", "patch.yaml")
    limit = ("--max-latency", "60000", "--report-out", "report.yaml")
    assert fieldfare("apply", "--backup-dir", "backups", *limit).code == 0
    report = (fieldfare.directory / "report.yaml").read_text()
    [latency] = re.findall(r"^latency:\n(?:  .+\n)+", report, re.MULTILINE)
    assert_shown("load.md", "latency:", latency)


# ---- batches


def test_batch(fieldfare: CommandLine, server: Server, fill: Callable[..., None]) -> None:
    for name, count in (("orders_idx", 50), ("products_idx", 50), ("users_idx", 50)):
        fill(name, count=count)
    server.command("HSET", "users_idx:7", "embedding", np.full(8, 1e9, "<f4").tobytes())
    server.command("FT.CREATE", "legacy_idx", "PREFIX", 1, "legacy:", "SCHEMA", "title", "TEXT")
    write_patch(fieldfare, FLOAT16)
    policy = ("--failure-policy", "continue_on_error")
    planned = fieldfare("batch-plan", "--pattern", "*_idx", "--schema-patch", "patch.yaml", *policy)
    assert_shown("batch.md", "Batch plan written", planned.stdout)
    written = (fieldfare.directory / "batch_plan.yaml").read_text()
    written = written[
        written.index("version:") : written.index("- name: products_idx")
    ]  # between two comments and the rest
    assert_shown("batch.md", "version: 1", written)
    applied = fieldfare("batch-apply", "--backup-dir", "backups", "--accept-data-loss")
    progress = [line for line in applied.stderr.splitlines() if line.startswith("[")]
    rest = [line for line in applied.stderr.splitlines() if not line.startswith("[")]
    assert_shown("batch.md", "[1/3] orders_idx", "\n".join([*progress, applied.stdout, *rest]))
    assert_shown("batch.md", "Batch Migration Status", fieldfare("batch-status").stdout)


def test_batch_without_an_outage(fieldfare: CommandLine, fill: Callable[..., None]) -> None:
    for name in ("books_idx", "films_idx"):
        fill(name)
    write_patch(fieldfare, {"update_fields": [{"name": "embedding", "attrs": {"algorithm": "flat"}}]})
    fieldfare("batch-plan", "--pattern", "*_idx", "--schema-patch", "patch.yaml", "--mode", "shadow")
    applied = fieldfare("batch-apply", "--backup-dir", "backups")
    assert_shown("batch.md", "[1/2] books_idx", applied.stderr)


def test_batch_of_overlapping_indexes(fieldfare: CommandLine, fill: Callable[..., None]) -> None:
    fill("products_main", "product:")
    fill("products_premium", "product:premium:")
    fill("products_idx", "products:")
    write_patch(fieldfare, FLOAT16)
    refused = fieldfare("batch-plan", "--pattern", "products_*", "--schema-patch", "patch.yaml")
    assert_shown("batch.md", "Error: Refusing", refused.stderr)


# ---- every page


NOT_COMPARED: Final = {
    ("monitoring.md", "scrape_configs:"): "the configuration of Prometheus",
    ("monitoring.md", "groups:"): "the configuration of Prometheus",
    ("rights.md", "ACL SETUSER"): "tests/core/test_rights.py gives these rights to a user, and runs the command",
    ("writing-a-plugin.md", "Promised:"): "tests/core/test_new_plugin.py compares it",
}
"""Pages, the first lines of their blocks, and why no command here prints these blocks."""


def test_every_output_on_a_page_is_compared_with_a_command() -> None:
    calls = re.findall(r'"([\w/-]+\.md)",\s*"([^"]+)"', Path(__file__).read_text())
    known = {*calls, *NOT_COMPARED}
    unknown = [
        (page_name(page), lines[0])
        for page in PAGES
        for text in blocks(page, *LANGUAGES)
        if (lines := [line for line in text.splitlines() if not line.startswith("$ ")])
        and not any(name == page_name(page) and line.startswith(start) for name, start in known for line in lines)
    ]
    assert unknown == []
