"""Reading a backup from other programs: keys and original bytes, in batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

from attrs import frozen

from fieldfare.backup.header import read_header
from fieldfare.backup.paths import backup_file, resolve_prefix
from fieldfare.backup.record import FORMER_TAGS, REWRITE
from fieldfare.backup.store import BackupStore
from fieldfare.errors import BackupUnusable
from fieldfare.storage import BackupPath

__all__ = ["VectorBackup"]


@frozen(hash=False)
class VectorBackup:
    """The originals of one run.

    Attributes:
        prefix: the common prefix of its files.
        header: the content of the ``.header`` file, the journal.

    Example::

        backup = VectorBackup.load("/tmp/backups/migration_backup_myindex")
        for keys, originals in backup.iter_batches():
            for key in keys:
                for name, value in originals.get(key, {}).items():
                    redis.hset(key, name, value)
    """

    prefix: BackupPath
    header: dict[str, Any]

    @classmethod
    def load(cls, path: BackupPath | str) -> Self:
        """Open a backup.

        Args:
            path: ``<directory>/migration_backup_<index>``, with or without the hash that follows. The directory
                may be the URL of a storage.

        Raises:
            BackupUnusable: no such backup exists, or fieldfare did not write its header.
        """
        prefix = resolve_prefix(path)
        return cls(prefix, read_header(backup_file(prefix, "header")))

    def iter_batches(self, tag: str = REWRITE) -> Iterator[tuple[tuple[bytes, ...], dict[bytes, dict[str, bytes]]]]:
        """Iterate over batches of ``(keys, originals)``.

        ``originals`` maps a key to its fields (as str) and their original bytes. Documents without any of
        the fields are among the keys only.

        Args:
            tag: ``rewrite``, ``concurrent_updates``, ``concurrent_inserts``, or the id of a step whose plugin saved
                originals.

        Raises:
            BackupUnusable: the backup has fewer batches than its header says.
            BackupCorrupt: a frame is damaged.
        """
        batches = 0
        for batch in BackupStore(self.prefix).iter_batches(FORMER_TAGS.get(tag, tag)):
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
