"""The mode ``shadow`` for changes that move keys: documents have both keys until ``finalize``."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import define, field

from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.engine.stop import StopRequest
from fieldfare.plan import MigrationPlan
from fieldfare.report import MigrationReport, Result
from fieldfare.server import Server, connect
from fieldfare.server.index_names import real_name
from fieldfare.server.inspect import list_indexes
from fieldfare.server.pipeline import Command
from fieldfare.server.search import count_results
from fieldfare.testing.digest import read_state
from fieldfare.testing.indexing import wait_until_indexed

DOCUMENTS: Final = 60
EXPIRES: Final = 4102444800123
"""Milliseconds since the epoch: in the year 2100."""


@define
class Migration:
    """One migration of the index ``books`` from ``d:`` to ``n:``, from plan to rollback.

    Attributes:
        storage: of the documents.
        server: where the index lives.
        backup_dir: of the run.
    """

    storage: str
    server: Server
    backup_dir: Path
    executor: MigrationExecutor = field(factory=MigrationExecutor)

    def write(self, key: str, text: str) -> Command:
        """Return the command that writes a document."""
        if self.storage == "json":
            return "JSON.SET", key, "$", json.dumps({"t": text, "n": 0.1})
        return "HSET", key, "t", text, "n", "0.1"

    def fill(self, *, own_name: bool = False) -> None:
        """Write documents, and create an index over them, with an alias or under its own name."""
        server = self.server
        server.bulk([self.write(f"d:{row}", f"word{row}") for row in range(DOCUMENTS)])
        server.command("PEXPIREAT", "d:2", EXPIRES)
        if self.storage == "hash":
            server.command("HPEXPIREAT", "d:3", EXPIRES, "FIELDS", 1, "n")
        index = "books" if own_name else "books_1"
        fields = ("$.t", "AS", "t", "TEXT") if self.storage == "json" else ("t", "TEXT")
        server.command("FT.CREATE", index, "ON", self.storage, "PREFIX", 1, "d:", "SCHEMA", *fields)
        if not own_name:
            server.command("FT.ALIASADD", "books", index)
        wait_until_indexed(server)

    def plan(self, mode: str = "shadow", **changes: Any) -> MigrationPlan:
        """Plan the change of the prefix."""
        patch = {"version": 1, "changes": {"index": {"prefix": "n:"}, **changes}}
        return MigrationPlanner().create_plan_from_patch("books", schema_patch=patch, server=self.server, mode=mode)

    def apply(self, plan: MigrationPlan | None = None, **options: Any) -> MigrationReport:
        """Apply the plan."""
        plan = plan or self.plan()
        return self.executor.apply(plan, server=self.server, backup_dir=self.backup_dir, **options)

    def rollback(self, **options: Any) -> MigrationReport:
        """Roll back."""
        return self.executor.rollback(server=self.server, backup_dir=self.backup_dir, **options)

    def finalize(self, **options: Any) -> MigrationReport:
        """Remove the old keys."""
        return self.executor.finalize(server=self.server, backup_dir=self.backup_dir, **options)

    def sync(self, **options: Any) -> MigrationReport:
        """Copy what was written to old keys."""
        return self.executor.sync(server=self.server, backup_dir=self.backup_dir, **options)

    def read(self, key: str) -> Any:
        """Return the text of a document; None if there is none."""
        if self.storage == "hash":
            found = self.server.command("HGET", key, "t")
            return None if found is None else found.decode()
        found = self.server.command("JSON.GET", key, "$.t")
        return json.loads(found)[0] if found else None

    def keys(self, prefix: str) -> set[str]:
        """Return the keys below a prefix, without it."""
        return {key.decode().removeprefix(prefix) for key in self.server.command("KEYS", f"{prefix}*")}

    def finds(self, text: str) -> int:
        """Return how many documents the name finds."""
        return count_results(self.server, "books", text)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Let a watch run, and stop it when every document is copied."""
        stop = StopRequest()
        with connect(self.server.url) as server:
            other = Migration(self.storage, server, self.backup_dir)
            thread = threading.Thread(target=lambda: other.sync(watch=True, stop=stop))
            thread.start()
            try:
                yield
            finally:
                stop.set()
                thread.join()

    def copies(self, key: str, text: str | None) -> bool:
        """Wait until a document has this text; whether that comes in a minute."""
        deadline = time.monotonic() + 60
        while self.read(key) != text:
            if time.monotonic() > deadline:
                return False
        return True


@pytest.fixture(params=["hash", "json"])
def migration(request: pytest.FixtureRequest, server: Server, tmp_path: Path) -> Migration:
    return Migration(request.param, server, tmp_path / "backup")


@pytest.mark.parametrize("own_name", [False, True], ids=["alias", "own name"])
def test_the_name_leads_to_the_copies_and_back(migration: Migration, *, own_name: bool) -> None:
    migration.fill(own_name=own_name)
    server = migration.server
    before = read_state(server)
    assert migration.apply().result is Result.SUCCEEDED
    assert real_name(server, "books") == "books__v2"
    assert migration.keys("n:") == migration.keys("d:")
    assert migration.finds("*") == DOCUMENTS
    assert server.command("PEXPIRETIME", "n:2") == EXPIRES
    if migration.storage == "hash":
        assert server.command("HPEXPIRETIME", "n:3", "FIELDS", 1, "n") == [EXPIRES]
    assert migration.rollback(restore_own_name=own_name).result is Result.ROLLED_BACK
    assert read_state(server) == before


def test_finalize_removes_the_old_keys_and_a_rollback_restores_them(migration: Migration) -> None:
    migration.fill()
    server = migration.server
    before = read_state(server)
    migration.apply()
    assert migration.finalize().result is Result.SUCCEEDED
    assert migration.keys("d:") == set()
    assert migration.finds("*") == DOCUMENTS
    assert list_indexes(server) == ["books__v2"]
    assert migration.rollback().result is Result.ROLLED_BACK
    assert read_state(server) == before


def test_sync_copies_what_was_written_to_old_keys(migration: Migration) -> None:
    migration.fill()
    server = migration.server
    migration.apply()
    server.bulk([migration.write("d:1", "updated"), migration.write("d:new", "inserted"), ("DEL", "d:5")])
    server.bulk([("RENAME", "d:6", "d:renamed"), ("PEXPIREAT", "d:7", EXPIRES)])
    report = migration.sync()
    assert migration.read("n:1") == "updated"
    assert migration.read("n:new") == "inserted"
    assert migration.keys("n:") == migration.keys("d:")
    assert migration.read("n:renamed") == "word6"
    assert server.command("PEXPIRETIME", "n:7") == EXPIRES
    assert report.validation is not None
