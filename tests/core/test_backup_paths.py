"""Names of backup files: safe for any index name, and found again."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fieldfare.backup import backup_file, backup_prefix, find_prefixes, resolve_prefix
from fieldfare.errors import BackupUnusable

names = st.binary(max_size=300).map(lambda name: name.decode("utf-8", "surrogateescape"))


@given(names)
@example("")
@example(".")
@example("..")
@example("../../etc/passwd")
@example("/etc/passwd")
@example("a\0b")
@example("a\nb")
@example("\udcff\udc80")
@example("x" * 10_240)
@example("ü" * 10_240)
def test_any_name_stays_in_the_directory_and_fits_a_file_name(index: str) -> None:
    prefix = backup_prefix("/backups", index)
    assert prefix.parent == Path("/backups")
    assert len(prefix.name.encode()) <= 106
    assert prefix.name.isascii()
    assert prefix.name.isprintable()
    assert prefix.resolve() == prefix


@given(names, names)
@example("a:b", "a/b")
@example("x" * 200, "x" * 201)
@example("\udcff", "\ufffd")
@example("A", "a")
def test_distinct_indexes_have_distinct_prefixes(one: str, other: str) -> None:
    same_file = backup_prefix("d", one).name.lower() == backup_prefix("d", other).name.lower()
    assert same_file == (one == other)


def test_the_prefix_is_readable_and_stable() -> None:
    assert backup_prefix("d", "products:v2") == Path("d/migration_backup_products_v2-2fb5a6ee")


@given(names)
def test_every_prefix_is_recognized(index: str) -> None:
    with TemporaryDirectory() as directory:
        prefix = backup_prefix(Path(directory), index)
        backup_file(prefix, "data").touch()
        assert find_prefixes(directory) == (prefix,)
        assert resolve_prefix(prefix) == prefix


def test_find_lists_each_backup_once_and_nothing_else(tmp_path: Path) -> None:
    first, second = backup_prefix(tmp_path, "a.b"), backup_prefix(tmp_path, "c")
    for path in (
        *(backup_file(first, ending) for ending in ("header", "keys", "data", "lock", "lock.json")),
        backup_file(second, "header"),
        tmp_path / f"{first.name}.20250101T000000Z.stale.header",
        tmp_path / f".{first.name}.header.0123abcd.tmp",
        tmp_path / "migration_backup_other.header",
        tmp_path / "notes.txt",
    ):
        path.touch()
    assert find_prefixes(tmp_path) == (first, second)


@pytest.mark.parametrize("spelling", ["a:b", "a_b"])
def test_a_prefix_is_found_without_its_hash(tmp_path: Path, spelling: str) -> None:
    prefix = backup_prefix(tmp_path, "a:b")
    backup_file(prefix, "header").touch()
    assert resolve_prefix(tmp_path / f"migration_backup_{spelling}") == prefix


def test_a_spelling_that_means_two_backups_is_refused(tmp_path: Path) -> None:
    both = [backup_prefix(tmp_path, name) for name in ("a:b", "a b")]
    for prefix in both:
        backup_file(prefix, "header").touch()
    assert resolve_prefix(tmp_path / "migration_backup_a:b") == both[0]
    with pytest.raises(BackupUnusable) as caught:
        resolve_prefix(tmp_path / "migration_backup_a_b")
    assert all(prefix.name in str(caught.value) for prefix in both)


def test_a_missing_backup_names_those_that_are_there(tmp_path: Path) -> None:
    there = backup_prefix(tmp_path, "there")
    backup_file(there, "header").touch()
    with pytest.raises(BackupUnusable, match=there.name):
        resolve_prefix(tmp_path / "migration_backup_elsewhere")
    with pytest.raises(BackupUnusable, match="cannot be read"):
        resolve_prefix(tmp_path / "missing" / "migration_backup_there")


def test_a_backup_that_was_set_aside_is_found_by_its_whole_name(tmp_path: Path) -> None:
    stale = tmp_path / f"{backup_prefix(tmp_path, 'a').name}.20250101T000000Z.stale"
    backup_file(stale, "header").touch()
    assert resolve_prefix(stale) == stale
