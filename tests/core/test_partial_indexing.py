"""Shadow fields on a server that indexes a document again only if a field of the index was written."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fieldfare.definition import Storage
from fieldfare.engine.shadow.field_plan import indexes_whole_documents
from fieldfare.plan import MigrationPlan
from fieldfare.report import Result
from fieldfare.server import Server, connect
from fieldfare.server.embedded import EmbeddedServer, find_programs
from fieldfare.server.index_names import real_name
from fieldfare.server.query_reply import search_rows, total_of
from fieldfare.testing.servers import clear
from shadow_migration import DIMS, DOCUMENTS, RENAMED, SHAPES, Migration, vector, writing

EVERY = {**SHAPES, **RENAMED}
WORKING = ("json-dims", "hash-rename-datatype", "json-rename")
"""In these, the index reads a hash field under its own name, or JSON."""


@pytest.fixture(scope="module")
def partial_url() -> Iterator[str]:
    """Give the URL of a server with PARTIAL_INDEXED_DOCS."""
    _, modules = find_programs()
    arguments = ("--loadmodule", str(modules / "redisearch.so"), "PARTIAL_INDEXED_DOCS", "1")
    with EmbeddedServer(arguments, search=False, tcp=True) as embedded:
        yield embedded.url


@pytest.fixture
def partial(partial_url: str) -> Iterator[Server]:
    """Give a connection to that server, emptied."""
    with connect(partial_url) as server:
        clear(server)
        yield server


@pytest.mark.parametrize("name", WORKING)
def test_documents_are_written_from_apply_to_rollback(
    name: str, partial: Server, partial_url: str, tmp_path: Path
) -> None:
    migration = Migration(EVERY[name], partial, tmp_path / "backup")
    migration.fill()
    plan = migration.plan()
    with writing(partial_url, migration.shape, removes=False):
        assert migration.apply(plan) is Result.SUCCEEDED
    with migration.watching(), writing(partial_url, migration.shape, removes=False) as counts:
        while min(counts) < 50:
            time.sleep(0.01)
    assert migration.outdated() == {}
    assert indexed(migration) == pytest.approx(stored(migration))
    assert migration.finalize(force=True) is Result.SUCCEEDED
    assert indexed(migration) == pytest.approx(stored(migration))
    assert migration.rollback() is Result.ROLLED_BACK
    assert indexed(migration) == pytest.approx(stored(migration))


@pytest.mark.parametrize("name", WORKING)
def test_values_written_in_either_form_are_indexed(name: str, partial: Server, tmp_path: Path) -> None:
    migration = Migration(EVERY[name], partial, tmp_path / "backup")
    migration.fill()
    migration.apply()
    with migration.watching():
        partial.command(*migration.shape.update("d:7", 700))
    partial.command(*migration.shape.write_shadow("d:8", 800))
    assert indexed(migration) == pytest.approx(stored(migration))
    found = indexed(migration)
    assert [found["d:7"], found["d:8"]] == pytest.approx([distance(migration, 700), distance(migration, 800)])
    assert migration.rollback() is Result.ROLLED_BACK
    assert indexed(migration) == pytest.approx(stored(migration))


@pytest.mark.parametrize("name", ["hash-datatype", "hash-dims"])
def test_a_shadow_field_of_hashes_is_blocked(name: str, partial: Server, tmp_path: Path) -> None:
    migration = Migration(EVERY[name], partial, tmp_path / "backup")
    migration.fill()
    plan = migration.plan()
    assert not plan.supported
    assert "with PARTIAL_INDEXED_DOCS the server does not index writes" in " ".join(plan.blocked_reasons)
    assert migration.plan("auto").mode == "drop_recreate"


def test_the_server_misses_writes_of_a_hash_field_with_another_name(partial: Server) -> None:
    """The reason why such a field is blocked; when this fails, the server has learned it."""
    partial.command("FT.CREATE", "i", "PREFIX", 1, "d:", "SCHEMA", "path", "AS", "name", "NUMERIC", "own", "NUMERIC")
    partial.command("HSET", "d:1", "path", 1, "own", 1)
    partial.command("HSET", "d:1", "path", 2)
    assert total_of(partial.command("FT.SEARCH", "i", "@name:[2 2]", "NOCONTENT")) == 0
    partial.command("HSET", "d:1", "own", 2)
    assert total_of(partial.command("FT.SEARCH", "i", "@name:[2 2] @own:[2 2]", "NOCONTENT")) == 1


def test_the_server_misses_the_write_after_an_hdel_that_removes_nothing(partial: Server) -> None:
    """The reason for the warning; when this fails, the server has learned it."""
    partial.command("FT.CREATE", "i", "PREFIX", 1, "d:", "SCHEMA", "own", "NUMERIC")
    partial.command("HSET", "d:1", "own", 1)
    partial.command("HDEL", "d:1", "other")
    partial.command("DEL", "d:1")
    assert total_of(partial.command("FT.SEARCH", "i", "*", "NOCONTENT")) == 1


def test_the_plan_says_whether_documents_are_indexed_again(partial: Server, server: Server, tmp_path: Path) -> None:
    on, off = (planned(each, tmp_path) for each in (partial, server))
    assert [indexes_whole_documents(each, Storage.HASH) for each in (partial, server)] == [False, True]
    assert indexes_whole_documents(partial, Storage.JSON) is True
    assert [each.partition(":")[0] for each in on.warnings if "PARTIAL" in each] == [
        "The live index does not index documents again when shadow fields are written",
        "With PARTIAL_INDEXED_DOCS, some servers miss the next write after an HDEL that removes nothing",
    ]
    assert any("PARTIAL_INDEXED_DOCS is off" in each for each in off.warnings)
    [line] = [each for each in basis(on) if "shadow" in each]
    assert line == "shadow fields: the live index does not index documents again (PARTIAL_INDEXED_DOCS is on)"
    [line] = [each for each in basis(off) if "shadow" in each]
    assert "for each write the live index indexes the document again" in line


def test_the_live_index_indexes_no_document_again(partial: Server, server: Server, tmp_path: Path) -> None:
    indexed_again = []
    for number, each in enumerate((partial, server)):
        migration = Migration(EVERY["hash-rename-datatype"], each, tmp_path / str(number))
        migration.fill()
        before = last_id(each)
        migration.apply(switch=False)
        indexed_again.append(last_id(each) - before)
    assert indexed_again[0] == 0
    assert indexed_again[1] >= DOCUMENTS - 1


def last_id(server: Server) -> int:
    """Return the number of the document that the live index has taken up last."""
    reply = server.command("FT.INFO", "books_1")
    facts = reply if isinstance(reply, dict) else dict(zip(reply[::2], reply[1::2], strict=True))
    return int(facts[b"max_doc_id"])


def basis(plan: MigrationPlan) -> tuple[str, ...]:
    assert plan.forecast is not None
    return plan.forecast.basis


def planned(server: Server, directory: Path) -> MigrationPlan:
    migration = Migration(EVERY["hash-rename-datatype"], server, directory)
    migration.fill()
    return migration.plan()


def live(migration: Migration) -> tuple[str, str, str]:
    """Return the field that queries name, its path in documents, and the type of its numbers."""
    shape = migration.shape
    if real_name(migration.server, "books") != "books__v2":
        return "v", shape.path, "<f4"
    return shape.name, shape.shadow, "<f2" if "datatype" in shape.attrs else "<f4"


def indexed(migration: Migration) -> dict[str, float]:
    """Return the documents that the index finds by their vectors, with the distance of each from the origin."""
    name, path, dtype = live(migration)
    dims = migration.shape.attrs.get("dims", DIMS) if path == migration.shape.shadow else DIMS
    origin = np.zeros(dims, dtype).tobytes()
    query = ("FT.SEARCH", "books", f"*=>[KNN 1000 @{name} $q AS distance]", "PARAMS", 2, "q", origin)
    reply = migration.server.command(*query, "RETURN", 1, "distance", "LIMIT", 0, 1000, "DIALECT", 2)
    return {key.decode(): float(fields[b"distance"]) for key, fields in search_rows(reply)}


def stored(migration: Migration) -> dict[str, float]:
    """Return the same, as it follows from what documents hold."""
    server, (_, path, dtype) = migration.server, live(migration)
    found = {key.decode(): migration.shape.read(server, key.decode(), path) for key in server.command("KEYS", "d:*")}
    vectors = {
        key: np.frombuffer(value, dtype).astype(float) if isinstance(value, bytes) else np.array(value)
        for key, value in found.items()
        if value is not None
    }
    return {key: float(each @ each) for key, each in vectors.items()}


def distance(migration: Migration, seed: float) -> float:
    values = np.array(vector(seed)[: migration.shape.attrs.get("dims", DIMS)])
    return float(values @ values)
