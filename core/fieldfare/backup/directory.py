"""The directory that holds backups, usually those of many indexes."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import overload

from fieldfare.backup.durable import sync_directory
from fieldfare.backup.header import read_header
from fieldfare.backup.paths import START, backup_file, backup_prefix
from fieldfare.errors import BackupDirectoryRequired, BackupDirectoryUnusable, BackupUnusable
from fieldfare.storage import BackupPath, StoragePath, backup_location

__all__ = ["open_directory"]


@overload
def open_directory(path: Path, *, create: bool = True, index: str | None = None) -> Path: ...
@overload
def open_directory(path: BackupPath | str, *, create: bool = True, index: str | None = None) -> BackupPath: ...
def open_directory(path: BackupPath | str, *, create: bool = True, index: str | None = None) -> BackupPath:
    """Return the absolute path of a usable backup directory.

    To test whether the directory is writable, a file is written, fsynced and removed. In a storage, that is done for a
    run that starts or resumes, with an object that is read back.

    Args:
        path: the directory, or the URL of one in a storage.
        create: create the directory, readable by its owner only, and its missing parents.
        index: check the header of this index's backup only; without it, the headers of all backups are checked.

    Raises:
        BackupDirectoryRequired: the path is empty.
        BackupDirectoryUnusable: it is not a directory, or not writable; a ``ValueError``.
        BackupUnusable: the directory is missing, or holds a ``migration_backup_*.header`` that fieldfare did not write.
    """
    if not str(path):
        raise BackupDirectoryRequired
    location = backup_location(path)
    if isinstance(location, StoragePath):
        return _open_storage(location, create=create)
    directory = location.absolute()
    if not directory.exists() and not create:
        raise BackupUnusable(directory, "there is no such directory. Give the --backup-dir of the run.")
    try:
        _create(directory)
        _try_writing(directory)
        headers = sorted(directory.glob(f"{START}*.header")) if index is None else _headers(directory, index)
    except (FileExistsError, NotADirectoryError) as error:
        raise BackupDirectoryUnusable(directory, "it is not a directory") from error
    except OSError as error:
        raise BackupDirectoryUnusable(directory, f"it cannot be written: {error.strerror}") from error
    for header in headers:
        try:
            read_header(header)
        except BackupUnusable as error:
            reason = f"{header.name} in it is unusable ({error.reason}). Give another --backup-dir, or move it away."
            raise BackupUnusable(directory, reason) from error
    return directory


def _open_storage(directory: StoragePath, *, create: bool) -> StoragePath:
    if create:
        directory.try_writing()
    elif not directory.names():
        raise BackupUnusable(directory, "nothing is stored there. Give the --backup-dir of the run.")
    return directory


def _headers(directory: Path, index: str) -> list[Path]:
    header = backup_file(backup_prefix(directory, index), "header")
    return [header] if os.path.lexists(header) else []


def _create(directory: Path) -> None:
    missing = [each for each in (directory, *directory.parents) if not each.exists()]
    directory.mkdir(0o700, parents=True, exist_ok=True)
    for each in missing:
        sync_directory(each.parent)


def _try_writing(directory: Path) -> None:
    with tempfile.NamedTemporaryFile(dir=directory, prefix=".trial-") as file:
        file.write(b"trial")
        file.flush()
        os.fsync(file.fileno())
