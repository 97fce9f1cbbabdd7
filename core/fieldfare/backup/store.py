"""The backup of one index: its keys, and the originals of everything that a run overwrites."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Self

from fieldfare.backup.manifest import read_manifest, remove_manifest, write_manifest
from fieldfare.backup.paths import backup_file, shard_ending, shard_endings
from fieldfare.backup.record import REWRITE, Record
from fieldfare.backup.record_sequence import Place
from fieldfare.backup.segment_file import open_record_file
from fieldfare.backup.set_aside import set_aside
from fieldfare.backup.shards import Shard, split_evenly
from fieldfare.backup.verification import ExpectedBackup, digest, verify
from fieldfare.documents import Batch
from fieldfare.storage import BackupPath, backup_location

__all__ = ["REWRITE", "BackupStore"]


class BackupStore:
    """Keys and originals of one index on disk; a context manager.

    Files are opened and created on first use. Memory holds one batch at a time, never all keys.

    Args:
        prefix: from ``backup_prefix``.
        batch_size: keys per batch.
        shards: of a worker that has only some of them; None for all, as the manifest lists them.

    One process writes at a time (see ``lock_backup``), with any number of threads. Workers in other processes write
    files of their own, which become shards when :meth:`adopt` lists them.
    All methods that read raise ``BackupCorrupt`` for a damaged file. A last frame that a crash cut short is ignored.
    All methods that write raise ``BackupUnusable`` if a file cannot be written.
    """

    def __init__(
        self, prefix: BackupPath | str, *, batch_size: int = 500, shards: tuple[Shard, ...] | None = None
    ) -> None:
        self.prefix = backup_location(prefix)
        self.batch_size = batch_size
        self._keys = open_record_file(backup_file(self.prefix, "keys"), {"keys", "seal"})
        self._data = Shard(backup_file(self.prefix, "data"))
        self._rewrite_shards = shards
        self._pending: list[bytes] = []

    @classmethod
    def recover(cls, prefix: BackupPath | str, *, batch_size: int = 500) -> Self:
        """Open a backup that a crash may have interrupted, to continue writing it.

        Every byte is checked, because after a power cut a complete frame can hold wrong data. A last frame that was
        cut short is removed.

        Raises:
            BackupCorrupt: a frame is damaged. If nothing was changed on the server yet, call :meth:`reset` and start
                over.
        """
        store = cls(prefix, batch_size=batch_size)
        try:
            store._keys.recover()
            for shard in store._files:
                shard.recover()
        except BaseException:
            store.close()
            raise
        return store

    def __enter__(self) -> Self:
        """Return the store."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the files."""
        self.close()

    def close(self) -> None:
        """Close the files; the store can be used again. Nothing is synced."""
        self._keys.close()
        for shard in (self._data, *(self._rewrite_shards or ())):
            shard.close()

    # ------------------------------------------------------------ keys

    @property
    def key_batches(self) -> int:
        """How many batches of keys are on disk."""
        return self._keys.contents.records["keys", ""]

    @property
    def key_count(self) -> int:
        """How many keys are on disk."""
        return self._keys.contents.rows["keys"]

    @property
    def is_empty(self) -> bool:
        """Whether no key was captured yet, not even one that is not written yet."""
        return not (self._pending or self.key_batches or self.is_sealed)

    @property
    def is_sealed(self) -> bool:
        """Whether all keys were captured."""
        return bool(self._keys.contents.records["seal", ""])

    def append_keys(self, keys: Sequence[bytes]) -> None:
        """Add captured keys, any number. Batches of ``batch_size`` keys are written; the rest is buffered.

        Raises:
            ValueError: the keys are sealed.
        """
        if self.is_sealed:
            raise ValueError(f"the keys of {self.prefix} are sealed")
        self._pending.extend(keys)
        full = len(self._pending) - len(self._pending) % self.batch_size
        for start in range(0, full, self.batch_size):
            self._write_keys(self._pending[start : start + self.batch_size])
        del self._pending[:full]

    def seal(self) -> None:
        """Write the buffered keys, and a record that says that no more follow. Sealing twice does nothing."""
        if self.is_sealed:
            return
        if self._pending:
            self._write_keys(self._pending)
            self._pending = []
        self._keys.append(Record("seal", self.key_batches, self.key_count), [])

    def iter_keys(
        self, start: int = 0, stop: int | None = None, place: Place | None = None
    ) -> Iterator[tuple[bytes, ...]]:
        """Iterate over the batches of keys on disk, in the order of their capture: ``start`` to before ``stop``.

        Args:
            start: number of the first batch.
            stop: number of the batch after the last one; needed with a place.
            place: of the first batch, of :meth:`key_places`; None to look for it from the start of the file.
        """
        if stop is not None and stop <= start:
            return
        for record, frame, reader in self._keys.read(place=place):
            if record.kind == "keys" and record.number >= start:
                yield record.read_keys(reader.body(frame))
            if record.number + 1 == stop:
                return

    def key_places(self, numbers: Sequence[int]) -> list[Place]:
        """Return where batches of keys are in the file, in the order of their numbers, which must differ."""
        return self._keys.places(numbers)

    # ------------------------------------------------------------ originals

    @property
    def shards(self) -> tuple[Shard, ...]:
        """The files for the originals of ``REWRITE``, in the order of their keys.

        One, the ``.data`` file, unless :meth:`split` made several. All other tags are in ``.data``.
        """
        return self._shards or (self._data,)

    def split(self, workers: int) -> None:
        """Split the captured keys into one shard per worker. Call it before the first original is written.

        For one worker, or one batch of keys, this does nothing.
        """
        batches = split_evenly(self.key_batches, workers)
        if len(batches) > 1:
            for number in range(len(batches)):  # files without a manifest are leftovers
                Shard(backup_file(self.prefix, shard_ending(number))).remove()
            write_manifest(self.prefix, batches, batch_size=self.batch_size, keys=self.key_count)
            self._rewrite_shards = None

    def adopt(self, batches: Sequence[range], endings: Sequence[str]) -> None:
        """Make files that workers in other processes have written the shards of this backup.

        Args:
            batches: the batches of keys of each shard.
            endings: of their files.
        """
        write_manifest(self.prefix, batches, batch_size=self.batch_size, keys=self.key_count, endings=endings)
        for ending in set(shard_endings(self.prefix)).difference(endings):  # of attempts that others have overtaken
            Shard(backup_file(self.prefix, ending)).remove()
        self._rewrite_shards = None

    def append(self, tag: str, batch: Batch) -> None:
        """Add the originals of a batch of documents. An empty batch counts, too; notes are not saved.

        Args:
            tag: a step's id, or ``REWRITE``.
            batch: keys and columns.

        Raises:
            BackupUnusable: the batch is too large for one frame, or the file cannot be written.
            ValueError: a column has not one value per key.
        """
        self._data.append(tag, batch)

    def count(self, tag: str) -> int:
        """Return how many batches of a tag are on disk."""
        return sum(shard.batch_counts[tag] for shard in self._files)

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags of the originals on disk, sorted."""
        return tuple(sorted({tag for shard in self._files for tag in shard.batch_counts}))

    def iter_batches(self, tag: str, start: int = 0) -> Iterator[Batch]:
        """Iterate over the originals of a tag in the order of writing, from batch ``start`` on.

        Of skipped batches only the headers are read. Columns are views of one buffer per batch.
        """
        for shard in self._files:
            yield from shard.iter_batches(tag, start)
            start = max(start - shard.batch_counts[tag], 0) if start else 0

    # ------------------------------------------------------------ the whole backup

    def sync(self) -> None:
        """Make the content and the names of all files durable.

        Call it once before the first change on the server, not after each batch.
        """
        self._keys.sync()
        for shard in self._files:
            shard.sync()

    def digest(self, batches: Mapping[str, int]) -> str:
        """Return a digest that identifies this backup: of all keys, and of this number of batches of each tag."""
        return digest(self._keys, self._files, batches)

    def verify(self, expected: ExpectedBackup | None = None) -> None:
        """Read every byte once and check it.

        Args:
            expected: what the journal recorded. Without it, a missing file, and a ``.data`` file that was cut exactly
                between two frames, are not detected.

        Raises:
            BackupCorrupt: something is damaged or missing, or is not part of this backup.
        """
        verify(self._keys, self._files, expected or ExpectedBackup())

    def reset(self, batch_size: int | None = None) -> None:
        """Remove keys and originals, to start over. Only while nothing was changed on the server.

        Args:
            batch_size: new number of keys per batch; None for the same as before.
        """
        self.batch_size = batch_size or self.batch_size
        self._keys.remove()
        self._data.remove()
        self.close()
        for ending in shard_endings(self.prefix):
            Shard(backup_file(self.prefix, ending)).remove()
        remove_manifest(self.prefix)
        self._clear_cache()

    def set_aside(self, stamp: str) -> BackupPath:
        """Rename all files of this backup (:func:`~fieldfare.backup.set_aside.set_aside`); the store is empty then.

        Args:
            stamp: letters, digits, ``-`` and ``_``; usually the time.

        Returns:
            The new prefix.

        Raises:
            ValueError: the stamp has other characters.
        """
        self.close()
        stale = set_aside(self.prefix, stamp)
        self._clear_cache()
        return stale

    def _clear_cache(self) -> None:
        self._pending = []
        self._rewrite_shards = None
        self._keys = open_record_file(self._keys.path, {"keys", "seal"})
        self._data = Shard(self._data.path)

    def _write_keys(self, keys: Sequence[bytes]) -> None:
        self._keys.append(Record.of_keys(self.key_batches, keys), [b"".join(keys)])

    @property
    def _shards(self) -> tuple[Shard, ...]:
        if self._rewrite_shards is None:
            self._rewrite_shards = read_manifest(self.prefix)
        return self._rewrite_shards

    @property
    def _files(self) -> tuple[Shard, ...]:
        return (self._data, *self._shards)
