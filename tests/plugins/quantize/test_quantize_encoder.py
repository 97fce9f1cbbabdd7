"""An encoder of queries that follows an index through a migration."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from redis.commands.search.query import Query
from redis.exceptions import ResponseError

import fieldfare
from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.errors import IndexNotFound, UsageError
from fieldfare.server import Server
from fieldfare.testing.indexing import wait_until_indexed

DIMS: Final = 4
VECTORS: Final = np.eye(DIMS, dtype="<f4")
NEAREST: Final = Query("*=>[KNN 1 @embedding $v]").no_content().dialect(2)


@pytest.fixture
def books(server: Server) -> Server:
    """Return a server with an index."""
    field = ("VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "L2")
    server.command("FT.CREATE", "books", "PREFIX", 1, "book:", "SCHEMA", "embedding", *field)
    for number, vector in enumerate(VECTORS):
        server.command("HSET", f"book:{number}", "embedding", vector.tobytes())
    wait_until_indexed(server)
    return server


def migrate(url: str, tmp_path: Path, attrs: dict[str, Any], *, switch: bool) -> Path:
    """Change the vectors in mode ``shadow``, and return the path of the plan."""
    changes = {"update_fields": [{"name": "embedding", "attrs": attrs}]}
    patch = {"version": 1, "changes": changes}
    planner = MigrationPlanner()
    plan = planner.create_plan_from_patch("books", schema_patch=patch, redis_url=url, mode="shadow")
    planner.write_plan(plan, tmp_path / "plan.yaml")
    MigrationExecutor().apply(plan, redis_url=url, backup_dir=tmp_path / "backup", switch=switch)
    return tmp_path / "plan.yaml"


def search(encoder: Any, server: Server, row: int) -> list[str]:
    """Return the key of the nearest document."""

    def ask(encoded: bytes) -> Any:
        return server.client.ft("books").search(NEAREST, {"v": encoded})

    answer = encoder.search(VECTORS[row], ask)
    return [each.id for each in answer.docs]


def test_notices_that_the_name_has_moved(books: Server, redis_url: str, tmp_path: Path) -> None:
    encoder = fieldfare.encoder(books.client, "books", "embedding", max_age=3600)
    assert encoder(VECTORS[1]) == VECTORS[1].tobytes()
    assert search(encoder, books, 1) == ["book:1"]
    migrate(redis_url, tmp_path, {"datatype": "float16"}, switch=True)
    assert encoder(VECTORS[1]) == VECTORS[1].tobytes()  # until the server refuses it
    assert search(encoder, books, 1) == ["book:1"]
    assert encoder(VECTORS[1]) == VECTORS[1].astype("<f2").tobytes()


@pytest.mark.usefixtures("books")
def test_answers_by_the_source_until_the_switch(redis_url: str, tmp_path: Path) -> None:
    migrate(redis_url, tmp_path, {"datatype": "float16"}, switch=False)
    encoder = fieldfare.encoder(redis_url, "books", "embedding")
    assert encoder(VECTORS[2]) == VECTORS[2].tobytes()


def test_reads_the_definition_again_after_some_time(books: Server, redis_url: str, tmp_path: Path) -> None:
    encoder = fieldfare.encoder(books.client, "books", "embedding", max_age=0)
    assert encoder(VECTORS[0]) == VECTORS[0].tobytes()
    migrate(redis_url, tmp_path, {"datatype": "bfloat16"}, switch=True)
    assert len(encoder(VECTORS[0])) == 2 * DIMS


def test_a_plan_tells_how_vectors_are_truncated(books: Server, redis_url: str, tmp_path: Path) -> None:
    plan = migrate(redis_url, tmp_path, {"dims": 2}, switch=True)
    encoder = fieldfare.encoder(books.client, "books", "embedding", plan=plan)
    assert encoder(VECTORS[1]) == np.array([0, 1], "<f4").tobytes()
    with pytest.raises(UsageError, match="has 2 dims"):
        fieldfare.encoder(books.client, "books", "embedding")(VECTORS[1])


def test_other_errors_are_raised_at_once(books: Server) -> None:
    encoder = fieldfare.encoder(books.client, "books", "embedding")
    asked = []

    def refuse(encoded: bytes) -> None:
        asked.append(encoded)
        raise ResponseError("no such field")

    with pytest.raises(ResponseError, match="no such field"):
        encoder.search(VECTORS[0], refuse)
    assert len(asked) == 1


def test_error_of_a_client_that_wraps_it(books: Server) -> None:
    class WrappedError(Exception):
        pass

    encoder = fieldfare.encoder(books.client, "books", "embedding")
    asked = []

    def ask(encoded: bytes) -> str:
        asked.append(encoded)
        if len(asked) > 1:
            return "an answer"
        try:
            books.client.ft("books").search(NEAREST, {"v": encoded[:-4]})
        except ResponseError as error:
            raise WrappedError from error
        return "not refused"

    assert encoder.search(VECTORS[0], ask) == "an answer"


def test_no_such_index_or_field(books: Server) -> None:
    with pytest.raises(IndexNotFound):
        fieldfare.encoder(books.client, "films", "embedding")(VECTORS[0])
    with pytest.raises(UsageError, match="has no vector field 'title'"):
        fieldfare.encoder(books.client, "books", "title")(VECTORS[0])
