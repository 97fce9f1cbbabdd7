"""A file of records in a storage: a sequence of objects, the segments, each of which holds whole frames."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from itertools import accumulate
from threading import Lock
from typing import Final, TypeAlias

from fieldfare.backup.frame import Block, Frame, FrameReader, checksum_of, encode_frame
from fieldfare.backup.record import Record
from fieldfare.backup.record_file import RecordFile
from fieldfare.backup.record_sequence import Contents, Place, SequenceCheck
from fieldfare.errors import BackupCorrupt
from fieldfare.storage import BackupPath, StoragePath
from fieldfare.storage.object_name import ObjectName
from fieldfare.support.fault_points import reach

__all__ = ["SEGMENT_BYTES", "RecordLog", "SegmentFile", "open_record_file"]

SEGMENT_BYTES: Final = 8 * 2**20
"""A segment is written when it has this many bytes, or when the file is synced. One frame may be larger."""


class SegmentFile:
    """A file of records in a storage: one writer, any number of readers.

    Memory holds appended frames until :meth:`sync` writes them and reads them back. A process that ends before loses
    them. A reader holds one segment in memory.

    Args:
        path: the file.
        kinds: the kinds of records that the file may hold.
    """

    def __init__(self, path: StoragePath, kinds: AbstractSet[str]) -> None:
        self.path = path
        self._kinds = kinds
        self._guard = Lock()
        self._writing = Lock()  # several workers may sync the same file
        self._contents: Contents | None = None
        self._frames: list[tuple[str, int]] = []
        self._pending = bytearray()
        self._segments: list[ObjectName] | None = None
        self._cut: ObjectName | None = None
        self._batches: dict[ObjectName, Counter[str]] = {}

    @property
    def contents(self) -> Contents:
        """What the file holds. The first use reads the file; later appends are counted.

        Raises:
            BackupCorrupt, BackupUnusable: as :meth:`read`.
        """
        if self._contents is None:
            for _ in self.read():
                pass
        return self._contents or Contents()

    @property
    def size(self) -> int:
        """Bytes of all complete segments."""
        return sum(each.length for each in self._listed())

    @property
    def end_path(self) -> StoragePath | str:
        """The last object, if it is not complete; else the file."""
        self._listed()
        return self.path if self._cut is None else self.path.object_path(self._cut)

    def _content(self, name: ObjectName) -> bytes:
        try:
            return self.path.storage.read(self.path.name, name)
        except FileNotFoundError as error:
            raise BackupCorrupt(self.path.object_path(name), 0, "the object was removed during the run") from error

    def read(
        self, tag: str | None = None, start: int = 0, place: Place | None = None
    ) -> Iterator[tuple[Record, Frame, FrameReader]]:
        """Iterate over the records; the reader can read their bodies.

        Args:
            tag: records of other tags are not needed; None for all. Segments without it are not read a second time.
            start: nor are those of this tag with a smaller number.
            place: where to begin, of :meth:`places`; None for the first segment.

        Raises:
            BackupCorrupt: a segment is damaged or missing.
            BackupUnusable: the storage fails.
        """
        with self._guard:
            segments, pending = list(self._listed()), bytes(self._pending)
        sequence, found, frames = SequenceCheck(self._kinds), Contents(), list[tuple[str, int]]()
        is_all = place is None
        if place is not None:
            segments = segments[place.offset :]
            sequence.skip({"": place.passed})
        for name in segments:
            batches = self._batches.get(name)
            passed = sequence.batches_of(tag or "")
            if tag is not None and batches is not None and passed + batches[tag] <= max(start, passed):
                sequence.skip(batches)
                is_all = False
                continue
            counted: Counter[str] = Counter()
            offset = found.end
            with FrameReader(self.path.object_path(name), self._content(name)) as reader:
                for frame in reader:
                    record = sequence.next_record(reader, frame)
                    found.add(record, offset + frame.end)
                    frames.append((record.tag, frame.checksum))
                    counted[record.tag] += 1
                    yield record, frame, reader
                if reader.whole != name.length:
                    reason = "the object ends in the middle of the frame"
                    raise BackupCorrupt(reader.path, reader.whole, reason)
            self._batches[name] = counted
        if pending:
            with FrameReader(str(self.path), pending) as reader:
                for frame in reader:
                    yield sequence.next_record(reader, frame), frame, reader
        elif is_all and self._contents is None:
            self._contents, self._frames = found, frames

    def places(self, numbers: Sequence[int]) -> list[Place]:
        """Return where to begin to read from each of these records: as :meth:`RecordFile.places`."""
        if not all(name in self._batches for name in self._listed()):
            for _ in self.read():
                pass
        passed = list(accumulate((self._batches[name].total() for name in self._listed()), initial=0))
        segments = [max(bisect_right(passed, number) - 1, 0) for number in sorted(set(numbers))]
        return [Place(segment, passed[segment]) for segment in segments]

    def check(self) -> Iterator[tuple[Record, Frame, bytes]]:
        """Iterate over all records with the bytes of their keys, and check every byte."""
        for record, frame, reader in self.read():
            first, length = reader.check(frame), sum(record.keys)
            yield record, frame, first[:length] if length <= len(first) else reader.start(frame, length)

    def checksums(self) -> Iterator[tuple[str, int]]:
        """Iterate over the tags and checksums of all frames; they are read once."""
        _ = self.contents
        yield from self._frames

    def append(self, record: Record, blocks: Sequence[Block]) -> None:
        """Add a record after the last one; write a segment if it is long enough.

        Raises:
            BackupUnusable: the storage fails.
        """
        contents = self.contents
        reach("file.append:before")
        pieces = encode_frame(record.header, blocks)
        with self._guard:
            before = len(self._pending)
            for piece in pieces:
                self._pending += piece
            contents.add(record, contents.end + len(self._pending) - before)
            self._frames.append((record.tag, checksum_of(pieces[0])))
        reach("file.append:after")
        if len(self._pending) >= SEGMENT_BYTES:
            self._write_segment()

    def recover(self) -> None:
        """Check every byte."""
        for _ in self.check():
            pass

    def sync(self) -> None:
        """Write the frames that are in memory, and read them back.

        Raises:
            BackupUnusable: the storage fails.
        """
        if self._pending:
            reach("file.sync:before")
            self._write_segment()
            reach("file.sync:after")

    def close(self) -> None:
        """Do nothing: no file is open."""

    def remove(self) -> None:
        """Remove all segments, the last one first, so that after a crash the rest is still valid.

        Raises:
            BackupUnusable: the storage fails.
        """
        self._contents, self._segments, self._cut = None, None, None
        self._pending, self._frames, self._batches = bytearray(), [], {}
        self.path.unlink(missing_ok=True)

    def _write_segment(self) -> None:
        with self._writing:
            with self._guard:
                segments, data = self._listed(), bytes(self._pending)
            if not data:
                return
            name = self.path.write_object(len(segments), data)
            with FrameReader(str(self.path), data) as reader:
                counted = Counter(Record.parse(frame.header, frame.body_length).tag for frame in reader)
            with self._guard:
                segments.append(name)
                self._batches[name] = counted
                del self._pending[: len(data)]

    def _listed(self) -> list[ObjectName]:
        if self._segments is None:
            self._segments, self._cut = find_segments(self.path)
        return self._segments


RecordLog: TypeAlias = RecordFile | SegmentFile
"""A file of records, on a disk or in a storage."""


def open_record_file(path: BackupPath, kinds: AbstractSet[str]) -> RecordLog:
    """Return the file of records at a path."""
    return SegmentFile(path, kinds) if isinstance(path, StoragePath) else RecordFile(path, kinds)


def find_segments(path: StoragePath) -> tuple[list[ObjectName], ObjectName | None]:
    """Return the segments of a file in order, and a last one that a crash cut short.

    Of several objects with the same number, that of the latest session counts; one of an earlier session than the
    segment before it was written by a process that had lost its lock, and does not count.

    Raises:
        BackupCorrupt: a segment is missing or was truncated.
    """
    objects = path.objects()
    segments: list[ObjectName] = []
    session = 0
    numbered: dict[int, list[ObjectName]] = {}
    for name in objects:
        numbered.setdefault(name.number, []).append(name)
    for number in range(max(numbered, default=-1) + 1):
        later = [name for name in numbered.get(number, ()) if name.session >= session]
        whole = max((name for name in later if objects[name]), key=lambda name: name.session, default=None)
        if whole is None:
            rest = [name for name in objects if name.number > number and name.session >= session]
            cut = max(later, default=None)
            if rest:
                missing = path.object_path(cut) if cut else f"{path}, its object {number:08}"
                what = "it was truncated" if cut else "it is missing, and objects with larger numbers are there"
                raise BackupCorrupt(missing, 0, what)
            return segments, cut
        segments.append(whole)
        session = whole.session
    return segments, None
