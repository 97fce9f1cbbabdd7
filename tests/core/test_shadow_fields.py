"""The mode ``shadow`` for changes that rewrite fields: the new values stand in shadow fields until ``finalize``."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from fieldfare.api import MigrationPlanner
from fieldfare.backup import VectorBackup
from fieldfare.cli.next_steps import next_lines
from fieldfare.engine.shadow_fields.conversion import ShadowedDocuments
from fieldfare.engine.shadow_fields.history import FieldHistory
from fieldfare.engine.shadow_pairs import history
from fieldfare.errors import PreconditionError
from fieldfare.hooks.manager import load_plugins
from fieldfare.report import Result
from fieldfare.server import Server, change_tracking
from fieldfare.server.change_follower import ChangeFollower
from fieldfare.server.index_names import real_name
from fieldfare.server.inspect import list_indexes
from fieldfare.server.search import count_results
from fieldfare.support import fault_points
from fieldfare.testing.digest import read_state
from fieldfare.testing.indexing import wait_until_indexed
from shadow_migration import DIMS, DOCUMENTS, RENAMED, SHAPES, Migration, Shape, vector, writing
from torture import TORTURE

ALL: Final = {**SHAPES, **RENAMED}
with_renamed = pytest.mark.parametrize("migration", ALL, indirect=True)


@pytest.fixture(params=ALL if TORTURE else SHAPES)
def migration(request: pytest.FixtureRequest, server: Server, tmp_path: Path) -> Migration:
    return Migration(ALL[request.param], server, tmp_path / "backup")


# ---- start, rollback, start


@with_renamed
def test_the_plan_names_the_shadow_field(migration: Migration) -> None:
    migration.fill()
    plan = migration.plan()
    shape = migration.shape
    assert plan.supported
    build = next(step for step in plan.steps if step.kind == "index.build")
    assert build.params["shadow_fields"] == {shape.path: shape.shadow}
    target = plan.target.find(shape.name)
    assert target is not None
    assert target.path == shape.shadow
    assert any(f"{shape.path!r} → {shape.shadow!r}" in line for line in plan.warnings)


@with_renamed
@pytest.mark.parametrize("own_name", [False, True], ids=["alias", "own name"])
def test_the_name_leads_to_the_shadow_fields_and_back(migration: Migration, *, own_name: bool) -> None:
    migration.fill(own_name=own_name)
    server, shape = migration.server, migration.shape
    before = read_state(server)
    assert migration.apply() is Result.SUCCEEDED
    assert real_name(server, "books") == "books__v2"
    assert migration.outdated() == {}
    assert shape.read(server, "d:4", shape.shadow) is None
    assert server.command("PEXPIRETIME", "d:2") == 4102444800123
    if shape.storage == "hash":
        assert server.command("HPEXPIRETIME", "d:3", "FIELDS", 2, "v", shape.shadow) == [4102444800456] * 2
    assert migration.rollback(restore_own_name=own_name) is Result.ROLLED_BACK
    assert read_state(server) == before


def test_a_plan_says_first_what_is_lost(server: Server, tmp_path: Path) -> None:
    migration = Migration(SHAPES["hash-datatype"], server, tmp_path / "backup")
    migration.fill()
    for mode in ("shadow", "drop_recreate"):
        lines = migration.plan(mode).warnings
        [lossy] = [number for number, line in enumerate(lines) if line.startswith("Lossy")]
        before = [line for line in lines[:lossy] if "FT.INFO" not in line and "--alias" not in line]
        assert before == [], mode


def test_what_was_written_to_originals_stays_after_a_rollback(migration: Migration) -> None:
    migration.fill()
    server, shape = migration.server, migration.shape
    migration.apply()
    server.bulk([shape.update("d:1", 700), shape.write("d:new", 800), ("DEL", "d:5")])
    assert migration.rollback() is Result.ROLLED_BACK
    assert shape.converted(shape.read(server, "d:1", shape.path)) is not None
    for key, seed in (("d:1", 700), ("d:new", 800)):
        found = shape.read(server, key, shape.path)
        assert (list(np.frombuffer(found, "<f4")) if shape.storage == "hash" else found) == vector(seed)
        assert shape.read(server, key, shape.shadow) is None
    assert server.command("EXISTS", "d:5") == 0
    assert list_indexes(server) == ["books_1"]


def test_a_migration_after_a_rollback_uses_the_same_shadow_field(migration: Migration, tmp_path: Path) -> None:
    migration.fill()
    for number in range(2):
        again = Migration(migration.shape, migration.server, tmp_path / str(number))
        assert again.apply() is Result.SUCCEEDED
        assert again.outdated() == {}
        assert again.rollback() is Result.ROLLED_BACK


def test_a_field_of_the_shadow_fields_name_is_not_taken(server: Server, tmp_path: Path) -> None:
    migration = Migration(SHAPES["hash-datatype"], server, tmp_path / "backup")
    migration.fill()
    server.bulk([("HSET", f"d:{row}", "v__v2", "of the application") for row in range(DOCUMENTS)])
    plan = migration.plan()
    assert plan.steps[1].params["shadow_fields"] == {"v": "v__v3"}
    assert migration.apply(plan) is Result.SUCCEEDED
    assert migration.rollback() is Result.ROLLED_BACK
    assert server.command("HGET", "d:1", "v__v2") == b"of the application"


def test_auto_takes_shadow(migration: Migration) -> None:
    migration.fill()
    assert migration.plan("auto").mode == "shadow"


def test_another_index_over_the_same_values_notices_nothing(server: Server, tmp_path: Path) -> None:
    migration = Migration(SHAPES["hash-dims"], server, tmp_path / "backup")
    migration.fill()
    vector_field = ("v", "VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "L2")
    server.command("FT.CREATE", "other", "PREFIX", 1, "d:", "SCHEMA", *vector_field)
    wait_until_indexed(server)
    reason = "index 'other' covers some of the same keys and reads 'v' too"
    assert reason in migration.plan("drop_recreate").blocked_reasons[0]
    assert migration.plan("auto").mode == "shadow"
    before = count_results(server, "other", "*")
    assert migration.apply() is Result.SUCCEEDED
    assert count_results(server, "other", "*") == before
    assert migration.rollback() is Result.ROLLED_BACK


def test_two_migrations_of_the_same_documents_have_other_shadow_fields(server: Server, tmp_path: Path) -> None:
    first = Migration(SHAPES["hash-dims"], server, tmp_path / "first")
    first.fill()
    vector_field = ("v", "VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "L2")
    server.command("FT.CREATE", "other", "PREFIX", 1, "d:", "SCHEMA", *vector_field)
    wait_until_indexed(server)
    second = Migration(SHAPES["hash-datatype"], server, tmp_path / "second", index="other")
    stale = second.plan()
    first.apply()
    with pytest.raises(PreconditionError, match="'books__v2' reads 'v__v2' by now"):
        second.apply(stale)
    plan = second.plan()
    assert plan.steps[1].params["shadow_fields"] == {"v": "v__v3"}
    second.apply(plan)
    assert first.outdated() == {}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"index": {"name": "library"}}, "then no name moves, and sync is not possible"),
        ({"custom": [{"kind": "acme.redact_email", "field": "email"}]}, "'email', which is not a field of the index"),
    ],
    ids=["new name", "no field of the index"],
)
def test_what_can_have_no_shadow_field(changes: dict[str, Any], reason: str, server: Server, tmp_path: Path) -> None:
    migration = Migration(SHAPES["hash-dims"], server, tmp_path / "backup")
    migration.fill(own_name=True)
    assert any(reason in line for line in migration.plan(**changes).blocked_reasons)


# ---- finalize


@with_renamed
def test_finalize_removes_originals_and_a_rollback_writes_them_back(migration: Migration) -> None:
    migration.fill()
    server, shape = migration.server, migration.shape
    before = read_state(server)
    migration.apply()
    assert migration.finalize() is Result.SUCCEEDED
    keys = server.command("KEYS", "d:*")
    assert [key for key in keys if shape.read(server, key, shape.path) is not None] == []
    assert count_results(server, "books", "*") == DOCUMENTS
    assert list_indexes(server) == ["books__v2"]
    assert migration.finalize() is Result.NOTHING_TO_DO
    [status] = migration.executor.status(migration.backup_dir)
    assert status["stage"] == "finalized"
    assert migration.rollback() is Result.ROLLED_BACK
    assert read_state(server) == before


def test_a_rollback_after_finalize_writes_the_latest_originals_back(migration: Migration) -> None:
    migration.fill()
    server, shape = migration.server, migration.shape
    migration.apply()
    server.bulk([shape.update("d:1", 700), shape.write("d:new", 800), ("DEL", "d:5")])
    migration.sync()
    expected = {key: shape.read(server, key, shape.path) for key in ("d:1", "d:2", "d:new")}
    migration.finalize()
    server.bulk([("DEL", "d:6"), shape.write_shadow("d:7", 900)])
    report = migration.executor.rollback(server=server, backup_dir=migration.backup_dir)
    assert {key: shape.read(server, key, shape.path) for key in expected} == expected
    assert server.command("EXISTS", "d:5", "d:6") == 0
    kind = "converted back" if shape.has_way_back else "written in the new form"
    assert [(note.kind, note.count, note.keys) for note in report.notes] == [(kind, 1, (b"d:7",))]


@pytest.mark.parametrize("is_saved", [False, True])
@with_renamed
def test_a_rollback_after_finalize_writes_back_an_original_that_had_another_value_in_between(
    migration: Migration, *, is_saved: bool
) -> None:
    migration.fill()
    server, shape = migration.server, migration.shape
    migration.apply(switch=False)
    for seed in (700, 701) if is_saved else (700,):
        server.command(*shape.update("d:1", seed))
        migration.sync()  # before the switch, originals that are converted go to the backup
    migration.executor.switch(server=server, backup_dir=migration.backup_dir)
    server.command(*shape.update("d:1", 700 if is_saved else 1))  # as it was saved, or dumped
    migration.sync()
    before = shape.read(server, "d:1", shape.path)
    migration.finalize()
    migration.rollback()
    assert shape.read(server, "d:1", shape.path) == before


@with_renamed
def test_a_document_that_was_replaced_in_the_new_form_is_converted_back_after_finalize(migration: Migration) -> None:
    migration.fill()
    server, shape = migration.server, migration.shape
    migration.apply()
    server.bulk([shape.remove("d:1"), shape.write_shadow("d:1", 700)])
    migration.sync()  # sees it without an original, of which the backup has one
    migration.finalize()
    report = migration.executor.rollback(server=server, backup_dir=migration.backup_dir)
    kind = "converted back" if shape.has_way_back else "written in the new form"
    assert [(note.kind, note.keys) for note in report.notes] == [(kind, (b"d:1",))]
    if shape.has_way_back:
        assert migration.values("d:1") == (vector(700), None)
    assert migration.values("d:2")[0] is not None


def test_what_applications_wrote_in_the_old_form_stops_finalize(migration: Migration) -> None:
    migration.fill()
    server, shape = migration.server, migration.shape
    migration.apply()
    server.command(*shape.update("d:1", 700))
    before = read_state(server)
    with pytest.raises(PreconditionError, match="wrote old fields since these were converted: 1 document, such as d:1"):
        migration.finalize()
    assert read_state(server) == before
    expected = shape.converted(shape.read(server, "d:1", shape.path))
    assert migration.finalize(force=True) is Result.SUCCEEDED
    assert shape.read(server, "d:1", shape.shadow) == expected
    assert shape.read(server, "d:1", shape.path) is None


@with_renamed
def test_finalize_converts_an_original_that_is_written_meanwhile(migration: Migration) -> None:
    migration.fill()
    shape, server, seeds = migration.shape, migration.server, {"d:1": 77, "d:2": 78, "d:new": 79, "d:5": 90}
    migration.apply()
    server.command(*shape.write_shadow("d:5", 90))

    def write_late(point: str) -> None:
        if point.startswith("finalize:"):  # what was written so far is converted: that was looked at
            fault_points.listen(None)
            server.bulk([shape.update("d:1", 77), shape.write("d:2", 78), shape.write("d:new", 79)])

    fault_points.listen(write_late)
    try:
        assert migration.finalize() is Result.SUCCEEDED
    finally:
        fault_points.listen(None)
    converted = {key: vector(seed)[: shape.attrs.get("dims", DIMS)] for key, seed in seeds.items()}
    assert {key: migration.values(key) for key in seeds} == {key: (None, new) for key, new in converted.items()}
    assert migration.rollback() is Result.ROLLED_BACK
    assert migration.values("d:1")[0] == vector(77)


def test_finalize_leaves_fields_that_another_index_reads(server: Server, tmp_path: Path) -> None:
    migration = Migration(SHAPES["hash-datatype"], server, tmp_path / "backup")
    migration.fill()
    migration.apply()
    server.command("FT.CREATE", "other", "PREFIX", 1, "d:1", "SCHEMA", "v", "TAG")
    with pytest.raises(PreconditionError, match="'other' reads 'v'"):
        migration.finalize(force=True)
    assert server.command("HEXISTS", "d:1", "v") == 1


# ---- applications write


@with_renamed
def test_what_applications_write_at_any_time_is_converted(migration: Migration, redis_url: str) -> None:
    migration.fill()
    plan = migration.plan()
    with writing(redis_url, migration.shape) as counts:
        assert migration.apply(plan) is Result.SUCCEEDED
        assert real_name(migration.server, "books") == "books__v2"
    assert min(counts) > 0
    assert migration.sync().result is Result.SUCCEEDED
    assert migration.outdated() == {}


def test_a_watch_converts_until_it_is_stopped(migration: Migration, redis_url: str) -> None:
    migration.fill()
    migration.apply()
    with migration.watching(), writing(redis_url, migration.shape) as counts:
        while min(counts) < 100:
            time.sleep(0.01)
    assert migration.outdated() == {}


def test_a_watch_compares_everything_after_its_connection_broke(migration: Migration, redis_url: str) -> None:
    migration.fill()
    migration.apply()
    with migration.watching(), writing(redis_url, migration.shape) as counts:
        while min(counts) < 100:
            migration.server.command("CLIENT", "KILL", "TYPE", "pubsub")
            time.sleep(0.01)
    assert migration.outdated() == {}


def test_more_changes_than_are_remembered(
    migration: Migration, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_tracking, "MOST_KEYS", 3)
    migration.fill()
    plan = migration.plan()
    with writing(redis_url, migration.shape):
        migration.apply(plan)
    with migration.watching(), writing(redis_url, migration.shape) as counts:
        while min(counts) < 100:
            time.sleep(0.01)
    assert migration.outdated() == {}


def test_a_server_that_does_not_tell_of_changes(
    migration: Migration, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ChangeFollower, "start", lambda *_: ChangeFollower(None, ExitStack()))
    migration.fill()
    plan = migration.plan()
    with writing(redis_url, migration.shape):
        migration.apply(plan)
    with migration.watching():
        migration.server.command(*migration.shape.write("d:1", 700))
    assert migration.outdated() == {}


@with_renamed
def test_between_apply_and_switch_documents_are_kept_equal(migration: Migration) -> None:
    migration.fill()
    plan = migration.plan()
    migration.apply(plan, switch=False)
    shape, server = migration.shape, migration.server
    server.bulk([shape.update("d:1", 700), shape.write("d:new", 800), shape.remove("d:6")])
    server.bulk([shape.update("d:7", 701), ("RENAME", "d:7", "d:renamed")])
    assert set(migration.outdated()) == {"d:1", "d:new", "d:6", "d:renamed"}
    migration.sync()
    # nobody knows who wrote the new name of a document that was renamed itself
    assert set(migration.outdated()) == (set() if shape.name == "v" else {"d:renamed"})
    server.bulk([shape.update("d:1", 900), ("DEL", "d:renamed")])
    assert migration.executor.switch(server=server, backup_dir=migration.backup_dir).result is Result.SUCCEEDED
    assert migration.outdated() == {}


def test_a_cluster(cluster: Server, tmp_path: Path) -> None:
    shape = Shape("hash", {"datatype": "float16"}, "v", "v__v2")
    keys = [f"{{a}}d:{row}" for row in range(DOCUMENTS)]
    cluster.bulk([shape.write(key, row) for row, key in enumerate(keys)])
    vector_field = ("v", "VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "L2")
    cluster.command("FT.CREATE", "books{a}", "PREFIX", 1, "{a}d:", "SCHEMA", *vector_field)
    migration = Migration(shape, cluster, tmp_path / "backup", index="books{a}")
    plan = migration.plan()
    with ChangeFollower.start(cluster, "books{a}", ["{a}d:"]) as follower:
        assert follower.is_reliable
        cluster.command(*shape.update(keys[3], 700))
        assert follower.drain() == {keys[3].encode()}
    assert migration.apply(plan) is Result.SUCCEEDED
    cluster.bulk([shape.update(keys[1], 800), shape.write("{a}d:new", 900)])
    migration.sync()
    for key in (*keys, "{a}d:new"):
        assert shape.read(cluster, key, "v__v2") == shape.converted(shape.read(cluster, key, "v"))
    migration.finalize()
    assert migration.rollback(restore_own_name=True) is Result.ROLLED_BACK
    assert {tuple(cluster.command("HKEYS", key)) for key in keys} == {(b"t", b"v")}


# ---- applications write the new form


def test_a_shadow_field_that_an_application_wrote_is_left_alone(migration: Migration) -> None:
    migration.fill()
    server, shape = migration.server, migration.shape
    migration.apply()
    server.command(*shape.write_shadow("d:1", 700))
    theirs = shape.read(server, "d:1", shape.shadow)
    server.bulk([shape.update("d:2", 800), shape.write_shadow("d:3", 900), shape.update("d:3", 901)])
    both = shape.read(server, "d:3", shape.shadow)
    for converted, left_alone in ((1, 2), (0, 2)):
        [finding] = migration.sync().validation.findings
        assert finding.data == {"converted": converted, "left_alone": left_alone}
        assert shape.read(server, "d:1", shape.shadow) == theirs
        assert shape.read(server, "d:3", shape.shadow) == both
        assert set(migration.outdated()) == {"d:1", "d:3"}
    server.command(*shape.update("d:1", 1000))  # by an old version of the application, after the new one
    [finding] = migration.sync().validation.findings
    assert finding.data["converted"] == 1
    assert set(migration.outdated()) == {"d:3"}


@with_renamed
def test_a_new_form_that_equals_what_was_converted_before_the_switch_is_left_alone(migration: Migration) -> None:
    migration.fill()
    shape, server = migration.shape, migration.server
    migration.apply(switch=False)
    server.command(*shape.update("d:1", 700))
    migration.sync()
    migration.executor.switch(server=server, backup_dir=migration.backup_dir)
    server.command(*shape.write_shadow("d:1", 1))
    theirs = vector(1)[: shape.attrs.get("dims", DIMS)]
    migration.sync()
    assert migration.values("d:1") == (vector(700), theirs)
    migration.rollback()
    assert migration.values("d:1") == (vector(1 if shape.has_way_back else 700), None)


def test_a_watch_remembers_a_limited_number_of_states_of_a_document(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, number in (("FIRST", 2), ("LATEST", 2), ("MOST", 6)):
        monkeypatch.setattr(history, name, number)
    sizes: list[int] = []
    seen: dict[bytes, bytes | None] = {}
    record_seen = FieldHistory.record_seen

    def record(self: FieldHistory, found: ShadowedDocuments) -> None:
        record_seen(self, found)
        sizes.extend(len(self.known("v", key)) for key in found.keys)
        seen.update(zip(found.keys, found.shadows["v__v2"], strict=True))

    monkeypatch.setattr(FieldHistory, "record_seen", record)
    migration = Migration(SHAPES["hash-datatype"], server, tmp_path / "backup")
    migration.fill()
    migration.apply()
    with migration.watching():
        for number in range(100, 120):
            server.command(*migration.shape.write_shadow("d:1", number))
            while seen.get(b"d:1") != server.command("HGET", "d:1", "v__v2"):
                time.sleep(0.001)
        server.command(*migration.shape.update("d:1", 300))
    assert migration.values("d:1") == (vector(300), vector(300))
    assert len(sizes) > 10
    assert max(sizes) == 6


def test_a_document_without_the_old_field_keeps_its_shadow_field(migration: Migration) -> None:
    migration.fill()
    server, shape = migration.server, migration.shape
    migration.apply()
    server.bulk([shape.remove("d:1"), shape.write("d:new", 5), shape.remove("d:new"), shape.write_shadow("d:new", 800)])
    migration.sync()
    assert shape.read(server, "d:1", shape.shadow) is not None
    assert shape.read(server, "d:new", shape.shadow) is not None


@with_renamed
def test_a_rollback_converts_back_what_applications_wrote_in_the_new_form(migration: Migration) -> None:
    migration.fill()
    server, shape = migration.server, migration.shape
    migration.apply()
    server.bulk([shape.write_shadow("d:1", 700), shape.write("d:2", 2), shape.write_shadow("d:2", 701)])
    server.bulk([shape.write("d:new", 0), shape.remove("d:new"), shape.write_shadow("d:new", 702)])
    server.bulk([shape.update("d:3", 800), shape.write_shadow("d:3", 703), shape.remove("d:5")])
    server.command(*shape.update("d:6", 801))
    migration.sync()
    server.command(*shape.write_shadow("d:6", 704))
    before = {key: migration.values(key) for key in ("d:1", "d:2", "d:new", "d:3", "d:6")}
    report = migration.executor.rollback(server=server, backup_dir=migration.backup_dir)
    notes = {note.kind: note.count for note in report.notes}
    own = {b"d:1", b"d:2", b"d:new", b"d:6"}
    if shape.has_way_back:
        assert notes == {"converted back": len(own), "written in the new form": 2}
        # these numbers are exact in both forms
        assert {key: migration.values(key) for key in ("d:1", "d:2", "d:new", "d:6")} == {
            key: (vector(seed), None) for key, seed in (("d:1", 700), ("d:2", 701), ("d:new", 702), ("d:6", 704))
        }
    else:
        assert notes == {"written in the new form": len(own) + 2}
        assert {key: migration.values(key)[0] for key in before} == {key: old for key, (old, _) in before.items()}
    assert migration.values("d:3") == (before["d:3"][0], None)  # written in both forms: which one is newer is unknown
    assert migration.values("d:5") == (None, None)  # the application removed the old form
    backup = VectorBackup.load(migration.backup_dir / "migration_backup_books_1")
    saved = {key for keys, _ in backup.iter_batches("overwritten_by_rollback") for key in keys}
    assert saved >= own


def test_a_document_that_is_written_while_one_field_of_it_is_converted(server: Server, tmp_path: Path) -> None:
    def packed(seed: float, code: str = "<f4") -> bytes:
        return np.array(vector(seed), code).tobytes()

    field = ("VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "L2")
    server.bulk([("HSET", f"d:{row}", "a", packed(row), "b", packed(row)) for row in range(DOCUMENTS)])
    server.command("FT.CREATE", "books", "PREFIX", 1, "d:", "SCHEMA", "a", *field, "b", *field)
    wait_until_indexed(server)
    changes = {
        "update_fields": [{"name": "a", "attrs": {"datatype": "float16"}}],
        "rename_fields": [{"old_name": "b", "new_name": "c"}],
    }
    planner = MigrationPlanner(accept_recall_loss=True)
    patch = {"version": 1, "changes": changes}
    plan = planner.create_plan_from_patch("books", schema_patch=patch, server=server, mode="shadow")
    migration = Migration(SHAPES["hash-datatype"], server, tmp_path / "backup")
    migration.apply(plan, switch=False)
    for moment in range(1, 10):
        server.command("HSET", "d:1", "a", packed(300 + moment))
        sends = itertools.count(1)

        def write(point: str, seed: int = moment, sends: Iterator[int] = sends) -> None:
            if point == "sync:server.send:before" and next(sends) == seed:
                fault_points.listen(None)
                server.command("HSET", "d:1", "a", packed(100 + seed), "b", packed(200 + seed))

        fault_points.listen(write)
        try:
            migration.sync()
        finally:
            fault_points.listen(None)
        migration.sync()
        a, b = server.command("HMGET", "d:1", "a", "b")
        assert server.command("HMGET", "d:1", "a__v2", "c") == [migration.shape.converted(a), b], moment
    assert b != packed(1), "it was never written meanwhile"


# ---- commands


@with_renamed
def test_a_rollback_loses_nothing_that_is_written_while_it_removes_shadow_fields(migration: Migration) -> None:
    migration.fill()
    shape, server = migration.shape, migration.server
    migration.apply()
    keys = iter([f"d:{row}" for row in range(10, 40)])
    written: dict[str, float] = {}

    def write(point: str) -> None:
        if point == "restore:server.send:before" and (key := next(keys, None)):
            fault_points.listen(None)
            written[key] = 100 + len(written)
            server.command(*shape.write_shadow(key, written[key]))
            fault_points.listen(write)

    fault_points.listen(write)
    try:
        report = migration.executor.rollback(server=server, backup_dir=migration.backup_dir)
    finally:
        fault_points.listen(None)
    notes = {note.kind: note.count for note in report.notes}
    read = {key: (migration.values(key), vector(seed)) for key, seed in written.items()}
    there = [key for key, ((_, new), wanted) in read.items() if new == wanted[: shape.attrs.get("dims", DIMS)]]
    back = [key for key, ((old, new), wanted) in read.items() if new is None and old == wanted]
    lost = len(written) - len(there) - len(back)  # to the backup
    assert len(written) > 3
    assert (notes.get("converted back", 0), notes.get("written in the new form", 0)) == (len(back), lost)


def test_the_estimate_and_the_status_know_shadow_fields(server: Server, tmp_path: Path) -> None:
    migration = Migration(SHAPES["hash-dims"], server, tmp_path / "backup")
    migration.fill()
    plan = migration.plan()
    [line] = [each for each in load_plugins().estimate(plan).lines if "finalize" in each]
    assert "for a second index" in line
    assert any("PARTIAL_INDEXED_DOCS is off" in each for each in plan.warnings)
    migration.apply(plan)
    [status] = migration.executor.status(migration.backup_dir)
    assert next_lines(status)[1] == f"To sync:      {status['sync']} --watch"


def test_sync_ends_with_sigterm(server: Server, redis_url: str, tmp_path: Path) -> None:
    migration = Migration(SHAPES["hash-datatype"], server, tmp_path / "backup")
    migration.fill()
    migration.apply()
    command = [sys.executable, "-m", "fieldfare", "sync", "--watch", "--url", redis_url]
    with subprocess.Popen([*command, "--backup-dir", str(migration.backup_dir)], stdout=subprocess.PIPE) as process:
        server.command(*migration.shape.update("d:1", 700))
        assert migration.converges()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        assert b"Synchronized" in (process.stdout.read() if process.stdout else b"")


def test_sync_needs_shadow_fields(server: Server, tmp_path: Path) -> None:
    migration = Migration(SHAPES["hash-datatype"], server, tmp_path / "backup")
    migration.fill()
    migration.apply(migration.plan("drop_recreate"))
    with pytest.raises(PreconditionError, match="neither shadow fields nor copies"):
        migration.sync()
    again = Migration(SHAPES["hash-datatype"], server, tmp_path / "again")
    migration.rollback()
    again.apply()
    again.rollback()
    with pytest.raises(PreconditionError, match="rolled back"):
        again.sync()
