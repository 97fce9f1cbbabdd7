"""Backup directories: created, tried, refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fieldfare.backup import backup_file, backup_prefix, open_directory
from fieldfare.errors import BackupDirectoryRequired, BackupUnusable


def test_a_missing_directory_is_created_with_its_parents_and_left_empty(tmp_path: Path) -> None:
    directory = open_directory(tmp_path / "a" / "b")
    assert directory == tmp_path / "a" / "b"
    assert not list(directory.iterdir())
    assert open_directory(directory, create=False) == directory


def test_a_relative_path_becomes_an_absolute_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert open_directory("backups") == tmp_path / "backups"


def test_a_directory_that_must_exist_is_not_created(tmp_path: Path) -> None:
    with pytest.raises(BackupUnusable, match="no such directory"):
        open_directory(tmp_path / "missing", create=False)
    assert not list(tmp_path.iterdir())


def test_no_directory_at_all_is_a_value_error() -> None:
    with pytest.raises(BackupDirectoryRequired):
        open_directory("")


@pytest.mark.parametrize("create", [True, False])
def test_a_file_is_no_directory(tmp_path: Path, *, create: bool) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    for path in (file, file / "below"):
        with pytest.raises(BackupUnusable, match=r"not a directory|no such directory"):
            open_directory(path, create=create)
    assert file.read_text() == "mine"


@pytest.mark.parametrize("path", ["/proc/self", "/proc/missing"])
def test_a_directory_that_cannot_be_written_is_refused(path: str) -> None:
    # a file system that refuses new files whoever asks: also root, whom no permission stops
    with pytest.raises(BackupUnusable, match="cannot be written"):
        open_directory(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="no permission stops root")
def test_a_directory_without_permission_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(BackupUnusable, match="Permission denied"):
        open_directory(tmp_path)


@pytest.mark.parametrize("content", ["", "not JSON", "[]", '{"phase": "active"}', "[" * 100_000, "\udcff"])
def test_a_header_of_another_program_is_refused_and_left_alone(tmp_path: Path, content: str) -> None:
    header = tmp_path / "migration_backup_articles.header"
    header.write_text(content, errors="surrogateescape")
    with pytest.raises(BackupUnusable, match=header.name) as caught:
        open_directory(tmp_path)
    assert "move it away" in str(caught.value)
    assert header.read_text(errors="surrogateescape") == content


def test_headers_of_other_backups_and_files_of_other_names_are_accepted(tmp_path: Path) -> None:
    backup_file(backup_prefix(tmp_path, "a"), "header").write_text('{"format": 1}')
    (tmp_path / "notes.header").write_text("mine")
    assert open_directory(tmp_path) == tmp_path
