"""The paths of a backup's files.

``<directory>/migration_backup_<safe index>-<8 hex>`` is the prefix of all files of one index's backup:

- the safe index is the index name with everything but ``A-Z a-z 0-9 . _ -`` replaced by ``_``, cut at 80;
- the hex digits are the first of the SHA-256 of the name's bytes (UTF-8, surrogateescape), so that ``a:b`` and
  ``a/b`` have different prefixes.

``.header``, ``.keys``, ``.data`` and ``.manifest`` follow the prefix, and with several workers ``.shard-0.data``,
``.shard-1.data``, ... A worker in another process writes ``.shard-0-<8 hex>.data``: the digits belong to one attempt,
so that two attempts at a shard never write to one file. The prefix of a backup that was set aside is
``<prefix>.<stamp>.stale``, with the same endings.
In a storage (``storage``) each of these files is a folder of objects, and a backup that was set aside keeps its names.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Final, overload

from fieldfare.errors import BackupUnusable
from fieldfare.storage import BackupPath, StoragePath, backup_location, is_storage_url
from fieldfare.storage.location import require_no_password

__all__ = [
    "ENDINGS",
    "backup_file",
    "backup_prefix",
    "file_names",
    "find_prefixes",
    "is_shard_ending",
    "prefix_reference",
    "read_prefix",
    "resolve_prefix",
    "shard_ending",
    "shard_endings",
]

ENDINGS: Final = ("keys", "data", "manifest", "header")
"""The files of a backup. The header comes last: without a header, the other files are not a backup."""

START: Final = "migration_backup_"
LONGEST: Final = 80
UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]")
PREFIX: Final = re.compile(rf"{START}(?P<index>[A-Za-z0-9._-]{{0,{LONGEST}}})-[0-9a-f]{{8}}")
SHARD: Final = re.compile(r"shard-[0-9]+(-[0-9a-f]{8})?\.data")
FILE: Final = re.compile(rf"(?P<prefix>{PREFIX.pattern})\.(?:{'|'.join(ENDINGS)})")


@overload
def backup_prefix(directory: Path, index: str) -> Path: ...
@overload
def backup_prefix(directory: BackupPath | str, index: str) -> BackupPath: ...
def backup_prefix(directory: BackupPath | str, index: str) -> BackupPath:
    """Return the prefix of an index's backup files: always directly in the directory, at most 106 characters.

    Raises:
        UnicodeEncodeError: a name that Redis cannot hold (a lone surrogate that represents no byte).
    """
    digest = hashlib.sha256(index.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return backup_location(directory) / f"{START}{_safe(index)}-{digest}"


@overload
def backup_file(prefix: Path, ending: str) -> Path: ...
@overload
def backup_file(prefix: StoragePath, ending: str) -> StoragePath: ...
@overload
def backup_file(prefix: BackupPath, ending: str) -> BackupPath: ...
def backup_file(prefix: BackupPath, ending: str) -> BackupPath:
    """Return the path of one of a backup's files."""
    if isinstance(prefix, StoragePath):
        return prefix.file(ending)
    return prefix.with_name(f"{prefix.name}.{ending}")


def shard_ending(number: int, attempt: str = "") -> str:
    """Return the ending of the file of one shard; of an attempt of a worker in another process, 8 hex digits."""
    return f"shard-{number}-{attempt}.data" if attempt else f"shard-{number}.data"


def is_shard_ending(ending: object, number: int) -> bool:
    """Whether a shard's file may have this ending."""
    return isinstance(ending, str) and bool(SHARD.fullmatch(ending)) and re.split(r"[-.]", ending)[1] == str(number)


def shard_endings(prefix: BackupPath) -> tuple[str, ...]:
    """Return the endings of a backup's shard files on disk, even if its manifest does not list them.

    A backup without a manifest has no shards.
    """
    start = f"{prefix.name}."
    if not backup_file(prefix, "manifest").exists():
        return ()
    endings = (name.removeprefix(start) for name in file_names(prefix.parent) if name.startswith(start))
    return tuple(sorted(ending for ending in endings if SHARD.fullmatch(ending)))


def file_names(directory: BackupPath) -> list[str]:
    """Return the names of all files in a directory.

    Raises:
        OSError: the directory cannot be read.
        BackupUnusable: the storage fails.
    """
    if isinstance(directory, StoragePath):
        return directory.names()
    return [path.name for path in directory.iterdir()]


@overload
def find_prefixes(directory: Path) -> tuple[Path, ...]: ...
@overload
def find_prefixes(directory: BackupPath | str) -> tuple[BackupPath, ...]: ...
def find_prefixes(directory: BackupPath | str) -> tuple[BackupPath, ...]:
    """Return the prefixes of all backups in a directory, sorted; without backups that were set aside.

    Raises:
        BackupUnusable: the directory cannot be read.
    """
    directory = backup_location(directory)
    try:
        found = {match["prefix"] for name in file_names(directory) if (match := FILE.fullmatch(name))}
    except OSError as error:
        raise BackupUnusable(directory, f"the directory cannot be read: {error.strerror}") from error
    return tuple(directory / name for name in sorted(found))


@overload
def resolve_prefix(path: Path) -> Path: ...
@overload
def resolve_prefix(path: BackupPath | str) -> BackupPath: ...
def resolve_prefix(path: BackupPath | str) -> BackupPath:
    """Return the prefix of the existing backup that a path names.

    Args:
        path: a prefix with its hash, or ``<directory>/migration_backup_<index>``, where the index is its name in Redis
            or in the file names. The directory may be the URL of a storage.

    Raises:
        BackupUnusable: the path names no backup, or more than one.
    """
    location = read_prefix(path)
    if _exists(location):
        return location
    index = location.name.removeprefix(START)
    exact = backup_prefix(location.parent, index)
    if _exists(exact):
        return exact
    prefixes = find_prefixes(location.parent)
    matching = [each for each in prefixes if (match := PREFIX.fullmatch(each.name)) and match["index"] == _safe(index)]
    if len(matching) == 1:
        return matching[0]
    listed = ", ".join(each.name for each in matching or prefixes) or "none"
    if matching:
        raise BackupUnusable(location, f"this name matches more than one backup; give one of these: {listed}")
    raise BackupUnusable(location, f"there is no such backup; the directory holds: {listed}")


def prefix_reference(prefix: BackupPath) -> str:
    """Return the text from which :func:`read_prefix` makes the same prefix in another process, on any machine.

    Raises:
        UsageError: it is a URL with a password, which must not leave this process.
    """
    if isinstance(prefix, Path):
        return str(prefix.absolute())
    require_no_password(prefix.parent, "fieldfare sends no password to workers (--executor)", "every worker")
    return str(prefix)


def read_prefix(path: BackupPath | str) -> BackupPath:
    """Return the prefix that a path or a URL names. Nothing is opened.

    Raises:
        UsageError: a URL of a form that is not supported.
    """
    if isinstance(path, StoragePath):
        return path
    if isinstance(path, str) and is_storage_url(path):
        directory, _, name = path.rstrip("/").rpartition("/")
        return backup_location(directory) / name
    return Path(path)


def _safe(index: str) -> str:
    return UNSAFE.sub("_", index)[:LONGEST]


def _exists(prefix: BackupPath) -> bool:
    return any(backup_file(prefix, ending).is_file() for ending in ENDINGS)
