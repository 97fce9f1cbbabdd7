"""The mode ``shadow`` for changes that move keys: documents have both keys until ``finalize``."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import define, evolve, field
from redis.crc import key_slot

from applications import sending, watching
from fieldfare import hookimpl
from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.changes import ChangePrefix
from fieldfare.cli.next_steps import next_lines
from fieldfare.definition import IndexDefinition, Storage
from fieldfare.engine.session import find_backup
from fieldfare.engine.shadow_keys import synchronization
from fieldfare.engine.shadow_keys.synchronization import KeySynchronization
from fieldfare.engine.shadow_pairs.synchronization import ATTEMPTS
from fieldfare.errors import PreconditionError, UnconvertibleDocuments
from fieldfare.hooks.manager import load_plugins
from fieldfare.plan import Claim, MigrationPlan, Phase, Receipt, Step
from fieldfare.report import MigrationReport, Result
from fieldfare.server import Server, connect
from fieldfare.server.change_follower import ChangeFollower
from fieldfare.server.index_names import real_name
from fieldfare.server.inspect import list_indexes
from fieldfare.server.keys import iterate_scan, scan_keys
from fieldfare.server.pipeline import Command
from fieldfare.server.search import count_results
from fieldfare.support import fault_points
from fieldfare.testing.digest import read_state
from fieldfare.testing.fixtures import PrivateServer
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
        index: the name by which it is planned.
        old: the prefix before.
        new: the prefix afterwards.
    """

    storage: str
    server: Server
    backup_dir: Path
    executor: MigrationExecutor = field(factory=MigrationExecutor)
    index: str = "books"
    old: str = "d:"
    new: str = "n:"

    def write(self, key: str, text: str) -> Command:
        """Return the command that writes a document."""
        if self.storage == "json":
            return "JSON.SET", key, "$", json.dumps({"t": text, "n": 0.1})
        return "HSET", key, "t", text, "n", "0.1"

    def fill(self, *, own_name: bool = False) -> None:
        """Write documents, and create an index over them, with an alias or under its own name."""
        server, old = self.server, self.old
        server.bulk([self.write(f"{old}{row}", f"word{row}") for row in range(DOCUMENTS)])
        server.command("PEXPIREAT", f"{old}2", EXPIRES)
        if self.storage == "hash":
            server.command("HPEXPIREAT", f"{old}3", EXPIRES, "FIELDS", 1, "n")
        index = self.index if own_name else "books_1"
        fields = ("$.t", "AS", "t", "TEXT") if self.storage == "json" else ("t", "TEXT")
        server.command("FT.CREATE", index, "ON", self.storage, "PREFIX", 1, old, "SCHEMA", *fields)
        if not own_name:
            server.command("FT.ALIASADD", "books", index)
        wait_until_indexed(server)

    def plan(self, mode: str = "shadow", **changes: Any) -> MigrationPlan:
        """Plan the change of the prefix."""
        patch = {"version": 1, "changes": {"index": {"prefix": self.new}, **changes}}
        planner = MigrationPlanner()
        return planner.create_plan_from_patch(self.index, schema_patch=patch, server=self.server, mode=mode)

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
        found = scan_keys(self.server, Storage(self.storage), prefix)
        return {key.decode().removeprefix(prefix) for key in found}

    def finds(self, text: str) -> int:
        """Return how many documents the name finds."""
        return count_results(self.server, "books", text)

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


def test_the_plan_says_what_becomes_of_the_keys(server: Server, tmp_path: Path) -> None:
    migration = Migration("hash", server, tmp_path / "backup")
    migration.fill()
    plan = migration.plan("auto")
    assert (plan.mode, plan.supported) == ("shadow", True)
    assert [step.kind for step in plan.steps] == [
        *("prefix.move", "index.build", "index.check", "index.switch", "index.retire", "index.remove_keys")
    ]
    assert any("keep their old ones until 'fieldfare finalize'" in line for line in plan.warnings)
    lines = load_plugins().estimate(plan).lines
    assert any(f"{DOCUMENTS} documents for a second time" in line for line in lines)
    migration.apply(plan)
    [status] = migration.executor.status(migration.backup_dir)
    assert next_lines(status)[1] == f"To sync:      {status['sync']} --watch"


@pytest.mark.parametrize(
    ("changes", "prefixes", "options", "reason"),
    [
        ({"index": {"prefix": "n:", "name": "library"}}, ["d:"], (), "then no name moves, and sync is not possible"),
        ({"index": {"prefix": "d:v2:"}}, ["d:"], (), "keys below 'd:v2:' are below 'd:', too"),
        (
            {"index": {"prefixes": {"d:": "n:", "n:": "m:"}}},
            ["d:", "n:"],
            (),
            "keys below 'n:' are below 'n:', too",
        ),
        ({"index": {"prefix": "n:"}}, ["d:"], ("FILTER", "@n<1"), "FILTER of the index decides"),
        ({"index": {"prefix": "taken:"}}, ["d:"], (), "keys below 'taken:' exist already"),
        ({"index": {"prefix": "all:"}}, ["d:"], (), "the index 'all' covers 'all:', too"),
        (
            {"index": {"prefix": "n:"}, "custom": [{"kind": "acme.redact_email", "field": "t"}]},
            *(["d:"], (), "the same patch rewrites"),
        ),
    ],
    ids=["new name", "below", "chain", "filter", "taken", "other index", "rewrite"],
)
def test_what_cannot_be_copied(
    changes: dict[str, Any], prefixes: list[str], options: tuple[str, ...], reason: str, server: Server
) -> None:
    server.command("HSET", "taken:1", "t", "word")
    names = ("books", *(("all",) if "all" in reason else ()))
    for name in names:
        covered = [*prefixes, "all:"] if name == "all" else prefixes
        fields = ("t", "TEXT", "n", "NUMERIC")
        server.command("FT.CREATE", name, *options, "PREFIX", len(covered), *covered, "SCHEMA", *fields)
    patch = {"version": 1, "changes": changes}
    plan = MigrationPlanner().create_plan_from_patch("books", schema_patch=patch, server=server, mode="shadow")
    assert any(reason in line for line in plan.blocked_reasons), plan.blocked_reasons


def test_a_key_that_an_application_created_since_the_plan_is_refused(server: Server, tmp_path: Path) -> None:
    migration = Migration("hash", server, tmp_path / "backup")
    migration.fill()
    plan = migration.plan()
    server.command(*migration.write("n:7", "theirs"))
    before = read_state(server)
    with pytest.raises(UnconvertibleDocuments, match="the new key exists already"):
        migration.apply(plan)
    assert read_state(server) == before


# ---- applications write


@contextmanager
def writing(url: str, migration: Migration) -> Iterator[list[int]]:
    """Let applications write old keys all the time; yields how often each has written."""

    def choose(dice: random.Random) -> Command:
        key, other = (f"d:{dice.randrange(DOCUMENTS + 40)}" for _ in range(2))
        update = migration.write(key, f"word{dice.randrange(2000)}")
        expiry = ("PEXPIRE", key, dice.choice([5, 10**9]))
        command: Command = dice.choice([("DEL", key), ("RENAME", key, other), expiry, *[update] * 5])
        return command

    with sending(url, choose, ("no such key",)) as counts:
        yield counts


def outdated(migration: Migration) -> dict[str, tuple[Any, Any]]:
    """Return the documents whose copy is not what they are, with both; documents that expire are left to do so."""
    server = migration.server
    found = {}
    prefixes = (migration.old, migration.new)
    for name in set[str]().union(*map(migration.keys, prefixes)):
        values = [
            (migration.read(f"{prefix}{name}"), server.command("PEXPIRETIME", f"{prefix}{name}")) for prefix in prefixes
        ]
        if values[0] != values[1]:
            found[name] = (values[0], values[1])
    return found


def test_what_applications_write_at_any_time_is_copied(migration: Migration, redis_url: str) -> None:
    migration.fill()
    plan = migration.plan()
    with writing(redis_url, migration) as counts:
        assert migration.apply(plan).result is Result.SUCCEEDED
        assert real_name(migration.server, "books") == "books__v2"
        with watching(migration.server.url, migration.backup_dir):
            reached = [count + 100 for count in counts]
            while any(count < least for count, least in zip(counts, reached, strict=True)):
                time.sleep(0.01)
    assert migration.sync().result is Result.SUCCEEDED
    assert outdated(migration) == {}


def test_a_document_that_is_away_for_a_moment_is_not_taken_for_a_new_one(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migration = Migration("hash", server, tmp_path / "backup")
    migration.fill()
    migration.apply()
    server.command("DEL", "d:1")
    is_compared = threading.Event()

    def write_between(*arguments: Any) -> Iterator[list[bytes]]:
        yield from iterate_scan(*arguments)
        server.command(*migration.write("d:1", "again"))
        is_compared.set()

    monkeypatch.setattr(synchronization, "iterate_scan", write_between)
    with watching(migration.server.url, migration.backup_dir):
        assert is_compared.wait(60)
        assert migration.copies("n:1", "again")
        server.command(*migration.write("d:1", "later"))
        assert migration.copies("n:1", "later")


@contextmanager
def replacing_during_scan(migration: Migration, number: int) -> Iterator[None]:
    """Let an application delete a new key during one of the scans for new keys, and write it again at the end of it."""
    server, scans = migration.server, Counter[str]()

    def scan(scanned: Server, definition: IndexDefinition, batch_size: int) -> Iterator[list[bytes]]:
        [prefix] = definition.prefixes
        scans[prefix] += 1
        is_chosen = (prefix, scans[prefix]) == ("n:", number)
        if is_chosen:
            server.command("DEL", "n:1")
        yield from iterate_scan(scanned, definition, batch_size)
        if is_chosen:
            server.command(*migration.write("n:1", "again"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synchronization, "iterate_scan", scan)
        yield
    assert scans["n:"] >= number


def test_a_rollback_finds_a_new_key_that_is_away_for_a_moment(migration: Migration) -> None:
    migration.fill()
    migration.apply()
    with replacing_during_scan(migration, 2):  # the first one is before the names move
        report = migration.rollback()
    assert report.result is Result.ROLLED_BACK
    assert (migration.read("d:1"), migration.keys("n:")) == ("again", set())


def test_finalize_removes_the_old_key_of_a_new_key_that_is_away_for_a_moment(migration: Migration) -> None:
    migration.fill()
    migration.apply()
    with replacing_during_scan(migration, 2):  # the first one is the check for later writes
        migration.finalize()
    assert (migration.read("n:1"), migration.keys("d:")) == ("again", set())


def test_a_server_that_does_not_tell_of_changes(
    server: Server, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ChangeFollower, "start", lambda *_: ChangeFollower(None, ExitStack()))
    migration = Migration("hash", server, tmp_path / "backup")
    migration.fill()
    plan = migration.plan()
    with writing(redis_url, migration):
        migration.apply(plan)
    with watching(migration.server.url, migration.backup_dir):
        server.bulk([migration.write("d:1", "updated"), ("DEL", "d:9")])
        assert migration.copies("n:1", "updated")
        assert migration.copies("n:9", None)
    assert outdated(migration) == {}


def test_queries_find_each_document_once_at_any_time(server: Server, redis_url: str, tmp_path: Path) -> None:
    migration = Migration("hash", server, tmp_path / "backup")
    migration.fill()
    with counting(redis_url) as found:
        migration.apply()
        migration.finalize()
    assert set(found) == {DOCUMENTS}
    server.command(*migration.write("n:own", "new"))
    with counting(redis_url) as found:
        migration.rollback()
    assert set(found) == {DOCUMENTS + 1}


@contextmanager
def counting(url: str) -> Iterator[Counter[int]]:
    """Count all documents again and again; yields how often each result was seen."""
    stop, found = threading.Event(), Counter[int]()

    def count() -> None:
        with connect(url) as server:
            while not stop.is_set():
                found[count_results(server, "books", "*")] += 1

    thread = threading.Thread(target=count)
    thread.start()
    try:
        yield found
    finally:
        stop.set()
        thread.join()


def test_between_apply_and_switch_copies_are_kept_equal(migration: Migration) -> None:
    migration.fill()
    server = migration.server
    migration.apply(switch=False)
    server.bulk([migration.write("d:1", "updated"), migration.write("d:new", "inserted"), ("DEL", "d:5", "n:8")])
    migration.sync()
    assert outdated(migration) == {}
    server.command(*migration.write("d:1", "again"))
    assert migration.executor.switch(server=server, backup_dir=migration.backup_dir).result is Result.SUCCEEDED
    assert outdated(migration) == {}


# ---- applications write new keys


def synced(migration: Migration) -> dict[str, int]:
    """Synchronize once, and return how many documents were copied, and left alone."""
    report = migration.sync()
    assert report.validation is not None
    [finding] = report.validation.findings
    return dict(finding.data)


def test_a_new_key_that_an_application_wrote_is_left_alone(migration: Migration) -> None:
    migration.fill()
    server, write = migration.server, migration.write
    migration.apply()
    server.bulk([write("n:1", "new"), write("d:2", "old"), write("n:3", "new"), write("d:3", "old")])
    server.bulk([write("n:own", "new"), ("DEL", "n:4"), write("d:5", "old"), ("DEL", "n:5"), ("DEL", "d:6")])
    server.bulk([write("n:7", "new"), ("DEL", "d:7")])
    for copied, left_alone in ((3, 5), (0, 5)):
        assert synced(migration) == {"converted": copied, "left_alone": left_alone}
        texts = {name: migration.read(f"n:{name}") for name in "1234567"}
        assert texts == {"1": "new", "2": "old", "3": "new", "4": None, "5": "old", "6": None, "7": "new"}
        assert migration.read("n:own") == "new"
    server.bulk([write("d:1", "again"), write("d:4", "again")])  # by an old version of the application, after the new
    assert synced(migration)["converted"] == 2
    assert [migration.read("n:1"), migration.read("n:4")] == ["again", "again"]


def test_keys_of_another_type_below_both_prefixes_stay(server: Server, tmp_path: Path) -> None:
    migration = Migration("hash", server, tmp_path / "backup")
    migration.fill()
    migration.apply()
    with watching(migration.server.url, migration.backup_dir):
        for number in range(9):
            server.bulk([("RPUSH", "d:list", "old"), ("RPUSH", "n:list", "new"), migration.write("d:1", f"{number}")])
            assert migration.copies("n:1", f"{number}")
    assert server.command("LLEN", "n:list") == 9


def test_copies_that_a_restarted_server_has_lost_are_made_again(server: Server, tmp_path: Path) -> None:
    migration = Migration("hash", server, tmp_path / "backup")
    migration.fill()
    migration.apply()
    server.command("DEL", "n:1")
    find_backup(migration.backup_dir, None).update(server_processes=("another",))
    with pytest.raises(PreconditionError, match="has lost the copies in a restart: 1 document, such as d:1"):
        migration.finalize()
    migration.sync()
    assert migration.read("n:1") == "word1"


@pytest.mark.parametrize("command", ["sync", "finalize", "rollback", "rollback after finalize"])
def test_a_restarted_server_that_has_lost_an_update_of_a_copy(
    command: str, private_server: PrivateServer, tmp_path: Path
) -> None:
    embedded = private_server(["--appendonly", "yes"])
    with connect(embedded.url) as server:
        migration = Migration("hash", server, tmp_path / "backup")
        migration.fill()
        migration.apply()
        server.bulk([migration.write("d:1", "updated"), migration.write("d:2", "updated")])
        migration.sync()
        # as the server has it that lost what sync wrote
        server.bulk([("COPY", "d:5", "n:1", "REPLACE"), migration.write("n:1", "word1"), migration.write("n:3", "new")])
    embedded.restart()
    with connect(embedded.url) as server:
        migration = evolve(migration, server=server)
        wait_until_indexed(server)
        if command == "sync":
            migration.sync()
            assert migration.read("n:1") == "updated"
        elif command == "finalize":
            with pytest.raises(PreconditionError, match="1 document, such as d:1"):
                migration.finalize()
        if command.endswith("finalize"):
            migration.finalize(force=True)
            assert (migration.read("d:1"), migration.read("n:1")) == (None, "updated")
            server.command(*migration.write("n:2", "word2"))
        migration.rollback()
        texts = [migration.read(f"d:{name}") for name in (1, 2, 3)]
        assert texts == ["updated", "word2" if command.endswith("finalize") else "updated", "new"]
        assert migration.keys("n:") == set()


def test_a_new_key_that_gets_back_what_was_once_copied_to_it(migration: Migration) -> None:
    migration.fill()
    server, write = migration.server, migration.write
    migration.apply()
    server.bulk([write(f"n:{name}", "new") for name in (1, 2, 3)])
    assert synced(migration) == {"converted": 0, "left_alone": 3}
    server.bulk([write("n:1", "word1"), ("DEL", "d:1"), write("n:2", "word2"), write("d:2", "old")])
    server.bulk([write("n:3", "newer"), write("n:3", "new"), write("d:3", "old")])  # as it was at the last check
    assert synced(migration) == {"converted": 1, "left_alone": 2}
    assert [migration.read(f"n:{name}") for name in (1, 2, 3)] == ["word1", "word2", "old"]
    report = migration.rollback()
    assert [migration.read(f"d:{name}") for name in (1, 2, 3)] == ["word1", "word2", "old"]
    assert [note for note in report.notes if note.kind == "exists under both keys"] == []


def test_a_rollback_lists_a_new_key_that_got_back_what_was_once_copied_to_it(migration: Migration) -> None:
    migration.fill()
    server, write = migration.server, migration.write
    migration.apply()
    server.command(*write("n:1", "new"))
    migration.sync()
    server.bulk([write("n:1", "word1"), write("d:1", "old")])
    report = migration.rollback()
    assert (migration.read("d:1"), migration.read("n:1")) == ("old", "word1")
    assert [(note.kind, note.keys) for note in report.notes] == [("exists under both keys", (b"d:1",))]


def test_a_document_that_is_deleted_and_created_again_with_the_same_content(migration: Migration) -> None:
    migration.fill()
    server, write = migration.server, migration.write
    migration.apply()
    with watching(server.url, migration.backup_dir):
        server.command(*write("d:2", "followed"))
        assert migration.copies("n:2", "followed")
        server.command("DEL", "d:1", "d:5", "d:6", "n:6")
        while any(migration.read(f"n:{name}") is not None for name in (1, 5)):  # it looks at all of them together
            time.sleep(0.001)
    server.bulk([write("d:1", "word1"), write("n:5", "word5"), write("n:6", "word6")])
    for _ in range(2):
        migration.sync()
        assert [migration.read(f"n:{name}") for name in (1, 5, 6)] == ["word1", "word5", "word6"]
    server.command("DEL", "n:5")
    migration.finalize()
    server.bulk([("DEL", "n:1"), write("n:7", "other"), ("DEL", "n:7")])
    server.bulk([write("n:1", "word1"), write("n:5", "word5"), write("n:7", "word7")])
    report = migration.rollback()
    assert [migration.read(f"d:{name}") for name in (1, 5, 6, 7)] == ["word1", "word5", "word6", "word7"]
    assert (migration.keys("n:"), report.notes) == (set(), ())


def test_a_rollback_keeps_what_applications_wrote_to_new_keys(migration: Migration) -> None:
    migration.fill()
    server, write = migration.server, migration.write
    migration.apply()
    server.bulk([write("n:1", "new"), write("d:2", "old"), write("n:3", "new"), write("d:3", "old")])
    server.bulk([write("n:own", "new"), ("PEXPIREAT", "n:own", EXPIRES), ("DEL", "n:4"), ("DEL", "d:6")])
    report = migration.rollback()
    assert report.result is Result.ROLLED_BACK
    names = ("1", "2", "3", "4", "6", "own")
    assert [migration.read(f"d:{name}") for name in names] == ["new", "old", "old", "word4", None, "new"]
    assert server.command("PEXPIRETIME", "d:own") == EXPIRES
    assert migration.keys("n:") == {"3"}
    assert migration.read("n:3") == "new"
    assert {(note.kind, note.keys) for note in report.notes} == {
        ("exists under both keys", (b"d:3",)),
        ("deleted under the new key", (b"d:4",)),
    }


def test_a_rollback_after_finalize_keeps_what_applications_wrote(migration: Migration) -> None:
    migration.fill()
    server, write = migration.server, migration.write
    migration.apply()
    server.bulk([write("d:1", "updated"), write("d:new", "inserted"), ("DEL", "d:5")])
    migration.sync()
    server.bulk([write("d:8", "both"), write("n:8", "both")])
    migration.finalize()
    server.bulk(
        [write("n:2", "new"), write("n:own", "new"), ("DEL", "n:6"), write("n:1", "word1"), write("n:8", "new")]
    )
    report = migration.rollback()
    names = ("1", "new", "2", "own", "5", "6", "7", "8")
    expected = ["word1", "inserted", "new", "new", None, None, "word7", "new"]
    assert [migration.read(f"d:{name}") for name in names] == expected
    assert migration.keys("n:") == set()
    [note] = report.notes
    assert (note.kind, note.count, note.keys) == ("deleted under the new key", 1, (b"d:6",))


def test_a_rollback_follows_what_applications_write_to_new_keys_until_the_names_move(migration: Migration) -> None:
    migration.fill()
    server, write = migration.server, migration.write
    migration.apply()
    server.bulk([write("n:1", "first"), write("n:2", "first"), write("n:3", "first")])

    def write_late(point: str) -> None:
        if point.startswith("drop:"):  # what was written to new keys is copied back by now
            fault_points.listen(None)
            server.bulk([write("n:1", "late"), write("d:2", "late")])

    fault_points.listen(write_late)
    try:
        report = migration.rollback()
    finally:
        fault_points.listen(None)
    assert [migration.read(f"d:{name}") for name in (1, 2, 3)] == ["late", "late", "first"]
    assert (migration.keys("n:"), report.notes) == (set(), ())


def test_finalize_copies_an_old_key_that_is_written_just_before_its_removal(
    migration: Migration, monkeypatch: pytest.MonkeyPatch
) -> None:
    migration.fill()
    migration.apply()
    migration.server.command(*migration.write("n:1", "new"))
    follow, late = KeySynchronization.follow, [migration.write("d:1", "late")]

    def follow_and_write(self: KeySynchronization, keys: Collection[bytes]) -> Sequence[bytes]:
        found = follow(self, keys)
        if late:
            migration.server.command(*late.pop())
        return found

    monkeypatch.setattr(KeySynchronization, "follow", follow_and_write)
    assert migration.finalize().result is Result.SUCCEEDED
    assert (migration.read("n:1"), migration.read("d:1")) == ("late", None)


def test_what_applications_wrote_to_old_keys_stops_finalize(migration: Migration) -> None:
    migration.fill()
    server = migration.server
    migration.apply()
    server.bulk([migration.write("d:1", "updated"), migration.write("n:2", "new")])
    before = read_state(server)
    with pytest.raises(PreconditionError, match="wrote old keys since these were copied: 1 document, such as d:1"):
        migration.finalize()
    assert read_state(server) == before
    assert migration.finalize(force=True).result is Result.SUCCEEDED
    assert [migration.read("n:1"), migration.read("n:2")] == ["updated", "new"]
    assert migration.keys("d:") == set()


def test_finalize_leaves_keys_that_another_index_covers(server: Server, tmp_path: Path) -> None:
    migration = Migration("hash", server, tmp_path / "backup")
    migration.fill()
    migration.apply()
    server.command("FT.CREATE", "other", "PREFIX", 1, "d:1", "SCHEMA", "t", "TEXT")
    with pytest.raises(PreconditionError, match="'other' covers keys below 'd:'"):
        migration.finalize(force=True)
    assert server.command("EXISTS", "d:1") == 1


# ---- elsewhere


class Mover:
    """A plugin in place of ``prefix``: in this mode it does nothing but to name keys."""

    @hookimpl
    def fieldfare_classify(self, change: object) -> Claim | None:
        """Claim a change of the prefix."""
        return Claim.supported(rewrites_documents=True) if isinstance(change, ChangePrefix) else None

    @hookimpl
    def fieldfare_plan_steps(self) -> list[Step]:
        """Move keys."""
        return [Step.new("acme.move", Phase.REWRITE, rewrites_documents=True, moves_keys=True)]

    @hookimpl
    def fieldfare_name_keys(self, keys: Sequence[bytes], back: bool) -> list[bytes]:  # noqa: FBT001 - a hook
        """``d:7`` is ``n:7``."""
        old, new = (b"n:", b"d:") if back else (b"d:", b"n:")
        return [new + key.removeprefix(old) if key.startswith(old) else key for key in keys]

    @hookimpl
    def fieldfare_execute_step(self) -> Receipt:
        """Fail."""
        raise NotImplementedError

    @hookimpl
    def fieldfare_verify_step(self) -> bool:
        """Fail."""
        raise NotImplementedError

    @hookimpl
    def fieldfare_undo_step(self) -> None:
        """Fail."""
        raise NotImplementedError


def test_a_document_that_is_written_all_the_time_has_a_copy(server: Server, tmp_path: Path) -> None:
    migration = Migration("hash", server, tmp_path / "backup")
    migration.fill()
    points: Counter[str] = Counter()

    def write(point: str) -> None:
        if point.endswith("server.send:before"):
            fault_points.listen(None)
            if server.command("EXISTS", "n:1"):
                points[point] += 1
                server.command(*migration.write("d:1", f"word {points.total()}"))
            fault_points.listen(write)

    fault_points.listen(write)
    try:
        assert migration.apply(switch=False).result is Result.SUCCEEDED
    finally:
        fault_points.listen(None)
    assert max(points.values()) > ATTEMPTS
    migration.sync()
    assert outdated(migration) == {}


def test_a_plugin_that_names_keys(server: Server, tmp_path: Path) -> None:
    plugins = load_plugins(blocked=["prefix"])
    plugins.register(Mover(), "acme", "1.0")
    migration = Migration("hash", server, tmp_path / "backup", MigrationExecutor(plugins=plugins))
    migration.fill()
    before = read_state(server)
    patch = {"version": 1, "changes": {"index": {"prefix": "n:"}}}
    planner = MigrationPlanner(plugins=plugins)
    plan = planner.create_plan_from_patch("books", schema_patch=patch, server=server, mode="shadow")
    migration.executor.apply(plan, server=server, backup_dir=migration.backup_dir)
    server.command(*migration.write("d:1", "updated"))
    migration.sync()
    assert migration.keys("n:") == migration.keys("d:")
    assert migration.read("n:1") == "updated"
    migration.finalize()
    assert migration.keys("d:") == set()
    server.command(*migration.write("n:1", "word1"))
    migration.rollback()
    assert read_state(server) == before


@pytest.mark.parametrize("storage", ["hash", "json"])
def test_a_cluster(storage: str, cluster: Server, tmp_path: Path) -> None:
    node = cluster.node_for("GET", "{a}")
    other, near, far = (key_slot(b"a"), "", "")
    for number in range(100):
        tag = f"t{number}"
        if cluster.node_for("GET", f"{{{tag}}}").connection_pool is not node.connection_pool:
            far = tag
        elif key_slot(tag.encode()) != other:
            near = tag
    migration = Migration(storage, cluster, tmp_path / "backup", index="books{a}", old="{a}d:", new=f"{{{near}}}n:")
    migration.fill(own_name=True)
    for new in ("{a}n:", f"{{{near}}}n:"):
        migration.new, migration.backup_dir = new, tmp_path / new
        before = read_state(cluster)
        assert migration.apply().result is Result.SUCCEEDED
        cluster.bulk([migration.write("{a}d:1", "updated"), migration.write("{a}d:new", "inserted"), ("DEL", "{a}d:5")])
        migration.sync()
        assert outdated(migration) == {}
        cluster.bulk([migration.write("{a}d:1", "word1"), migration.write("{a}d:5", "word5"), ("DEL", "{a}d:new")])
        migration.finalize(force=True)
        assert migration.keys("{a}d:") == set()
        assert migration.rollback(restore_own_name=True).result is Result.ROLLED_BACK
        assert read_state(cluster) == before
    migration.new, migration.backup_dir = f"{{{far}}}n:", tmp_path / "far"
    with pytest.raises(UnconvertibleDocuments, match="covers only the keys of its own cluster node"):
        migration.apply()
