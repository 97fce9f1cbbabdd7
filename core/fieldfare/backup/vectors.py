"""A backup as other programs read it: keys and original bytes, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from attrs import frozen

from fieldfare.backup.header import read_header
from fieldfare.backup.name import backup_file, resolve_prefix
from fieldfare.backup.store import REWRITE, BackupStore
from fieldfare.errors import BackupUnusable

__all__ = ["VectorBackup"]


@frozen(hash=False)
class VectorBackup:
    """The originals of one run.

    Attributes:
        prefix: what the names of all its files begin with.
        header: the journal, as it is in the ``.header`` file.

    Example::

        backup = VectorBackup.load("/tmp/backups/migration_backup_myindex")
        for keys, originals in backup.iter_batches():
            for key in keys:
                for name, value in originals.get(key, {}).items():
                    redis.hset(key, name, value)
    """

    prefix: Path
    header: dict[str, Any]

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Open a backup.

        Args:
            path: ``<directory>/migration_backup_<index>``, with or without the hash that follows.

        Raises:
            BackupUnusable: there is no such backup, or its header is not fieldfare's.
        """
        prefix = resolve_prefix(path)
        return cls(prefix, read_header(backup_file(prefix, "header")))

    def iter_batches(self, tag: str = REWRITE) -> Iterator[tuple[tuple[bytes, ...], dict[bytes, dict[str, bytes]]]]:
        """Iterate over batches of ``(keys, originals)``.

        ``originals`` maps a key to its fields (as str) and their original bytes. Documents without any of
        the fields are among the keys only.

        Args:
            tag: a step's id, for what a plugin saved by itself.

        Raises:
            BackupUnusable: the header counts batches that are not there.
            BackupCorrupt: a frame is damaged.
        """
        batches = 0
        for batch in BackupStore(self.prefix).iter_batches(tag):
            batches += 1
            originals: dict[bytes, dict[str, bytes]] = {}
            for name, column in batch.columns.items():
                for key, value in zip(batch.keys, column, strict=True):
                    if value is not None:
                        originals.setdefault(key, {})[name] = value
            yield batch.keys, originals
        expected = self.header.get("dump_completed_batches", 0) if tag == REWRITE else 0
        if isinstance(expected, int) and batches < expected:
            reason = f"it ends with {batches} of {expected} batches"
            raise BackupUnusable(backup_file(self.prefix, "data"), reason)
