"""The target is created before the rewrite pass where its writes can fill it, and never lacks a document."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import frozen

from fieldfare import hookimpl
from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.backup import backup_file, backup_prefix
from fieldfare.backup.journal import Journal
from fieldfare.engine import filling
from fieldfare.engine.filling import TargetFilling
from fieldfare.errors import FieldfareError, ValidationFailed
from fieldfare.hooks.manager import load_plugins
from fieldfare.hooks.run_defaults import Verify
from fieldfare.plan import MigrationPlan
from fieldfare.report import MigrationReport, Result, StepReport
from fieldfare.server import Server, change_tracking, index_commands, transaction_limit
from fieldfare.server.inspect import index_exists, read_definition, read_stats
from fieldfare.server.search import find_indexed
from fieldfare.server.transaction_limit import TransactionLimit
from fieldfare.server.unchanged_write import write_unchanged
from fieldfare.testing.digest import index_state
from fieldfare.testing.indexing import wait_until_indexed

COUNT, DIMS = 4000, 4
NAME = "books"

RENAME_ONE = """
for row = 100, 3999 do
  if redis.call('HSTRLEN', 'b:' .. row, 'v') == tonumber(ARGV[1]) then
    redis.call('RENAME', 'b:' .. row, KEYS[1])
    return row
  end
end
"""


class Killed(BaseException):
    """The process ends here, as far as the run can tell."""


def die(_: StepReport) -> None:
    raise Killed


class At:
    """Does something the first time that a moment of a run comes."""

    def __init__(self, moment: str, act: Callable[[StepReport], object]) -> None:
        self.moment = moment
        self.act = act
        self.is_over = False

    @hookimpl
    def fieldfare_step_report(self, report: StepReport) -> None:  # noqa: D102 - as the hook says
        is_first = report.activity == "rewrite" and not report.documents_done  # before the target is there
        if f"{report.activity}:{report.moment}" == self.moment and not is_first and not self.is_over:
            self.is_over = True
            self.act(report)


@frozen
class Scene:
    """An index, and a plan that rewrites each of its documents."""

    server: Server
    plan: MigrationPlan
    directory: Path

    def apply(self, *observers: At, **options: Any) -> MigrationReport:
        """Apply the plan."""
        return self.executor(*observers).apply(
            self.plan, server=self.server, backup_dir=self.directory, verify=Verify.FULL, **options
        )

    def rollback(self, *observers: At) -> MigrationReport:
        """Take it back."""
        return self.executor(*observers).rollback(server=self.server, backup_dir=self.directory)

    def executor(self, *observers: At) -> MigrationExecutor:
        """Return what tells these observers."""
        plugins = load_plugins(blocked=["acme_redact"])
        for number, observer in enumerate(observers):
            plugins.register(observer, f"observer{number}")
        return MigrationExecutor(plugins=plugins)

    @property
    def is_filling(self) -> bool:
        """What the journal on disk says."""
        journal = Journal.load(backup_file(backup_prefix(self.directory, NAME), "header"))
        return journal.progress.filling

    def holds(self) -> int:
        """Return how many documents the index has that answers by this name; -1 without one."""
        return read_stats(self.server, NAME).num_docs if index_exists(self.server, NAME) else -1

    def add(self, key: str, **values: str | bytes) -> None:
        """Write a document."""
        self.server.command("HSET", key, *(part for pair in values.items() for part in pair))


def vector(number: int) -> bytes:
    return np.full(DIMS, number % 100 + 1, "<f4").tobytes()


def make_index(server: Server, algorithm: str, *, without: int = 0) -> None:
    server.bulk(
        [
            ("HSET", f"b:{row}", "title", f"book {row}", *(("v", vector(row)) if row >= without else ()))
            for row in range(COUNT)
        ]
    )
    kind = ("TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "L2")
    fields = ("title", "TEXT", "v", "VECTOR", algorithm, len(kind), *kind)
    server.command("FT.CREATE", NAME, "PREFIX", 1, "b:", "SCHEMA", *fields)
    wait_until_indexed(server)


def make_scene(server: Server, directory: Path, algorithm: str = "FLAT", *, without: int = 0) -> Scene:
    make_index(server, algorithm, without=without)
    changes = {"update_fields": [{"name": "v", "attrs": {"datatype": "float16"}}]}
    plan = MigrationPlanner().create_plan_from_patch(
        NAME, schema_patch={"version": 1, "changes": changes}, server=server
    )
    return Scene(server, plan, directory)


@pytest.fixture
def scene(server: Server, tmp_path: Path) -> Scene:
    if server.capabilities.cluster or not server.capabilities.has_hsetex:
        pytest.skip("what others do to keys is followed on a single server with HSETEX only")
    return make_scene(server, tmp_path)


class Held:
    """How many documents the index has at a moment of a run."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.documents = 0

    def look(self, _: StepReport) -> None:  # noqa: D102 - as it says
        self.documents = self.scene.holds()


def rename_a_document(scene: Scene, key: str, *, stored_bytes: int) -> int | None:
    """Rename, in one step, a document whose vector has this many bytes; return its row, None if there is none."""
    row: int | None = scene.server.command("EVAL", RENAME_ONE, 1, key, stored_bytes)
    return row


def every_document_is_found(scene: Scene, *, besides: int = 0) -> None:
    keys = list(scene.server.command("KEYS", "b:*"))
    assert len(keys) == COUNT + besides
    assert find_indexed(scene.server, NAME, sorted(keys)) == set(keys)
    assert scene.holds() == len(keys)


def test_each_write_puts_its_document_into_the_target(scene: Scene) -> None:
    held = Held(scene)
    report = scene.apply(At("rewrite:finished", held.look))
    assert report.result is Result.SUCCEEDED
    assert held.documents == COUNT
    assert not scene.is_filling
    every_document_is_found(scene)
    assert scene.rollback().result is Result.ROLLED_BACK
    every_document_is_found(scene)


@pytest.mark.parametrize("missing", [1, 900])
def test_documents_that_are_not_rewritten_are_in_the_target(server: Server, tmp_path: Path, missing: int) -> None:
    scene = make_scene(server, tmp_path, without=missing)
    server.command("PEXPIREAT", "b:0", 4102444800123)
    held = Held(scene)
    assert scene.apply(At("rewrite:finished", held.look)).result is Result.SUCCEEDED
    if not server.capabilities.cluster and server.capabilities.has_hsetex:
        assert held.documents == COUNT - missing
    assert server.command("PEXPIRETIME", "b:0") == 4102444800123
    every_document_is_found(scene)


def test_if_many_documents_are_not_rewritten_the_target_is_created_afterwards(server: Server, tmp_path: Path) -> None:
    scene = make_scene(server, tmp_path, without=COUNT // 2)
    held = Held(scene)
    assert scene.apply(At("rewrite:finished", held.look)).result is Result.SUCCEEDED
    assert held.documents == -1
    every_document_is_found(scene)


def test_a_graph_is_built_afterwards(server: Server, tmp_path: Path) -> None:
    scene = make_scene(server, tmp_path, "HNSW")
    held = Held(scene)
    assert scene.apply(At("rewrite:finished", held.look)).result is Result.SUCCEEDED
    assert held.documents == -1, "each write of a large graph would keep the server from others for long"
    every_document_is_found(scene)


@pytest.mark.parametrize("moment", ["enumerate:finished", "dump:finished", "drop:finished", "rewrite:progress"])
def test_what_applications_do_before_and_during_the_pass_is_in_the_target(scene: Scene, moment: str) -> None:
    def meanwhile(_: StepReport) -> None:
        scene.add("b:new", title="without a vector")
        scene.add("b:newer", title="with one", v=vector(1))
        scene.add("b:7", title="another title")
        scene.add("b:8", v=vector(80))
        scene.server.command("HDEL", "b:9", "v")
        assert rename_a_document(scene, "b:ten", stored_bytes=4 * DIMS) is not None
        scene.server.command("DEL", "b:11")
        scene.server.command("RENAME", "b:12", "elsewhere")

    assert scene.apply(At(moment, meanwhile)).result is Result.SUCCEEDED
    every_document_is_found(scene)
    for key in ("b:8", "b:newer", "b:ten"):
        assert scene.server.command("HSTRLEN", key, "v") == 2 * DIMS
    assert scene.rollback().result is Result.ROLLED_BACK
    every_document_is_found(scene)
    assert scene.server.command("HSTRLEN", "b:ten", "v") == 4 * DIMS
    assert scene.server.command("HGET", "b:8", "v") == vector(80)


def test_a_document_that_is_renamed_after_its_rewrite_stays_as_it_is_in_a_rollback(scene: Scene) -> None:
    """The backup does not know its key."""

    def rename(_: StepReport) -> None:
        assert rename_a_document(scene, "b:ten", stored_bytes=2 * DIMS) is not None

    assert scene.apply(At("rewrite:progress", rename)).result is Result.SUCCEEDED
    every_document_is_found(scene)
    assert scene.rollback().result is Result.ROLLED_BACK
    assert scene.server.command("HSTRLEN", "b:ten", "v") == 2 * DIMS
    scene.server.command("DEL", "b:ten")
    every_document_is_found(scene, besides=-1)


def test_documents_that_are_renamed_before_the_pass_comes_to_them_are_in_the_target(
    server: Server, tmp_path: Path
) -> None:
    """The server indexes what is renamed only if it has indexed it before; these are not converted either."""
    scene = make_scene(server, tmp_path, without=900)

    def rename_some(_: StepReport) -> None:
        for row in range(0, 900, 5):
            server.command("RENAME", f"b:{row}", f"b:other {row}")
        server.command("RENAME", "b:1", "b:with \0")

    assert scene.apply(At("rewrite:progress", rename_some), batch_size=100).result is Result.SUCCEEDED
    every_document_is_found(scene)


def test_the_target_is_created_afterwards_where_more_was_changed_than_is_remembered(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_tracking, "MOST_KEYS", 10)
    held = Held(scene)

    def add(_: StepReport) -> None:
        for number in range(20):
            scene.add(f"b:new {number}", title="without a vector")

    assert scene.apply(At("dump:finished", add), At("rewrite:finished", held.look)).result is Result.SUCCEEDED
    assert held.documents == -1
    every_document_is_found(scene, besides=20)


def test_no_incomplete_target_answers_after_an_interruption(scene: Scene) -> None:
    before = index_state(scene.server)
    with pytest.raises(Killed):
        scene.apply(At("rewrite:progress", die))
    assert scene.holds() == -1
    assert not scene.is_filling
    assert scene.rollback().result is Result.ROLLED_BACK
    assert index_state(scene.server) == before


@pytest.mark.parametrize("moment", ["rewrite:progress", "rewrite:finished", "create:started", "index:started"])
def test_a_target_that_a_killed_run_has_left_incomplete_is_not_used(
    scene: Scene, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing runs after a kill: here, nothing is dropped after it."""
    module = "fieldfare.engine.drop_recreate.mode"
    before = index_state(scene.server)
    for resume in (scene.apply, scene.rollback):
        with monkeypatch.context() as patched:
            patched.setattr(f"{module}.abandon_filled_target", lambda _: None)
            with pytest.raises(Killed):
                scene.apply(At(moment, die))
        assert scene.holds() > 0
        scene.add("b:0", title="written between two attempts")
        if resume == scene.rollback:
            break
        assert scene.apply().result is Result.SUCCEEDED
        every_document_is_found(scene)
        scene.rollback()
        scene.add("b:0", title="book 0")
    assert scene.rollback().result is Result.ROLLED_BACK
    every_document_is_found(scene)
    scene.add("b:0", title="book 0")
    assert index_state(scene.server) == before


@pytest.mark.parametrize("moment", ["rewrite:progress", "rewrite:finished"])
def test_values_in_the_old_form_that_are_converted_fail_no_check(scene: Scene, moment: str) -> None:
    """The server counts each attempt to index one; the source has a failure of its own."""

    def write_in_old_form(_: StepReport) -> None:
        for number in range(3):
            scene.add("b:8", v=vector(50 + number))
            scene.add("b:new", v=vector(60 + number))

    scene.add("b:5", v=b"too short")
    report = scene.apply(At(moment, write_in_old_form))
    [failures] = [each for each in report.validation.findings if each.name == "indexing_failures"]
    assert (report.result, failures.passed) == (Result.SUCCEEDED, True), failures.detail
    assert scene.holds() == COUNT


def test_a_document_that_cannot_be_indexed_any_more_fails_the_check(scene: Scene) -> None:
    def write_wrong_values(_: StepReport) -> None:
        for key in ("b:6", "b:new", "b:6"):
            scene.add(key, v=b"too short")

    scene.add("b:5", v=b"too short")
    with pytest.raises(ValidationFailed, match="indexing_failures"):
        scene.apply(At("rewrite:finished", write_wrong_values))


def test_an_index_that_an_application_has_made_before_the_pass_becomes_the_target(scene: Scene) -> None:
    make_target = At("drop:finished", lambda _: index_commands.create(scene.server, scene.plan.target))
    assert scene.apply(make_target).result is Result.SUCCEEDED
    every_document_is_found(scene)


@pytest.mark.parametrize("moment", ["rewrite:progress", "rewrite:finished"])
def test_a_target_that_an_application_has_dropped_is_created_again(scene: Scene, moment: str) -> None:
    drop = At(moment, lambda _: scene.server.command("FT.DROPINDEX", NAME))
    assert scene.apply(drop).result is Result.SUCCEEDED
    every_document_is_found(scene)


@pytest.mark.parametrize("right", ["scan", "hrandfield", "client|tracking"])
def test_a_user_with_fewer_rights_has_the_target_created_afterwards(scene: Scene, right: str) -> None:
    held = Held(scene)
    scene.server.command("ACL", "SETUSER", "default", f"-{right}")
    try:
        assert scene.apply(At("rewrite:finished", held.look)).result is Result.SUCCEEDED
    finally:
        scene.server.command("ACL", "SETUSER", "default", f"+{right}")
    assert held.documents == -1
    every_document_is_found(scene)


def test_transactions_that_take_long_get_fewer_documents(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other clients wait for each of them, and it indexes its documents."""
    monkeypatch.setattr(transaction_limit, "GOAL_SECONDS", 0)
    before = executed(scene.server)
    assert scene.apply().result is Result.SUCCEEDED
    assert executed(scene.server) - before > COUNT // 2
    every_document_is_found(scene)


def executed(server: Server) -> int:
    """Return how many transactions were executed."""
    found = server.command("INFO", "commandstats")
    counted = found["cmdstat_exec"]["calls"] if isinstance(found, dict) else found.split(b"cmdstat_exec:calls=")[1]
    return counted if isinstance(counted, int) else int(counted.split(b",")[0])


def test_a_limit_follows_from_the_time_of_the_transactions_before() -> None:
    limit = TransactionLimit(documents=100)
    assert [limit.next_documents(left) for left in (20, 150, 151)] == [20, 150, 100], "a small rest is taken along"
    limit.learn(100, 2 * transaction_limit.GOAL_SECONDS)
    assert limit.documents == 50
    limit.learn(50, 0)
    assert limit.documents == 100, "at most twice as many as before"
    limit.learn(100, 1000)
    assert limit.documents == 1


def test_filling_is_given_up_early_where_many_documents_are_left_out() -> None:
    given_up = list[bool]()
    target = TargetFilling(give_up=lambda: given_up.append(True))
    for number in range(1_000_000 // 100):
        target.leave_out((b"%d-%d" % (number, row) for row in range(3)), of=100)
        if given_up:
            break
    assert target.documents < 40_000
    assert given_up == [True]


def test_filling_is_given_up_where_indexing_takes_long() -> None:
    given_up = list[bool]()
    target = TargetFilling(give_up=lambda: given_up.append(True))
    for number in range(20):
        target.limit.learn(8, 0.01)
        target.leave_out((), of=8)
        assert bool(given_up) is (number >= 9)


def test_a_slow_target_is_created_afterwards(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filling, "SLOW_SECONDS", 0)
    held = Held(scene)
    assert scene.apply(At("rewrite:finished", held.look)).result is Result.SUCCEEDED
    assert held.documents == -1
    every_document_is_found(scene)


def test_an_index_that_somebody_else_has_made_meanwhile_is_not_dropped(scene: Scene) -> None:
    with pytest.raises(Killed):
        scene.apply(At("rewrite:progress", die))
    scene.server.command("FT.CREATE", NAME, "PREFIX", 1, "b:", "SCHEMA", "title", "TAG")
    with pytest.raises(FieldfareError, match=r"has changed since the plan was made|was taken by another index"):
        scene.apply()
    assert read_definition(scene.server, NAME).fields[0].type == "tag"


def test_a_write_of_what_is_there_changes_nothing_but_the_index(scene: Scene) -> None:
    server = scene.server
    server.command("HPEXPIREAT", "b:1", 4102444800123, "FIELDS", 1, "title")
    server.command("PEXPIREAT", "b:1", 4102444900123)
    server.command("HDEL", "b:1", "v")
    server.command("SET", "b:2", "no hash")
    server.command("FT.DROPINDEX", NAME)
    server.command("FT.CREATE", NAME, "PREFIX", 1, "b:", "SKIPINITIALSCAN", "SCHEMA", "title", "TEXT")
    write_unchanged(server, [b"b:1", b"b:2", b"b:3", b"b:gone"])
    assert server.command("HPEXPIRETIME", "b:1", "FIELDS", 1, "title") == [4102444800123]
    assert server.command("PEXPIRETIME", "b:1") == 4102444900123
    assert server.command("HGETALL", "b:3") in (
        {b"title": b"book 3", b"v": vector(3)},
        [b"title", b"book 3", b"v", vector(3)],
    )
    assert server.command("GET", "b:2") == b"no hash"
    assert not server.command("EXISTS", "b:gone")
    assert find_indexed(server, NAME, [b"b:1", b"b:2", b"b:3", b"b:4"]) == {b"b:1", b"b:3"}
