"""RedisVL creates an index, loads it, and queries it before and after a migration, through its own classes.

``make clients`` runs this: RedisVL has an environment of its own, and is never imported here.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest

from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.server import Server

PYTHON = os.environ.get("REDISVL") or None
pytestmark = pytest.mark.skipif(
    PYTHON is None, reason="REDISVL does not name the Python of an environment with RedisVL (make clients does)"
)
DIMS = 8
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven")

Ask: TypeAlias = Callable[..., dict[str, Any]]


@pytest.fixture
def redisvl(redis_url: str) -> Ask:
    """Return a function that has RedisVL answer a request, each in a new process."""

    def ask(**request: Any) -> dict[str, Any]:
        script = Path(__file__).with_name("redisvl_use.py")
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        command = [str(PYTHON), str(script), json.dumps({"url": redis_url, **request})]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    return ask


def schema(storage: str) -> dict[str, Any]:
    path = {"text": "$.title", "kind": "$.kind", "embedding": "$.embedding", "id": "$.id"}
    fields: list[dict[str, Any]] = [
        {"name": "id", "type": "tag"},
        {"name": "title", "type": "text"},
        {"name": "kind", "type": "tag"},
        {
            "name": "embedding",
            "type": "vector",
            "attrs": {"algorithm": "flat", "dims": DIMS, "distance_metric": "cosine", "datatype": "float32"},
        },
    ]
    if storage == "json":
        fields = [{**each, "path": path.get(each["name"], f"$.{each['name']}")} for each in fields]
    return {"index": {"name": "articles", "prefix": "article", "storage_type": storage}, "fields": fields}


def documents(start: int, count: int) -> list[dict[str, Any]]:
    vectors = np.random.default_rng(5).standard_normal((start + count, DIMS), np.float32)
    return [
        {
            "id": str(row),
            "title": f"{WORDS[row % 8]} birds",
            "kind": "odd" if row % 2 else "even",
            "embedding": [round(float(value), 3) for value in vectors[row]],
        }
        for row in range(start, start + count)
    ]


@pytest.mark.parametrize("storage", ["hash", "json"])
@pytest.mark.parametrize("way", ["stays", "moves"])
def test_redisvl_finds_the_same_documents_after_a_migration(
    storage: str, way: str, redisvl: Ask, server: Server, tmp_path: Path
) -> None:
    own = documents(0, 80)
    assert redisvl(do="create", schema=schema(storage), documents=own) == {"loaded": 80}
    question = {"do": "query", "vector": own[3]["embedding"], "text_field": "title", "tag_field": "kind", "fetch": "7"}
    before = redisvl(name="articles", **question)
    assert (before["count"], before["tag"], before["fetched"]) == (80, 40, "seven birds")
    assert before["nearest"][0] == "3"

    changes: dict[str, Any] = {
        "update_fields": [
            {"name": "embedding", "attrs": {"datatype": "float16", "algorithm": "hnsw"}},
            {"name": "title", "attrs": {"sortable": True}},
        ]
    }
    if way == "moves":
        changes["rename_fields"] = [{"old_name": "title", "new_name": "headline"}]
        changes["index"] = {"name": "articles_v2", "prefix": "story"}
    plan = MigrationPlanner().create_plan_from_patch(
        "articles", schema_patch={"version": 1, "changes": changes}, server=server
    )
    report = MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path)
    assert report.result == "succeeded"

    name, text = ("articles_v2", "headline") if way == "moves" else ("articles", "title")
    question |= {"name": name, "text_field": text}
    after = redisvl(**question)
    assert after == {**before, "fields": sorted({*before["fields"], text} - ({"title"} - {text}))}

    more = {"id": "new", text: "seven swans", "kind": "odd", "embedding": own[3]["embedding"]}
    assert redisvl(do="load", name=name, documents=[more]) == {"loaded": 1}
    now = redisvl(**question)
    assert (now["count"], now["tag"]) == (81, 41)
    assert set(now["nearest"][:2]) == {"3", "new"}

    MigrationExecutor().rollback(server=server, backup_dir=tmp_path)
    question |= {"name": "articles", "text_field": "title"}
    restored = redisvl(**question)
    assert restored["fetched"] == before["fetched"]
    assert set(before["text"]) <= set(restored["text"])
    assert [each for each in restored["nearest"] if each != "new"][:4] == before["nearest"][:4]
