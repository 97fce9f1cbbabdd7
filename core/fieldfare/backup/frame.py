"""Frames: the unit in which backup files are written, checked and skipped.

A file is a sequence of frames and nothing else. All numbers are little-endian::

    offset  bytes  what
         0      4  magic, b"FFB1"
         4      4  length of the header, at most 16 MiB
         8      8  length of the body, at most 2 GiB
        16      4  CRC-32 of the header
        20      4  CRC-32 of the body
        24      4  CRC-32 of the 24 bytes above
        28         header: one msgpack map (see ``record``)
                   body: raw bytes

With three checksums a reader can check lengths and headers while it skips bodies, and can distinguish a frame that a
crash cut short (valid lengths, file too short) from a damaged one. Only the last frame can be cut short. It is ignored,
and the next append overwrites it.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO, Final, Self, TypeAlias
from zlib import crc32

import msgpack
from attrs import frozen

from fieldfare.backup.safe_open import open_regular
from fieldfare.errors import BackupCorrupt, BackupUnusable

__all__ = ["Block", "Frame", "FrameReader", "TooLarge", "checksum_of", "encode_frame"]

MAGIC: Final = b"FFB1"
PRELUDE: Final = struct.Struct("<4sIQIII")
LONGEST_HEADER: Final = 16 * 2**20
LONGEST_BODY: Final = 2 * 2**30
PIECE: Final = 2**20
MOST_CONTAINERS: Final = 100_000  # two for each field of a document

Block: TypeAlias = bytes | bytearray | memoryview


class TooLarge(ValueError):
    """A batch is larger than a reader would accept."""


@frozen(hash=False)
class Frame:
    """A frame whose body has not been read.

    Attributes:
        header: what the frame says about its body.
        offset: the byte of the file at which the frame starts.
        body_offset: the byte of the file at which its body starts.
        body_length: bytes of the body.
        body_checksum: CRC-32 that the body must have.
        checksum: CRC-32 over lengths and checksums of header and body: another frame has another one.
    """

    header: Mapping[str, Any]
    offset: int
    body_offset: int
    body_length: int
    body_checksum: int
    checksum: int

    @property
    def end(self) -> int:
        """The byte of the file at which the next frame starts."""
        return self.body_offset + self.body_length


def encode_frame(header: Mapping[str, Any], blocks: Sequence[Block]) -> list[Block]:
    """Return the bytes of a frame as a list of pieces; the blocks are not copied.

    Raises:
        TooLarge: the frame is longer than a reader accepts.
    """
    packed = msgpack.packb(dict(header), unicode_errors="surrogateescape")
    length = sum(len(block) for block in blocks)
    if len(packed) > LONGEST_HEADER or length > LONGEST_BODY:
        raise TooLarge(f"a batch of {len(packed) + length} bytes is too large")
    checksum = 0
    for block in blocks:
        checksum = crc32(block, checksum)
    prelude = PRELUDE.pack(MAGIC, len(packed), length, crc32(packed), checksum, 0)[:-4]
    return [prelude + crc32(prelude).to_bytes(4, "little") + packed, *blocks]


def checksum_of(piece: Block) -> int:
    """Return the checksum of a frame from its first piece, as :func:`encode_frame` made it."""
    return int(PRELUDE.unpack_from(piece)[-1])


def unpack_header(packed: bytes) -> Any:
    """Unpack a header. The number of lists and maps is limited, so that a hostile header cannot use much memory.

    Raises:
        ValueError: it is not a header, or has too many lists and maps.
    """
    containers = count(1)

    def admit(container: Any) -> Any:
        if next(containers) > MOST_CONTAINERS:
            raise ValueError(f"it holds more than {MOST_CONTAINERS} lists and maps")
        return container

    return msgpack.unpackb(packed, unicode_errors="surrogateescape", list_hook=admit, object_hook=admit)


class FrameReader:
    """Reads the frames of one file, up to the length that it has when it is opened. A context manager.

    Attributes:
        path: the file; what messages name.
        size: its length in bytes.
        whole: offset of the end of the last complete frame read so far.

    Raises:
        FileNotFoundError: the file does not exist.
        BackupUnusable: the file cannot be read, or is not a regular file.
    """

    def __init__(self, path: Path | str, data: bytes | None = None) -> None:
        self.path = path
        self.whole = 0
        self._file: BinaryIO
        if data is not None:  # an object of a storage
            self._file, self.size = BytesIO(data), len(data)
            return
        try:
            self._file = os.fdopen(open_regular(Path(path), os.O_RDONLY), "rb")
        except FileNotFoundError:
            raise
        except OSError as error:
            raise BackupUnusable(path, f"the file cannot be read: {error.strerror}") from error
        self.size = self._file.seek(0, 2)

    def __enter__(self) -> Self:
        """Return the reader."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._file.close()

    def __iter__(self) -> Iterator[Frame]:
        """Iterate over the complete frames from the start, without reading a body: as :meth:`frames`."""
        return self.frames()

    def frames(self, offset: int = 0) -> Iterator[Frame]:
        """Iterate over the complete frames from one that starts at ``offset``, without reading a body.

        Raises:
            BackupCorrupt: a frame is damaged, or none starts there.
        """
        self.whole = offset
        while (frame := self._frame(self.whole)) is not None:
            self.whole = frame.end
            yield frame

    def body(self, frame: Frame) -> bytes:
        """Read a frame's body.

        Raises:
            BackupCorrupt: the body is damaged.
        """
        body = self._read(frame.body_offset, frame.body_length)
        self._require(frame, len(body), crc32(body))
        return body

    def start(self, frame: Frame, length: int) -> bytes:
        """Read the first bytes of a frame's body, without checking its checksum."""
        return self._read(frame.body_offset, min(length, frame.body_length))

    def check(self, frame: Frame) -> bytes:
        """Read a frame's body in pieces and check its checksum; return the first piece.

        Raises:
            BackupCorrupt: the body is damaged.
        """
        first = piece = self._read(frame.body_offset, min(frame.body_length, PIECE))
        done, checksum = len(piece), crc32(piece)
        while piece and done < frame.body_length:
            piece = self._read(frame.body_offset + done, min(frame.body_length - done, PIECE))
            done += len(piece)
            checksum = crc32(piece, checksum)
        self._require(frame, done, checksum)
        return first

    def _read(self, offset: int, length: int) -> bytes:
        try:
            self._file.seek(offset)
            return self._file.read(length)
        except OSError as error:
            raise BackupUnusable(self.path, f"the file cannot be read: {error.strerror}") from error

    def _require(self, frame: Frame, length: int, checksum: int) -> None:
        if length != frame.body_length:
            raise BackupCorrupt(self.path, frame.offset, "the file became shorter while it was read, in the frame")
        if checksum != frame.body_checksum:
            raise BackupCorrupt(self.path, frame.offset, "the data's checksum does not match in the frame")

    def _frame(self, offset: int) -> Frame | None:
        prelude = self._read(offset, PRELUDE.size)
        if len(prelude) < PRELUDE.size:
            return None
        magic, header_length, body_length, header_checksum, body_checksum, checksum = PRELUDE.unpack(prelude)
        if magic != MAGIC or crc32(prelude[:-4]) != checksum:
            raise BackupCorrupt(self.path, offset, "there is no valid frame")
        if header_length > LONGEST_HEADER or body_length > LONGEST_BODY:
            reason = f"a frame claims a header of {header_length} bytes and a body of {body_length} bytes"
            raise BackupCorrupt(self.path, offset, reason)
        body_offset = offset + PRELUDE.size + header_length
        if body_offset + body_length > self.size:
            return None
        packed = self._read(offset + PRELUDE.size, header_length)
        if crc32(packed) != header_checksum:
            raise BackupCorrupt(self.path, offset, "the header's checksum does not match in the frame")
        return Frame(self._header(packed, offset), offset, body_offset, body_length, body_checksum, checksum)

    def _header(self, packed: bytes, offset: int) -> dict[str, Any]:
        try:
            header = unpack_header(packed)
        except (ValueError, TypeError, msgpack.UnpackException) as error:
            raise BackupCorrupt(self.path, offset, f"the header cannot be read ({error}) in the frame") from error
        if not isinstance(header, dict):
            raise BackupCorrupt(self.path, offset, "the header is not a map in the frame")
        return header
