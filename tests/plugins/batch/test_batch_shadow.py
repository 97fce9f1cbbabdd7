"""Batches in the mode ``shadow``: all new indexes are built and checked, then all names move, or none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import define

from fieldfare.engine.stop import StopRequest
from fieldfare.errors import Interrupted
from fieldfare.server import Server
from fieldfare.server.index_names import real_name
from fieldfare.server.inspect import list_indexes, read_definition
from fieldfare.server.lock import PREFIX
from fieldfare.server.search import count_results
from fieldfare.testing.commandline import CommandLine
from fieldfare.testing.digest import database_digest, read_state
from fieldfare_batch import BatchMigrationExecutor, BatchMigrationPlanner
from fieldfare_batch.commands.outcome import exit_code_of
from fieldfare_batch.plan import BatchPlan
from fieldfare_batch.report import BatchReport
from fieldfare_batch.state_file import load_state
from torture import TORTURE, pairs

HNSW: dict[str, Any] = {
    "version": 1,
    "mode": "shadow",
    "changes": {"update_fields": [{"name": "embedding", "attrs": {"algorithm": "hnsw"}}]},
}

NAMES = ("a", "b", "c")
APPLY = ("batch-apply", "--backup-dir", "backups")
RESUME = ("batch-resume",)


@define
class Books:
    """Three indexes ``a_1``, ``b_1``, ``c_1``, which an application knows by the aliases ``a``, ``b``, ``c``."""

    server: Server
    directory: Path

    def leads_to(self) -> dict[str, str | None]:
        """Return where each name leads."""
        return {name: real_name(self.server, name) for name in NAMES}

    def answers(self) -> bool:
        """Whether each name finds every document."""
        return all(count_results(self.server, name, "@title:number") == 20 for name in NAMES)

    def statuses(self) -> dict[str, str]:
        """Return index → its status in the state file."""
        return {each.name: each.status.value for each in load_state(self.directory / "batch_state.yaml").indexes}


@pytest.fixture
def books(server: Server, load: Any, fieldfare: CommandLine, monkeypatch: pytest.MonkeyPatch) -> Books:
    for name in NAMES:
        load(f"{name}_1")
        server.command("FT.ALIASADD", name, f"{name}_1")
    (fieldfare.directory / "patch.yaml").write_text(json.dumps(HNSW))
    monkeypatch.chdir(fieldfare.directory)
    return Books(server, fieldfare.directory)


def plan(fieldfare: CommandLine, *options: str) -> None:
    planned = fieldfare("batch-plan", "--schema-patch", "patch.yaml", "--indexes", ",".join(NAMES), *options)
    assert planned.code == 0, planned.stdout + planned.stderr


OLD = {name: f"{name}_1" for name in NAMES}
NEW = {name: f"{name}__v2" for name in NAMES}


# ---- all or none


def test_all_are_built_before_the_first_name_moves(fieldfare: CommandLine, books: Books) -> None:
    before = read_state(books.server)
    plan(fieldfare)
    applied = fieldfare(*APPLY)
    assert applied.code == 0, applied.stderr
    order = [line.split("] ")[1].partition(" in ")[0] for line in applied.stderr.splitlines() if line.startswith("[")]
    built = [f"{name}_1: {status}" for name in NAMES for status in ("in_progress", "built")]
    assert order == built + [f"{name}_1: {status}" for name in NAMES for status in ("switching", "success")]
    assert books.leads_to() == NEW
    assert books.answers()
    embedding = read_definition(books.server, "a").find("embedding")
    assert embedding is not None
    assert embedding.attrs["algorithm"] == "HNSW"
    assert database_digest(books.server) == before[0]
    assert fieldfare(*APPLY).code == 0, "nothing is left to do"

    assert fieldfare("batch-rollback").code == 0
    assert read_state(books.server) == before
    assert books.leads_to() == OLD


def test_the_names_of_the_indexes_themselves_move(fieldfare: CommandLine, server: Server, load: Any) -> None:
    for name in NAMES:
        load(name)
    (fieldfare.directory / "patch.yaml").write_text(json.dumps(HNSW))
    definitions = {name: read_definition(server, name).fields for name in NAMES}
    assert fieldfare("batch-plan", "--schema-patch", "patch.yaml", "--pattern", "*").code == 0
    assert fieldfare(*APPLY, "--parallel", "2").code == 0
    assert {name: real_name(server, name) for name in NAMES} == NEW
    assert sorted(list_indexes(server)) == sorted(NEW.values())
    assert fieldfare("batch-rollback").code == 0
    assert {name: read_definition(server, name).fields for name in NAMES} == definitions
    assert not set(NEW.values()) & set(list_indexes(server))


@pytest.mark.parametrize("policy", ["fail_fast", "continue_on_error"])
def test_no_name_moves_if_one_index_cannot_be_built(policy: str, fieldfare: CommandLine, books: Books) -> None:
    before = read_state(books.server)
    plan(fieldfare, "--failure-policy", policy)
    books.server.command("FT.CREATE", "b__v2", "PREFIX", 1, "other:", "SCHEMA", "t", "TEXT")

    applied = fieldfare(*APPLY)
    assert applied.code == 3
    assert "The names of built indexes have not moved: all of them move, or none." in applied.stdout
    assert books.leads_to() == OLD
    third = "built" if policy == "continue_on_error" else "pending"
    assert books.statuses() == {"a_1": "built", "b_1": "failed", "c_1": third}
    resumed = fieldfare(*RESUME)
    assert resumed.code == 3
    assert books.leads_to() == OLD, "an index that failed is not left behind"
    assert "--retry-failed" in resumed.stderr

    books.server.command("FT.DROPINDEX", "b__v2")
    assert fieldfare(*RESUME, "--retry-failed").code == 0
    assert books.leads_to() == NEW
    assert fieldfare("batch-rollback").code == 0
    assert read_state(books.server) == before


def test_no_name_moves_if_one_index_fails_its_checks(fieldfare: CommandLine, books: Books) -> None:
    plan(fieldfare, "--failure-policy", "continue_on_error")
    books.server.command("FT.ALIASDEL", "c")
    books.server.command("FT.CREATE", "other", "PREFIX", 1, "c_1:", "SCHEMA", "t", "TEXT")
    books.server.command("FT.ALIASADD", "c", "other")
    applied = fieldfare(*APPLY, "--json")
    assert applied.code == 3
    document = json.loads(applied.stdout)
    assert document["status"] == "failed"
    assert document["summary"].items() >= {"built": 2, "failed": 1, "successful": 0}.items()
    assert books.leads_to() == {**OLD, "c": "other"}
    assert fieldfare("batch-rollback").code == 0
    assert sorted(list_indexes(books.server)) == ["a_1", "b_1", "c_1", "other"]
    assert books.leads_to() == {**OLD, "c": "other"}


# ---- without the switch


def test_the_switch_waits_for_somebody_to_say_so(fieldfare: CommandLine, books: Books) -> None:
    plan(fieldfare)
    applied = fieldfare(*APPLY, "--no-switch")
    assert applied.code == 0, applied.stderr
    assert "Batch built and checked; no name has moved" in applied.stdout
    assert "batch-resume --state" in applied.stdout
    assert "--switch" in applied.stdout
    assert books.leads_to() == OLD
    assert "Built, to be switched: a_1, b_1, c_1" in fieldfare("batch-status").stdout
    again = fieldfare(*RESUME, "--json")
    assert (again.code, json.loads(again.stdout)["status"]) == (0, "built")
    assert books.leads_to() == OLD
    assert fieldfare(*RESUME, "--switch").code == 0
    assert books.leads_to() == NEW


def test_a_rollback_before_the_switch_leaves_no_trace(fieldfare: CommandLine, books: Books) -> None:
    before = read_state(books.server)
    plan(fieldfare)
    assert fieldfare(*APPLY, "--no-switch").code == 0
    assert fieldfare("batch-rollback").code == 0
    assert read_state(books.server) == before
    assert books.statuses() == dict.fromkeys(OLD.values(), "rolled_back")


# ---- crashes


WAYS = ("resume", "rollback")

KILLS = (
    ("create:started:2", ""),
    ("check:finished:3", ""),
    ("switch:started:1", ""),
    ("switch:started:2", "a"),
    ("switch:finished:2", "ab"),
    ("check:started:6", "ab"),
    ("switch:finished:3", "abc"),
)
"""Moment of a kill → the names that have moved by then."""


@pytest.mark.parametrize(
    ("moment", "moved", "way"), [(*kill, way) for kill, way in pairs(KILLS if TORTURE else KILLS[::2], WAYS)]
)
def test_killed(moment: str, moved: str, way: str, fieldfare: CommandLine, books: Books) -> None:
    """Every name answers, and the batch goes on, or back, from wherever it was."""
    before = read_state(books.server)
    plan(fieldfare)
    assert fieldfare(*APPLY, crash_at=moment).code == -9
    assert books.leads_to() == {name: NEW[name] if name in moved else OLD[name] for name in NAMES}
    assert books.answers()
    if way == "resume":
        resumed = fieldfare(*RESUME)
        assert resumed.code == 0, resumed.stderr
        assert books.leads_to() == NEW
        assert books.answers()
        assert books.statuses() == dict.fromkeys(OLD.values(), "success")
    undone = fieldfare("batch-rollback")
    assert undone.code == 0, undone.stderr
    assert read_state(books.server) == before
    assert books.leads_to() == OLD


@pytest.mark.parametrize(("moment", "way"), pairs(("switch:started:2", "switch:finished:2"), WAYS))
def test_killed_while_names_of_indexes_move(
    moment: str, way: str, fieldfare: CommandLine, server: Server, load: Any
) -> None:
    for name in NAMES:
        load(name)
    documents = database_digest(server)
    definitions = {name: read_definition(server, name).fields for name in NAMES}
    (fieldfare.directory / "patch.yaml").write_text(json.dumps(HNSW))
    plan(fieldfare)
    assert fieldfare(*APPLY, crash_at=moment).code == -9
    books = Books(server, fieldfare.directory)
    assert books.answers()
    if way == "resume":
        assert fieldfare(*RESUME).code == 0
        assert books.leads_to() == NEW
        assert sorted(list_indexes(server)) == sorted(NEW.values())
    assert fieldfare("batch-rollback").code == 0
    assert {name: read_definition(server, name).fields for name in NAMES} == definitions
    assert not set(NEW.values()) & set(list_indexes(server))
    assert books.answers()
    assert database_digest(server) == documents


# ---- what happens between two switches


def start(books: Books, react: Callable[[str], object], **options: Any) -> BatchReport:
    """Apply a batch, and do something when the status of an index changes: ``a_1: success``."""
    return BatchMigrationExecutor().apply(
        make_plan(books),
        server=books.server,
        backup_dir="backups",
        progress_callback=lambda name, _, __, status: react(f"{name}: {status}"),
        **options,
    )


def make_plan(books: Books) -> BatchPlan:
    return BatchMigrationPlanner().create_batch_plan(server=books.server, indexes=NAMES, schema_patch=HNSW)


@pytest.mark.parametrize("until", ["c_1: rolling_back", ""], ids=["in between", "for good"])
def test_one_that_cannot_be_switched_takes_all_back(until: str, fieldfare: CommandLine, books: Books) -> None:
    """Somebody moves a name between two switches; whether it is back for the rollback decides what that says."""
    before = read_state(books.server)
    aliases = {"a_1: success": "c_1", until: "b_1"}

    def move_alias(change: str) -> None:
        if change in aliases:
            books.server.command("FT.ALIASUPDATE", "b", aliases[change])

    report = start(books, move_alias)
    state = load_state(books.directory / "batch_state.yaml")
    [(name, reason)] = [(each.name, each.error or "") for each in report.indexes if each.error]
    assert (name, "'b' leads to the index 'c_1'" in reason) == ("b_1", True)
    assert report.summary.successful == 0
    if until:
        assert (report.status, exit_code_of(report, state)) == ("rolled_back", 1)
        assert "the whole batch was rolled back" in reason
    else:
        assert (report.summary.rolled_back, exit_code_of(report, state)) == (2, 3)
        assert "its validation failed: aliases" in reason
        assert books.leads_to() == {**OLD, "b": "c_1"}
        books.server.command("FT.ALIASUPDATE", "b", "b_1")
        assert fieldfare("batch-rollback").code == 0
    assert read_state(books.server) == before
    assert books.leads_to() == OLD
    assert fieldfare("batch-plan", "--schema-patch", "patch.yaml", "--indexes", "a,b,c").code == 0
    assert fieldfare(*APPLY).code == 0
    assert books.leads_to() == NEW


def test_trouble_that_passes_takes_nothing_back(fieldfare: CommandLine, books: Books) -> None:
    lock = PREFIX + b"b_1"

    def hold_lock(change: str) -> None:
        if change == "a_1: success":
            books.server.command("SET", lock, "somebody else", "PX", 600_000)

    report = start(books, hold_lock)
    assert report.status == "partial_failure"
    assert report.summary.built == 2
    assert books.leads_to() == {**OLD, "a": NEW["a"]}
    held = fieldfare(*RESUME)
    assert held.code == 3
    assert "To resume:" in held.stderr
    books.server.command("DEL", lock)
    resumed = fieldfare(*RESUME, "--no-switch")  # names have begun to move
    assert resumed.code == 0, resumed.stderr
    assert books.leads_to() == NEW


def test_a_stop_between_two_switches(fieldfare: CommandLine, books: Books) -> None:
    stop = StopRequest()
    with pytest.raises(Interrupted, match=r"Migrated 1 of 3 indexes, built 2 more\."):
        start(books, lambda change: stop.set() if change == "a_1: success" else None, stop=stop)
    assert books.leads_to() == {**OLD, "a": NEW["a"]}
    assert fieldfare(*RESUME).code == 0
    assert books.leads_to() == NEW


# ---- planning


def test_indexes_that_need_an_outage_are_migrated_before_names_move(
    fieldfare: CommandLine, server: Server, load: Any
) -> None:
    """With ``auto``, each index has a mode of its own; here one has a value that moves into another object."""
    load("b", vector=False)
    server.command("FT.DROPINDEX", "b")
    server.command("FT.CREATE", "b", "PREFIX", 1, "b:", "SCHEMA", "title", "AS", "name", "TEXT")
    server.bulk([("JSON.SET", f"a:{row}", "$", json.dumps({"name": f"number {row}"})) for row in range(20)])
    server.command("FT.CREATE", "a", "ON", "JSON", "PREFIX", 1, "a:", "SCHEMA", "$.name", "AS", "name", "TEXT")
    renamed = {"rename_fields": [{"old_name": "name", "new_name": "meta.name"}]}
    (fieldfare.directory / "patch.yaml").write_text(json.dumps({"version": 1, "mode": "auto", "changes": renamed}))
    assert fieldfare("batch-plan", "--schema-patch", "patch.yaml", "--pattern", "*").code == 0
    applied = fieldfare(*APPLY)
    assert applied.code == 0, applied.stderr
    order = [line.split("] ")[1].partition(" in ")[0] for line in applied.stderr.splitlines() if line.startswith("[")]
    assert order == ["b: in_progress", "b: built", "a: in_progress", "a: success", "b: switching", "b: success"]
    assert {name: count_results(server, name, r"@meta\.name:number") for name in "ab"} == {"a": 20, "b": 20}
    assert json.loads(server.command("JSON.GET", "a:1")) == {"meta": {"name": "number 1"}}
    assert server.command("HEXISTS", "b:1", "meta.name") == 0
    assert fieldfare("batch-rollback").code == 0
    assert {name: count_results(server, name, "@name:number") for name in "ab"} == {"a": 20, "b": 20}


def test_values_that_are_rewritten_stand_in_shadow_fields(fieldfare: CommandLine, books: Books) -> None:
    before = read_state(books.server)
    float16 = {"update_fields": [{"name": "embedding", "attrs": {"datatype": "float16"}}]}
    (fieldfare.directory / "patch.yaml").write_text(json.dumps({"version": 1, "mode": "shadow", "changes": float16}))
    plan(fieldfare)
    applied = fieldfare(*APPLY, "--accept-data-loss")
    assert applied.code == 0, applied.stderr
    assert books.leads_to() == NEW
    assert books.answers()
    assert all(books.server.command("HSTRLEN", f"{name}_1:0", "embedding__v2") == 16 for name in NAMES)
    undone = fieldfare("batch-rollback")
    assert undone.code == 0, undone.stderr
    assert read_state(books.server) == before


def test_memory_for_all_second_indexes_is_added_up(fieldfare: CommandLine, books: Books) -> None:
    client: Any = books.server.client
    client.config_set("maxmemory", 1_000_000)
    try:
        planned = fieldfare("batch-plan", "--schema-patch", "patch.yaml", "--indexes", ",".join(NAMES))
    finally:
        client.config_set("maxmemory", 0)
    assert planned.code == 0, planned.stderr
    assert "3 second indexes at the same time need about" in planned.stdout
