"""A file of records, one per frame, to which records are appended."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from pathlib import Path

from fieldfare.backup.durable import sync_directory
from fieldfare.backup.frame import Block, Frame, FrameReader, encode_frame
from fieldfare.backup.record import Record
from fieldfare.backup.record_sequence import Contents, Place, SequenceCheck
from fieldfare.backup.safe_open import open_regular
from fieldfare.errors import BackupCorrupt, BackupUnusable
from fieldfare.support.fault_points import reach

__all__ = ["RecordFile"]


class RecordFile:
    """One file of records: one writer, any number of readers.

    Each append is passed to the operating system at once, so it survives if the process is killed. :meth:`sync` makes
    it survive a power cut. A missing file counts as an empty one.

    Args:
        path: the file.
        kinds: the kinds of records that the file may hold.
    """

    def __init__(self, path: Path, kinds: AbstractSet[str]) -> None:
        self.path = path
        self._kinds = kinds
        self._descriptor: int | None = None
        self._contents: Contents | None = None

    @property
    def contents(self) -> Contents:
        """What the file holds. Its headers are read for it once; appends are added.

        Raises:
            BackupCorrupt, BackupUnusable: as :meth:`read`.
        """
        if self._contents is None:
            found = Contents()
            for record, frame, _ in self.read():
                found.add(record, frame.end)
            self._contents = found
        return self._contents

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def end_path(self) -> Path:
        """What to name if the file is too short."""
        return self.path

    def read(
        self, tag: str | None = None, start: int = 0, place: Place | None = None
    ) -> Iterator[tuple[Record, Frame, FrameReader]]:
        """Iterate over the complete records. The bodies are not read; the reader can read them.

        Args:
            tag: records of other tags are not needed; None for all.
            start: nor are those of this tag with a smaller number.
            place: where to begin, of :meth:`places`; None for the start of the file.

        Raises:
            BackupCorrupt: a frame is damaged, or a frame between two others is missing.
            BackupUnusable: the file cannot be read.
        """
        del tag, start  # headers are read fast
        try:
            reader = FrameReader(self.path)
        except FileNotFoundError:
            return
        with reader:
            sequence = SequenceCheck(self._kinds)
            sequence.skip({"": place.passed} if place else {})
            for frame in reader.frames(place.offset if place else 0):
                yield sequence.next_record(reader, frame), frame, reader

    def places(self, numbers: Sequence[int]) -> list[Place]:
        """Return where to begin to read from each of these records, in the order of their numbers. All have the tag "".

        Raises:
            BackupCorrupt, BackupUnusable: as :meth:`read`.
        """
        wanted = set(numbers)
        return [
            Place(frame.offset, record.number)
            for record, frame, _ in self.read()
            if record.number in wanted and record.kind != "seal"
        ]

    def checksums(self) -> Iterator[tuple[str, int]]:
        """Iterate over the tags and checksums of all frames.

        Raises:
            BackupCorrupt, BackupUnusable: as :meth:`read`.
        """
        for record, frame, _ in self.read():
            yield record.tag, frame.checksum

    def check(self) -> Iterator[tuple[Record, Frame, bytes]]:
        """Iterate over all records with the bytes of their keys, and check every byte of the file.

        Raises:
            BackupCorrupt: a frame is damaged or missing, or the last one was cut short.
        """
        whole = size = 0
        for record, frame, reader in self.read():
            first, length = reader.check(frame), sum(record.keys)
            whole = frame.end
            yield record, frame, first[:length] if length <= len(first) else reader.start(frame, length)
        with suppress(FileNotFoundError):
            size = self.path.stat().st_size
        if whole < size:
            raise BackupCorrupt(self.path, whole, "the file ends in the middle of the frame")

    def append(self, record: Record, blocks: Sequence[Block]) -> None:
        """Write a record after the last complete one.

        Raises:
            BackupUnusable: it cannot be written; the file keeps its content.
        """
        descriptor = self.open()
        end = offset = self.contents.end
        try:
            reach("file.append:before")
            for piece in encode_frame(record.header, blocks):
                left = memoryview(piece).cast("B")
                while left:
                    written = os.pwrite(descriptor, left, offset)
                    offset, left = offset + written, left[written:]
                reach("file.append:middle")
        except BaseException as error:
            with suppress(OSError):
                os.ftruncate(descriptor, end)
            if isinstance(error, OSError):
                raise self._unwritable(error) from error
            raise
        self.contents.add(record, offset)
        reach("file.append:after")

    def open(self) -> int:
        """Open the file for appending, create it if necessary, and remove a last frame that a crash cut short.

        Raises:
            BackupCorrupt: a frame is damaged.
            BackupUnusable: the file cannot be written.
        """
        if self._descriptor is None:
            end = self.contents.end
            try:
                self._descriptor = open_regular(self.path, os.O_WRONLY | os.O_CREAT)
                os.ftruncate(self._descriptor, end)
            except OSError as error:
                raise self._unwritable(error) from error
        return self._descriptor

    def recover(self) -> None:
        """Remove a last frame that a crash cut short, and check every byte.

        Raises:
            BackupCorrupt: a frame is damaged.
            BackupUnusable: the file cannot be read or written.
        """
        if os.path.lexists(self.path):
            self.open()
            for _ in self.check():
                pass

    def sync(self) -> None:
        """Make the file's content and name durable, including records that a crashed process appended.

        Raises:
            BackupUnusable: the file cannot be synced.
        """
        if self._descriptor is None and not self.path.exists():
            return
        try:
            reach("file.sync:before")
            os.fsync(self.open())
            sync_directory(self.path.parent)
            reach("file.sync:after")
        except OSError as error:
            raise self._unwritable(error) from error

    def close(self) -> None:
        """Close the file; it can be used again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def remove(self) -> None:
        """Remove the file.

        Raises:
            BackupUnusable: it cannot be removed.
        """
        self.close()
        self._contents = None
        try:
            reach("file.remove:before")
            self.path.unlink(missing_ok=True)
            sync_directory(self.path.parent)
            reach("file.remove:after")
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> BackupUnusable:
        advice = "Make room or repair the disk, then run the same command."
        return BackupUnusable(self.path, f"the file cannot be written: {error.strerror}. {advice}")
