"""A rollback of a migration with shadow fields while applications write: nothing that they write is lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from fieldfare.backup import VectorBackup
from fieldfare.errors import RollbackFailed
from fieldfare.report import MigrationReport, Result
from fieldfare.server import Server
from fieldfare.server.pipeline import Command
from shadow_migration import DIMS, RENAMED, SHAPES, Migration, Shape, vector
from two_vectors import applied, listening, new_form, old_form, values

PLAIN: Final = {"hash": Shape("hash", {}, "v", "w", name="w"), "json": RENAMED["json-rename"]}
ROWS: Final = range(10, 50)
TWO_RENAMED: Final = {"rename_fields": [{"old_name": "a", "new_name": "c"}, {"old_name": "b", "new_name": "e"}]}
RENAMED_AND_CONVERTED: Final = {
    "update_fields": [{"name": "a", "attrs": {"datatype": "float16"}}],
    "rename_fields": [{"old_name": "b", "new_name": "c"}],
}


@contextmanager
def writing_at_each_send(server: Server, writes: dict[str, Command]) -> Iterator[list[str]]:
    """Let an application write one more document each time that the rollback sends something; yields which."""
    left, written = iter(writes.items()), list[str]()

    def write(point: str) -> None:
        if point == "restore:server.send:before" and (found := next(left, None)):
            written.append(found[0])
            server.command(*found[1])

    with listening(write):
        yield written


def rolled_back(migration: Migration) -> MigrationReport:
    report = migration.executor.rollback(server=migration.server, backup_dir=migration.backup_dir)
    assert report.result is Result.ROLLED_BACK
    return report


@pytest.mark.parametrize("is_finalized", [False, True])
@pytest.mark.parametrize("shape", PLAIN)
def test_a_new_name_that_is_written_before_its_former_value_is_restored(
    shape: str, server: Server, tmp_path: Path, *, is_finalized: bool
) -> None:
    migration = Migration(PLAIN[shape], server, tmp_path / "backup")
    migration.fill()
    server.bulk([migration.shape.write_shadow(f"d:{row}", 900) for row in ROWS])
    migration.apply(on_conflict="keep-old")
    if is_finalized:
        migration.finalize()
    writes = {f"d:{row}": migration.shape.write_shadow(f"d:{row}", 100 + row) for row in ROWS}
    with writing_at_each_send(server, writes) as written:
        rolled_back(migration)
    assert len(written) > 3
    for row in ROWS:
        expected = [(vector(row), vector(900))]
        if f"d:{row}" in written:  # before its former value was restored, or afterwards
            expected = [(vector(each), vector(100 + row)) for each in (row, 100 + row)]
        assert migration.values(f"d:{row}") in expected, row


def test_an_interrupted_rollback_keeps_what_an_application_wrote_over_a_former_value(
    server: Server, tmp_path: Path
) -> None:
    migration = Migration(PLAIN["hash"], server, tmp_path / "backup")
    migration.fill()
    server.bulk([migration.shape.write_shadow(f"d:{row}", 900) for row in ROWS])
    migration.apply(on_conflict="keep-old")
    server.command(*migration.shape.write_shadow("d:10", 700))

    def interrupt(point: str) -> None:
        if point == "restore:server.send:before" and migration.values("d:10")[0] == vector(700):
            raise OSError

    with listening(interrupt), pytest.raises(RollbackFailed):
        rolled_back(migration)
    rolled_back(migration)
    assert migration.values("d:10") == (vector(700), vector(700))
    assert migration.values("d:11") == (vector(11), vector(900))


def test_another_field_that_is_written_before_a_former_value_is_restored(server: Server, tmp_path: Path) -> None:
    server.bulk([("HSET", f"d:{row}", "c", old_form(900)) for row in ROWS])
    migration = applied(server, tmp_path / "backup", RENAMED_AND_CONVERTED, on_conflict="keep-old")
    writes: dict[str, Command] = {f"d:{row}": ("HSET", f"d:{row}", "a__v2", new_form(100 + row)) for row in ROWS}
    with writing_at_each_send(server, writes) as written:
        rolled_back(migration)
    assert len(written) > 3
    for row in ROWS:
        a, shadow, c = server.command("HMGET", f"d:{row}", "a", "a__v2", "c")
        assert c == old_form(900)
        if f"d:{row}" not in written:
            assert (a, shadow) == (old_form(row), None)
        elif shadow is None:
            assert a == old_form(100 + row), row
        else:  # written after its shadow field was removed
            assert (a, shadow) == (old_form(row), new_form(100 + row))


def test_a_new_name_without_a_former_value_beside_one_that_had_one_is_converted_back(
    server: Server, tmp_path: Path
) -> None:
    server.command("HSET", "d:1", "c", old_form(50))
    migration = applied(server, tmp_path / "backup", TWO_RENAMED, on_conflict="keep-old")
    server.command("HSET", "d:1", "e", old_form(200))
    report = rolled_back(migration)
    assert values(server, "a", "b", "c", "e") == [old_form(1), old_form(200), old_form(50), None]
    assert {note.kind: note.count for note in report.notes} == {"converted back": 1}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shadow_field_that_is_written_while_its_outdated_value_is_removed(
    shape: str, server: Server, tmp_path: Path
) -> None:
    migration = Migration(SHAPES[shape], server, tmp_path / "backup")
    migration.fill()
    migration.apply()
    server.bulk([migration.shape.update(f"d:{row}", 300 + row) for row in ROWS])
    writes = {f"d:{row}": migration.shape.write_shadow(f"d:{row}", 100 + row) for row in ROWS}
    with writing_at_each_send(server, writes) as written:
        rolled_back(migration)
    backup = VectorBackup.load(tmp_path / "backup" / "migration_backup_books_1")
    saved = {key.decode() for keys, _ in backup.iter_batches("overwritten_by_rollback") for key in keys}
    assert len(written) > 3
    for key in written:
        old, new = migration.values(key)
        assert new == vector(100 + int(key[2:]))[: migration.shape.attrs.get("dims", DIMS)] or key in saved, (key, old)


def test_a_shadow_field_that_is_written_twice_during_a_rollback_is_converted_back_twice(
    server: Server, tmp_path: Path
) -> None:
    migration = Migration(SHAPES["hash-datatype"], server, tmp_path / "backup")
    migration.fill()
    migration.apply()
    server.command(*migration.shape.write_shadow("d:1", 100))
    seeds = iter(range(101, 110))
    last = 100

    def write(point: str) -> None:
        nonlocal last
        is_converted = server.command("HGET", "d:1", "v") == old_form(last)
        if point == "restore:server.send:before" and is_converted and (seed := next(seeds, None)):
            last = seed
            server.command(*migration.shape.write_shadow("d:1", seed))

    with listening(write):
        report = rolled_back(migration)
    assert next(seeds, None) is None
    assert migration.values("d:1") == (vector(109), None)
    assert {note.kind: note.count for note in report.notes} == {"converted back": 1}
