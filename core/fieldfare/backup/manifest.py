"""The ``.manifest`` of a backup that several workers wrote: which shard holds the originals of which keys.

JSON, with ranges ``[from, to)`` in the order in which the keys were captured::

    {"format": 1, "checksum": "...", "shards": [{"file": "shard-0.data", "batches": [0, 25], "keys": [0, 12500]}, ...]}

``file`` is the file name without the backup's prefix, so it stays valid when the backup is renamed.
``checksum`` is the SHA-256 of everything else. A run with one worker writes no manifest.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fieldfare.backup.durable import content_checksum, remove_durably, write_durably
from fieldfare.backup.paths import backup_file, is_shard_ending, shard_ending
from fieldfare.backup.safe_open import read_json
from fieldfare.backup.shards import Shard
from fieldfare.errors import BackupCorrupt, BackupUnusable
from fieldfare.storage import BackupPath

__all__ = ["read_manifest", "remove_manifest", "write_manifest"]

FORMAT: Final = 1


def write_manifest(
    prefix: BackupPath, batches: Sequence[range], *, batch_size: int, keys: int, endings: Sequence[str] = ()
) -> None:
    """Write durably which shard holds which keys.

    Args:
        prefix: the prefix of the backup.
        batches: the batches of keys of each shard.
        batch_size: keys per batch; the last one may have fewer.
        keys: how many keys were captured.
        endings: of the files of the shards, if they are not those of :func:`shard_ending`.

    Raises:
        BackupUnusable: the file cannot be written.
    """
    content: dict[str, Any] = {
        "format": FORMAT,
        "shards": [
            {
                "file": endings[number] if endings else shard_ending(number),
                "batches": [each.start, each.stop],
                "keys": [each.start * batch_size, min(each.stop * batch_size, keys)],
            }
            for number, each in enumerate(batches)
        ],
    }
    content["checksum"] = content_checksum(content)
    path = backup_file(prefix, "manifest")
    try:
        write_durably(path, json.dumps(content, indent=1).encode())
    except OSError as error:
        raise BackupUnusable(path, f"the file cannot be written: {error.strerror}. Nothing was changed.") from error


def read_manifest(prefix: BackupPath) -> tuple[Shard, ...]:
    """Return the shards of a backup, in the order of their keys; none without a manifest.

    Raises:
        BackupCorrupt: it is damaged.
        BackupUnusable: it cannot be read, or is of another format.
    """
    path = backup_file(prefix, "manifest")
    try:
        content = read_json(path)
    except FileNotFoundError:
        return ()
    except ValueError as error:
        raise BackupCorrupt(path, 0, f"it is not JSON ({error})") from error
    if not isinstance(content, dict) or content.pop("checksum", None) != content_checksum(content):
        raise BackupCorrupt(path, 0, "its checksum does not match")
    if content.get("format") != FORMAT:
        raise BackupUnusable(path, f"its format is {content.get('format')!r:.40}, this fieldfare reads {FORMAT}")
    try:
        shards = _shards(content)
    except (KeyError, TypeError, ValueError) as error:
        raise BackupCorrupt(path, 0, "its shards do not cover the batches of keys in order") from error
    return tuple(
        Shard(backup_file(prefix, ending), number, each.start, each.stop)
        for number, (ending, each) in enumerate(shards)
    )


def remove_manifest(prefix: BackupPath) -> None:
    """Remove the manifest, if the backup has one.

    Raises:
        BackupUnusable: it cannot be removed.
    """
    path = backup_file(prefix, "manifest")
    try:
        if path.exists():
            remove_durably(path)
    except OSError as error:
        raise BackupUnusable(path, f"the file cannot be removed: {error.strerror}") from error


def _shards(content: Mapping[str, Any]) -> list[tuple[str, range]]:
    """Read the files and the ranges. Each must start where the previous one ends: no original is lost or read twice."""
    shards = []
    expected = 0
    for number, each in enumerate(content["shards"]):
        start, stop = each["batches"]
        if not is_shard_ending(each["file"], number) or not _is_slice(start, stop) or start != expected:
            raise ValueError(number)
        shards.append((each["file"], range(start, stop)))
        expected = stop
    return shards


def _is_slice(start: object, stop: object) -> bool:
    return type(start) is int and type(stop) is int and start < stop
