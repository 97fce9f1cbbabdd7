"""Clients pass on a query vector that ``fieldfare.encoder`` has encoded; docs/clients.md says how.

``make clients`` runs this: the clients have an environment of their own, and are never imported here.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import fieldfare
from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.server import Server
from fieldfare.testing.indexing import wait_until_indexed

PYTHON = os.environ.get("REDISVL") or None
pytestmark = pytest.mark.skipif(
    PYTHON is None, reason="REDISVL does not name the Python of an environment with clients (make clients does)"
)
VECTORS = np.eye(4, dtype="<f4")


@contextmanager
def application(client: str, url: str) -> Iterator[Callable[[bytes], str]]:
    """Start an application, and give what has it ask for the nearest document."""
    script = Path(__file__).with_name("encoded_use.py")
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [str(PYTHON), str(script), client, url, "books"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        source, answers = process.stdin, process.stdout
        assert source is not None
        assert answers is not None

        def ask(vector: bytes) -> str:
            print(vector.hex(), file=source, flush=True)
            return answers.readline().strip()

        yield ask


@pytest.mark.parametrize("client", ["redis-py", "RedisVL", "langchain-redis"])
def test_encoded_vector_is_passed_on(client: str, server: Server, redis_url: str, tmp_path: Path) -> None:
    field = ("VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", 4, "DISTANCE_METRIC", "COSINE")
    text = ("text", "TEXT", "_metadata_json", "TEXT")
    server.command("FT.CREATE", "books", "PREFIX", 1, "book:", "SCHEMA", *text, "embedding", *field)
    for row, vector in enumerate(VECTORS):
        server.command("HSET", f"book:{row}", "text", f"book:{row}", "embedding", vector.tobytes())
    wait_until_indexed(server)
    encode = fieldfare.encoder(redis_url, "books", "embedding", max_age=0)
    with application(client, redis_url) as nearest:
        assert nearest(encode(VECTORS[2])) == "book:2"
        changes = {"update_fields": [{"name": "embedding", "attrs": {"datatype": "float16"}}]}
        planner = MigrationPlanner()
        plan = planner.create_plan_from_patch(
            "books", schema_patch={"version": 1, "changes": changes}, redis_url=redis_url, mode="shadow"
        )
        MigrationExecutor().apply(plan, redis_url=redis_url, backup_dir=tmp_path / "backup")
        assert nearest(encode(VECTORS[3])) == "book:3"
