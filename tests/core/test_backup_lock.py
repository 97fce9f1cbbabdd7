"""One migrator per backup."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fieldfare.backup import backup_file, backup_prefix, lock_backup, write_durably
from fieldfare.errors import BackupUnusable, LockHeld

HOLD = """
import sys
from pathlib import Path
from fieldfare.backup import lock_backup

with lock_backup(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_process(prefix: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process holds the backup until its input is closed, or it is killed."""
    command = [sys.executable, "-c", HOLD, str(prefix)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    return backup_prefix(tmp_path, "articles")


def test_the_second_process_is_told_who_the_first_one_is(prefix: Path) -> None:
    with another_process(prefix) as process:
        with pytest.raises(LockHeld) as caught, lock_backup(prefix):
            pass
        assert f"host {socket.gethostname()}, pid {process.pid}, since 20" in caught.value.holder
        assert str(prefix) in caught.value.what
    with lock_backup(prefix):
        pass


def test_a_killed_process_holds_nothing(prefix: Path) -> None:
    with another_process(prefix) as process:
        process.kill()
    assert backup_file(prefix, "lock.json").exists()
    with lock_backup(prefix), pytest.raises(LockHeld, match=f"pid {os.getpid()}"), lock_backup(prefix):
        pass
    assert not backup_file(prefix, "lock.json").exists()


def test_other_indexes_of_the_directory_are_free(prefix: Path) -> None:
    with another_process(prefix), lock_backup(backup_prefix(prefix.parent, "products")):
        pass


def test_a_holder_that_has_not_introduced_itself_still_holds(prefix: Path) -> None:
    with another_process(prefix):
        for content in ("", "[]", '{"host": "h"}'):
            backup_file(prefix, "lock.json").write_text(content)
            with pytest.raises(LockHeld, match="not written its name yet"), lock_backup(prefix):
                pass


def test_what_crashed_writes_left_behind_is_removed(prefix: Path) -> None:
    header = backup_file(prefix, "header")
    other = backup_file(backup_prefix(prefix.parent, "products"), "header")
    write_durably(header, b"{}")
    leftovers = [path.with_name(f".{path.name}.0123abcd.tmp") for path in (header, other)]
    for path in leftovers:
        path.touch()
    with lock_backup(prefix):
        assert [path.exists() for path in (*leftovers, header)] == [False, True, True]


def test_a_place_without_locks_is_an_error(prefix: Path) -> None:
    backup_file(prefix, "lock").mkdir()
    with pytest.raises(BackupUnusable, match="cannot be locked"), lock_backup(prefix):
        pass
