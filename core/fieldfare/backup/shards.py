"""Originals on disk: one file of them, or several where several workers wrote them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from fieldfare.backup.frame import Frame, FrameReader, TooLarge
from fieldfare.backup.log import Log
from fieldfare.backup.record import Record
from fieldfare.documents import Batch
from fieldfare.errors import BackupUnusable

__all__ = ["Shard", "slices"]


class Shard:
    """One file of originals, and the batches of captured keys that they belong to. One writer at a time.

    Args:
        path: the file.
        number: its place among the shards of a backup, from 0.
        start: its first batch of keys.
        stop: the batch of keys behind its last one; None for all that follow.

    Errors are those of :class:`~fieldfare.backup.log.Log`.
    """

    def __init__(self, path: Path, number: int = 0, start: int = 0, stop: int | None = None) -> None:
        self.path = path
        self.number = number
        self.start = start
        self.stop = stop
        self._log = Log(path, {"batch"})
        self._counted: Counter[str] | None = None

    @property
    def found(self) -> Counter[str]:
        """Tag → batches that are on disk."""
        if self._counted is None:
            self._counted = Counter(record.tag for record, _, _ in self._log.read())
        return self._counted

    def append(self, tag: str, batch: Batch) -> None:
        """Add the originals of a batch of documents. An empty batch counts too; notes are not kept.

        Raises:
            BackupUnusable: the batch is too large for one frame, or the disk refuses.
            ValueError: a column has not one value per key.
        """
        try:
            record = Record.of_batch(tag, self.found[tag], batch)
            self._log.append(record, [b"".join(batch.keys), *(column.block for column in batch.columns.values())])
        except TooLarge as error:
            reason = f"{error}. Nothing was changed. Use a smaller batch size."
            raise BackupUnusable(self.path, reason) from error
        self.found[tag] += 1

    def iter_batches(self, tag: str, start: int = 0) -> Iterator[Batch]:
        """Iterate over the originals of a tag in the order of writing, from this shard's batch ``start`` on.

        What is skipped is not read, apart from its headers. Columns are views of one buffer per batch.
        """
        for record, frame, reader in self._log.read():
            if record.tag == tag and record.number >= start:
                yield record.read_batch(reader.body(frame))

    def read(self) -> Iterator[tuple[Record, Frame, FrameReader]]:
        """Iterate over the whole records of all tags; bodies are read only through the reader."""
        return self._log.read()

    def check(self) -> Counter[str]:
        """Check every byte, and return tag → batches."""
        return Counter(record.tag for record in self._log.check())

    def recover(self) -> None:
        """Check every byte; what a crash cut short at the end is removed."""
        self._log.recover()

    def sync(self) -> None:
        """Make everything that was appended durable, and the file's name."""
        self._log.sync()

    def close(self) -> None:
        """Close the file; it can be used again."""
        self._log.close()

    def remove(self) -> None:
        """Remove the file."""
        self._log.remove()
        self._counted = None


def slices(batches: int, workers: int) -> list[range]:
    """Share batches of keys among workers: slices in order, as even as can be, none of them empty."""
    count = max(min(workers, batches), 1)
    return [range(start, stop) for start, stop in pairwise(batches * each // count for each in range(count + 1))]
