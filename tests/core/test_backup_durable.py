"""Files that are written wholly or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from fieldfare.backup import sync_directory, write_durably


def test_a_file_is_created_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    write_durably(path, b"one")
    write_durably(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_content_and_no_litter(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.mkdir()
    (path / "content").touch()
    with pytest.raises(OSError, match="directory"):
        write_durably(path, b"new")
    assert [each.name for each in tmp_path.iterdir()] == ["journal"]
    assert (path / "content").exists()


def test_a_missing_directory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_durably(tmp_path / "missing" / "journal", b"")
    with pytest.raises(FileNotFoundError):
        sync_directory(tmp_path / "missing")
