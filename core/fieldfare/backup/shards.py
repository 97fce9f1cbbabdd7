"""Shards: the files that hold the originals; one per worker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from threading import Lock

from fieldfare.backup.frame import Frame, FrameReader, TooLarge
from fieldfare.backup.record import Record
from fieldfare.backup.segment_file import open_record_file
from fieldfare.documents import Batch
from fieldfare.errors import BackupUnusable
from fieldfare.storage import BackupPath

__all__ = ["Shard", "split_evenly"]


class Shard:
    """One file of originals, and the batches of captured keys that they belong to.

    One process writes at a time. Its threads take turns: while originals are dumped, plugins may save others.

    Args:
        path: the file.
        number: position among the shards of the backup, from 0.
        start: number of its first batch of keys.
        stop: number of the batch after its last one; None for all that follow.

    Errors are those of :class:`~fieldfare.backup.record_file.RecordFile`.
    """

    def __init__(self, path: BackupPath, number: int = 0, start: int = 0, stop: int | None = None) -> None:
        self.path = path
        self.number = number
        self.start = start
        self.stop = stop
        self._log = open_record_file(path, {"batch"})
        self._append_lock = Lock()

    @property
    def batch_counts(self) -> Counter[str]:
        """Tag → number of batches on disk."""
        return Counter({tag: count for (_, tag), count in self._log.contents.records.items()})

    def append(self, tag: str, batch: Batch) -> None:
        """Add the originals of a batch of documents. An empty batch counts, too; notes are not saved.

        Raises:
            BackupUnusable: the batch is too large for one frame, or the file cannot be written.
            ValueError: a column has not one value per key.
        """
        try:
            with self._append_lock:
                record = Record.of_batch(tag, self.batch_counts[tag], batch)
                self._log.append(record, [b"".join(batch.keys), *(column.block for column in batch.columns.values())])
        except TooLarge as error:
            reason = f"{error}. Nothing was changed. Use a smaller batch size."
            raise BackupUnusable(self.path, reason) from error

    def iter_batches(self, tag: str, start: int = 0) -> Iterator[Batch]:
        """Iterate over the originals of a tag in the order of writing, from this shard's batch ``start`` on.

        Of skipped batches only the headers are read. Columns are views of one buffer per batch.
        """
        if start >= self.batch_counts[tag]:
            return
        for record, frame, reader in self._log.read(tag, start):
            if record.tag == tag and record.number >= start:
                yield record.read_batch(reader.body(frame))

    def read(self) -> Iterator[tuple[Record, Frame, FrameReader]]:
        """Iterate over the complete records of all tags. The bodies are not read; the reader can read them."""
        return self._log.read()

    def checksums(self) -> Iterator[tuple[str, int]]:
        """Iterate over the tags and checksums of all frames."""
        return self._log.checksums()

    @property
    def end_path(self) -> BackupPath | str:
        """The file; in a storage, the last object if it is not complete."""
        return self._log.end_path

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._log.size

    def check(self) -> Iterator[tuple[Record, Frame, bytes]]:
        """Iterate over all records with the bytes of their keys, and check every byte."""
        return self._log.check()

    def recover(self) -> None:
        """Remove a last frame that a crash cut short, and check every byte."""
        self._log.recover()

    def sync(self) -> None:
        """Make the file's content and name durable."""
        self._log.sync()

    def close(self) -> None:
        """Close the file; it can be used again."""
        self._log.close()

    def remove(self) -> None:
        """Remove the file."""
        self._log.remove()


def split_evenly(batches: int, workers: int) -> list[range]:
    """Split batches of keys among workers: ranges in order, of nearly equal length, none of them empty."""
    count = max(min(workers, batches), 1)
    return [range(start, stop) for start, stop in pairwise(batches * each // count for each in range(count + 1))]
