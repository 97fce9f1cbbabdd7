"""The main job, through the command line: plan, apply, die, resume, take back."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from fieldfare.server import Server
from fieldfare.server.inspect import read_snapshot
from fieldfare.server.search import count_results
from fieldfare.testing.commandline import CommandLine
from fieldfare.testing.digest import database_digest, index_state
from fieldfare.testing.indexing import wait_until_indexed
from torture import TORTURE, pairs

DIMS = 16
COUNT = 230
BATCH = 50

PATCH = """\
version: 1
changes:
  add_fields:
    - name: kind
      type: tag
  update_fields:
    - name: embedding
      attrs: {datatype: float16}
    - name: title
      attrs: {sortable: true}
  index:
    name: articles_v2
"""


@pytest.fixture
def fieldfare(redis_url: str, server: Server, tmp_path: Path) -> CommandLine:
    del server  # a flushed database
    return CommandLine(redis_url, tmp_path)


@pytest.fixture
def articles(server: Server) -> Server:
    """An index with everything that a definition can have, over two prefixes."""
    random = np.random.default_rng(7)
    vectors = random.standard_normal((COUNT, DIMS)).astype("<f4")
    server.bulk(
        [
            (
                *("HSET", f"{('doc:', 'art:')[row % 2]}{row}", "title", f"title number {row}", "lang", "german"),
                *("kind", "ab"[row % 2], "year", 2001 + row % 20, "rank", 0.5, "embedding", vectors[row].tobytes()),
            )
            for row in range(COUNT)
        ]
    )
    server.command("PEXPIREAT", "doc:0", 4102444800123)
    server.command("HPEXPIREAT", "doc:2", 4102444800456, "FIELDS", 1, "embedding")
    server.command(
        *("FT.CREATE", "articles", "ON", "HASH", "PREFIX", 2, "doc:", "art:", "FILTER", "@year>2000"),
        *("LANGUAGE_FIELD", "lang", "SCORE", 0.5, "SCORE_FIELD", "rank", "STOPWORDS", 2, "foo", "bar"),
        *("SCHEMA", "title", "TEXT", "WEIGHT", 2, "year", "NUMERIC", "SORTABLE"),
        *("embedding", "VECTOR", "HNSW", 12, "TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "L2"),
        *("M", 20, "EF_CONSTRUCTION", 150, "EF_RUNTIME", 33),
    )
    server.command("FT.SYNUPDATE", "articles", "group", "title", "heading")
    server.command("FT.ALIASADD", "news", "articles")
    wait_until_indexed(server, "articles")
    return server


def plan(fieldfare: CommandLine, index: str = "articles", patch: str = PATCH, *more: str) -> None:
    (fieldfare.directory / "patch.yaml").write_text(patch)
    outcome = fieldfare("plan", "--index", index, "--schema-patch", "patch.yaml", "--plan-out", "plan.yaml", *more)
    assert outcome.code == 0, outcome.stderr


APPLY = ("apply", "--plan", "plan.yaml", "--backup-dir", "backup", "--batch-size", str(BATCH))
ROLLBACK = ("rollback", "--backup-dir", "backup")


def test_everything_of_a_definition_survives_apply_and_rollback(fieldfare: CommandLine, articles: Server) -> None:
    documents, indexes = database_digest(articles), index_state(articles)
    before = {key: articles.command("HGET", key, "embedding") for key in ("doc:0", "doc:2", "art:1")}

    plan(fieldfare, "articles", PATCH, "--alias", "news")
    outcome = fieldfare(*APPLY, "--report-out", "report.yaml")
    assert outcome.code == 0, outcome.stderr

    live = read_snapshot(articles, "articles_v2", aliases=["news"])
    source = indexes["articles"][0]
    assert live.definition.filter == "@year>2000"
    assert (live.definition.language_field, live.definition.score_field, live.definition.score) == ("lang", "rank", 0.5)
    assert set(live.definition.stopwords or ()) == {"foo", "bar"}
    assert live.definition.prefixes == ("doc:", "art:")
    assert live.synonyms == {"group": ("heading", "title")}
    assert live.aliases == ("news",)
    vector = live.definition.find("embedding")
    assert vector is not None
    assert vector.attrs == {**source.find("embedding").attrs, "datatype": "float16"}  # type: ignore[union-attr]
    assert live.stats.num_docs == COUNT
    for key, original in before.items():
        expected = np.frombuffer(original, "<f4").astype("<f2").tobytes()
        assert articles.command("HGET", key, "embedding") == expected
    assert articles.command("PEXPIRETIME", "doc:0") == 4102444800123
    assert articles.command("HPEXPIRETIME", "doc:2", "FIELDS", 1, "embedding") == [4102444800456]
    # synonyms work, not only exist; search 8.0 overlooks documents where one has a field that expires
    found = count_results(articles, "news", "heading")
    assert found == count_results(articles, "news", "title") > 0
    assert found == COUNT or articles.capabilities.has_search((8, 0, 0))

    outcome = fieldfare(*ROLLBACK)
    assert outcome.code == 0, outcome.stderr
    assert database_digest(articles) == documents
    assert index_state(articles) == indexes
    assert read_snapshot(articles, "articles", aliases=["news"]).aliases == ("news",)


CRASHES = [
    "enumerate:progress:2",
    "dump:progress:3",
    "drop:started:1",
    "drop:finished:1",
    "rewrite:started:1",
    "rewrite:progress:3",
    "rewrite:finished:1",
    "create:started:1",
    "index:started:1",
    "create:finished:1",
    "validate:finished:1",
]


@pytest.fixture(scope="module")
def clean_result() -> dict[str, object]:
    """The state after a run that nothing disturbed; the same for every test, as the data are."""
    return {}


@pytest.mark.parametrize(("moment", "then"), pairs(CRASHES if TORTURE else CRASHES[1::2], ("resume", "rollback")))
def test_killed_run_is_resumed_or_rolled_back(
    moment: str, then: str, fieldfare: CommandLine, articles: Server, clean_result: dict[str, object]
) -> None:
    before = database_digest(articles), index_state(articles)
    plan(fieldfare, "articles", PATCH, "--alias", "news")
    if then == "resume" and not clean_result:
        assert fieldfare(*APPLY).code == 0
        clean_result["state"] = database_digest(articles), index_state(articles)
        assert fieldfare(*ROLLBACK).code == 0

    assert fieldfare(*APPLY, crash_at=moment).code == -9
    if then == "resume":
        outcome = fieldfare(*APPLY)
        assert outcome.code == 0, outcome.stderr
        assert (database_digest(articles), index_state(articles)) == clean_result["state"]
    outcome = fieldfare(*ROLLBACK)
    assert outcome.code == 0, outcome.stderr
    assert (database_digest(articles), index_state(articles)) == before


@pytest.mark.parametrize(
    "moment",
    ["restore:progress:2", "index:started:1", *(("index.create:finished:1", "create:started:1") if TORTURE else ())],
)
def test_killed_rollback_is_run_again(moment: str, fieldfare: CommandLine, articles: Server) -> None:
    documents, indexes = database_digest(articles), index_state(articles)
    plan(fieldfare, "articles", PATCH, "--alias", "news")
    assert fieldfare(*APPLY).code == 0

    assert fieldfare(*ROLLBACK, crash_at=moment).code == -9
    assert fieldfare(*APPLY).code == 4  # a begun rollback must be finished first
    outcome = fieldfare(*ROLLBACK)
    assert outcome.code == 0, outcome.stderr
    assert (database_digest(articles), index_state(articles)) == (documents, indexes)


def test_same_width_conversion_resumes(fieldfare: CommandLine, server: Server) -> None:
    vectors = np.random.default_rng(3).standard_normal((COUNT, DIMS)).astype("<f2")
    server.bulk([("HSET", f"h:{row:04}", "v", vectors[row].tobytes()) for row in range(COUNT)])
    server.command(
        *("FT.CREATE", "halves", "PREFIX", 1, "h:", "SCHEMA", "v", "VECTOR", "FLAT", 6),
        *("TYPE", "FLOAT16", "DIM", DIMS, "DISTANCE_METRIC", "COSINE"),
    )
    plan(fieldfare, "halves", "version: 1\nchanges:\n  update_fields:\n    - {name: v, attrs: {datatype: bfloat16}}\n")
    assert fieldfare(*APPLY, crash_at="rewrite:progress:3").code == -9
    outcome = fieldfare(*APPLY)
    assert outcome.code == 0, outcome.stderr
    for row in range(COUNT):
        bits = vectors[row].astype("<f4").view("<u4")
        rounded = ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype("<u2")
        assert server.command("HGET", f"h:{row:04}", "v") == rounded.tobytes()


def test_completed_run_is_a_no_op_and_after_rollback_starts_afresh(fieldfare: CommandLine, articles: Server) -> None:
    plan(fieldfare, "articles", PATCH, "--alias", "news")
    assert fieldfare(*APPLY).code == 0
    again = fieldfare(*APPLY, "--json")
    assert again.code == 0
    assert json.loads(again.stdout)["result"] == "nothing_to_do"
    assert fieldfare(*ROLLBACK).code == 0
    fresh = fieldfare(*APPLY, "--json")
    assert json.loads(fresh.stdout)["result"] == "succeeded"
    assert list((fieldfare.directory / "backup").glob("*.stale.header")), "the old backup is set aside, not deleted"
    assert read_snapshot(articles, "articles_v2").stats.num_docs == COUNT


def test_overflow_stops_before_the_drop_unless_allowed(fieldfare: CommandLine, articles: Server) -> None:
    articles.command("HSET", "doc:4", "embedding", struct.pack(f"<{DIMS}f", 70000.0, *[1.0] * (DIMS - 1)))
    documents, indexes = database_digest(articles), index_state(articles)
    (fieldfare.directory / "patch.yaml").write_text(PATCH)
    planned = fieldfare("plan", "--index", "articles", "--schema-patch", "patch.yaml", "--plan-out", "plan.yaml")
    assert "overflow" in planned.stdout + planned.stderr
    refused = fieldfare(*APPLY)
    assert refused.code == 4
    assert "doc:4" in refused.stderr
    assert "--allow-overflow" in refused.stderr
    assert (database_digest(articles), index_state(articles)) == (documents, indexes)
    assert fieldfare(*APPLY, "--allow-overflow").code == 0
    assert np.frombuffer(articles.command("HGET", "doc:4", "embedding"), "<f2")[0] == 65504
    assert fieldfare(*ROLLBACK).code == 0
    assert (database_digest(articles), index_state(articles)) == (documents, indexes)
