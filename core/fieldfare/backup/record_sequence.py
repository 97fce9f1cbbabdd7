"""The sequence of records in a file or in segments: what it holds, where to begin to read, and whether it is whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from attrs import define, field, frozen

from fieldfare.backup.frame import Frame, FrameReader
from fieldfare.backup.record import Record
from fieldfare.errors import BackupCorrupt

__all__ = ["Contents", "Place", "SequenceCheck"]


@frozen
class Place:
    """Where to begin to read a file of records whose records all have the tag "".

    Attributes:
        offset: of a frame, in bytes; in a storage, the number of a segment.
        passed: how many records come before.
    """

    offset: int
    passed: int


@define
class Contents:
    """What a file of records holds.

    Attributes:
        end: the offset behind its last complete frame.
        records: kind and tag → number of records.
        rows: kind → documents.
    """

    end: int = 0
    records: Counter[tuple[str, str]] = field(factory=Counter)
    rows: Counter[str] = field(factory=Counter)

    def add(self, record: Record, end: int) -> None:
        """Add a record that ends there."""
        self.end = end
        self.records[record.kind, record.tag] += 1
        self.rows[record.kind] += record.rows


class SequenceCheck:
    """Checks the sequence of records: no batch is missing, and no record follows the seal.

    Args:
        kinds: of records that the file may hold.
    """

    def __init__(self, kinds: AbstractSet[str]) -> None:
        self._kinds = kinds
        self._batches: Counter[str] = Counter()
        self._rows = 0
        self._is_sealed = False

    def batches_of(self, tag: str) -> int:
        """Return how many batches of a tag came so far."""
        return self._batches[tag]

    def skip(self, batches: Mapping[str, int]) -> None:
        """Count records that are not read: tag → how many."""
        self._batches.update(batches)

    def next_record(self, reader: FrameReader, frame: Frame) -> Record:
        """Return the record of the next frame.

        Raises:
            BackupCorrupt: it is no record, or not the one that belongs here.
        """
        try:
            record = Record.parse(frame.header, frame.body_length)
            self._check_next(record)
        except ValueError as error:
            raise BackupCorrupt(reader.path, frame.offset, f"{error}, in the frame") from error
        return record

    def _check_next(self, record: Record) -> None:
        if record.kind not in self._kinds:
            raise ValueError(f"a record of kind {record.kind!r} does not belong here")
        if self._is_sealed:
            raise ValueError("a record follows the seal")
        if record.number != self._batches[record.tag]:
            raise ValueError(f"batch {record.number} stands where batch {self._batches[record.tag]} belongs")
        self._is_sealed = record.kind == "seal"
        if self._is_sealed and record.rows != self._rows:
            raise ValueError(f"the seal counts {record.rows} keys, and there are {self._rows}")
        self._batches[record.tag] += 1
        self._rows += record.rows
