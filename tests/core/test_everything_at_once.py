"""One patch that asks for everything, carried out and taken back; ``tests/faults`` kills it at every point."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fieldfare.server import Server
from fieldfare.server.inspect import read_snapshot
from fieldfare.testing.commandline import CommandLine
from fieldfare.testing.digest import database_digest, index_state
from torture import pairs

COUNT, DIMS, BATCH = 100, 8, 40

PATCH = """\
version: 1
changes:
  custom:
    - {kind: acme.redact_email, field: email}
  add_fields:
    - {name: year, type: numeric, attrs: {sortable: true}}
  remove_fields: [legacy]
  update_fields:
    - name: embedding
      attrs: {datatype: float16, algorithm: hnsw}
  rename_fields:
    - {old_name: embedding, new_name: vec}
    - {old_name: kind, new_name: sort}
  index:
    name: articles_v2
    prefix: "article:"
"""
APPLY = ("apply", "--plan", "plan.yaml", "--backup-dir", "backup", "--batch-size", str(BATCH))
ROLLBACK = ("rollback", "--backup-dir", "backup")


@pytest.fixture
def fieldfare(redis_url: str, server: Server, tmp_path: Path) -> CommandLine:
    """The index, and the plan for it."""
    vectors = np.random.default_rng(5).standard_normal((COUNT, DIMS)).astype("<f4")
    server.bulk(
        [
            (
                *("HSET", f"doc:{row:03}", "title", f"title {row}", "kind", "ab"[row % 2], "legacy", row),
                *("year", 2000 + row, "email", f"ada{row}@example.org", "embedding", vectors[row].tobytes()),
            )
            for row in range(COUNT)
        ]
    )
    server.command("PEXPIREAT", "doc:000", 4102444800123)
    server.command("HPEXPIREAT", "doc:001", 4102444800456, "FIELDS", 2, "embedding", "kind")
    server.command("HDEL", "doc:002", "kind", "email")
    server.command("HDEL", "doc:003", "embedding")
    server.command(
        *("FT.CREATE", "articles", "PREFIX", 1, "doc:", "STOPWORDS", 1, "foo", "SCHEMA"),
        *("title", "TEXT", "kind", "TAG", "legacy", "NUMERIC", "email", "TAG", "SEPARATOR", ";"),
        *("embedding", "VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "COSINE"),
    )
    server.command("FT.SYNUPDATE", "articles", "group", "title", "heading")
    server.command("FT.ALIASADD", "news", "articles")
    (tmp_path / "patch.yaml").write_text(PATCH)
    command = CommandLine(redis_url, tmp_path)
    planned = command(
        *("plan", "--index", "news", "--schema-patch", "patch.yaml", "--plan-out", "plan.yaml"),
    )
    assert planned.code == 0, planned.stdout + planned.stderr
    return command


def state(server: Server) -> object:
    return database_digest(server), index_state(server)


JSON_FORWARD = [
    "rewrite:progress:2",
    *(f"rename.field:progress:{batch}" for batch in (1, 2, 5)),
    *(f"prefix.move:progress:{batch}" for batch in (1, 2)),
    "index:started:1",
]


@pytest.fixture
def json_fieldfare(redis_url: str, server: Server, tmp_path: Path) -> CommandLine:
    """The same on JSON documents; their vectors are numbers, so only the index changes its datatype."""
    vectors = np.random.default_rng(5).standard_normal((COUNT, DIMS)).astype("<f4")
    documents = [
        {
            "title": f"title {row}",
            "kind": "ab"[row % 2],
            "legacy": row,
            "year": 2000 + row,
            "email": f"ada{row}@example.org",
            "embedding": vectors[row].tolist(),
            "deep": {"er": [row, None]},
        }
        for row in range(COUNT)
    ]
    del documents[2]["kind"], documents[2]["email"], documents[3]["embedding"]
    server.bulk([("JSON.SET", f"doc:{row:03}", "$", json.dumps(each)) for row, each in enumerate(documents)])
    server.command("PEXPIREAT", "doc:000", 4102444800123)
    server.command(
        *("FT.CREATE", "articles", "ON", "JSON", "PREFIX", 1, "doc:", "SCHEMA", "$.title", "AS", "title", "TEXT"),
        *("$.kind", "AS", "kind", "TAG", "$.legacy", "AS", "legacy", "NUMERIC", "$.email", "AS", "email", "TAG"),
        *("$.embedding", "AS", "embedding", "VECTOR", "FLAT", 6),
        *("TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "COSINE"),
    )
    (tmp_path / "patch.yaml").write_text(PATCH.replace("field: email", "field: $.email"))
    command = CommandLine(redis_url, tmp_path)
    planned = command("plan", "--index", "articles", "--schema-patch", "patch.yaml", "--plan-out", "plan.yaml")
    assert planned.code == 0, planned.stdout + planned.stderr
    return command


@pytest.fixture(scope="module")
def migrated_json() -> dict[str, object]:
    """What an undisturbed run makes of the JSON documents; the same for every test, as the documents are."""
    return {}


@pytest.mark.parametrize(("moment", "then"), pairs(JSON_FORWARD, ("resume", "rollback")))
def test_killed_run_on_json(
    moment: str, then: str, json_fieldfare: CommandLine, server: Server, migrated_json: dict[str, object]
) -> None:
    before = state(server)
    if then == "resume" and not migrated_json:
        assert json_fieldfare(*APPLY).code == 0
        document = json.loads(server.command("JSON.GET", "article:007"))
        assert set(document) == {"title", "sort", "legacy", "year", "email", "vec", "deep"}
        assert document["email"].endswith("***@example.org")
        migrated_json["state"] = state(server)
        assert json_fieldfare(*ROLLBACK).code == 0
        assert state(server) == before

    assert json_fieldfare(*APPLY, crash_at=moment).code == -9, "this moment never came"
    if then == "resume":
        resumed = json_fieldfare(*APPLY)
        assert resumed.code == 0, resumed.stderr
        assert state(server) == migrated_json["state"]
    assert json_fieldfare(*ROLLBACK).code == 0
    assert state(server) == before


def test_everything_happens_and_is_taken_back(fieldfare: CommandLine, server: Server) -> None:
    before = state(server)
    original = np.frombuffer(server.command("HGET", "doc:007", "embedding"), "<f4")

    outcome = fieldfare(*APPLY, "--json")

    assert outcome.code == 0, outcome.stderr
    report = json.loads(outcome.stdout)
    assert report["validation"]["passed"] is True
    live = read_snapshot(server, "news")
    assert live.definition.name == "articles_v2"
    assert live.definition.prefixes == ("article:",)
    assert live.synonyms == {"group": ("heading", "title")}
    assert {field.name: str(field.type) for field in live.definition.fields} == {
        "title": "text",
        "sort": "tag",
        "email": "tag",
        "vec": "vector",
        "year": "numeric",
    }
    document = server.client.hgetall("article:007")
    assert set(document) == {b"title", b"sort", b"legacy", b"year", b"email", b"vec"}
    assert document[b"vec"] == original.astype("<f2").tobytes()
    assert document[b"email"] == b"a***@example.org"
    assert server.command("EXISTS", "doc:007") == 0
    assert server.command("PEXPIRETIME", "article:000") == 4102444800123
    assert server.command("HPEXPIRETIME", "article:001", "FIELDS", 2, "vec", "sort") == [4102444800456] * 2
    assert not server.client.hexists("article:002", "sort")
    assert not server.client.hexists("article:003", "vec")

    assert fieldfare(*ROLLBACK).code == 0
    assert state(server) == before
