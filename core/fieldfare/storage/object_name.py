"""The name of an object says what it holds, so that a listing shows which objects are complete.

``<series>-<number>-<session>-<length>-<checksum>``, such as ``0001-00000007-0003-8388608-0f1e2d3c4b5a6978``:

- the series goes up when a backup is set aside: objects of an earlier one are never read again;
- the number counts the segments of a file of records, or the versions of a small file, from 0;
- the session goes up with every process that writes to the backup. Of two objects with the same number, that of the
  later session counts: a process that lost its lock cannot replace what its successor wrote;
- the length is in bytes; the checksum is the BLAKE2b of the content, 8 bytes in hexadecimal digits.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final, Self

from attrs import frozen

__all__ = ["ObjectName"]

FORM: Final = re.compile(r"(\d{4,})-(\d{8,})-(\d{4,})-(\d+)-([0-9a-f]{16})")


@frozen(order=True)
class ObjectName:
    """What an object holds. Ordered by series, number and session.

    Attributes:
        series: which backup of the index.
        number: position in its file.
        session: which process wrote it.
        length: bytes.
        checksum: of the content.
    """

    series: int
    number: int
    session: int
    length: int
    checksum: str

    @classmethod
    def of(cls, data: bytes, *, series: int, number: int, session: int) -> Self:
        """Return the name of an object with this content."""
        return cls(series, number, session, len(data), _checksum(data))

    @classmethod
    def parse(cls, name: str) -> Self | None:
        """Read a name; None if fieldfare did not write it."""
        match = FORM.fullmatch(name)
        if match is None:
            return None
        series, number, session, length, checksum = match.groups()
        return cls(int(series), int(number), int(session), int(length), checksum)

    def __str__(self) -> str:
        """Return the name."""
        return f"{self.series:04}-{self.number:08}-{self.session:04}-{self.length}-{self.checksum}"

    def matches(self, data: bytes) -> bool:
        """Whether this is the content that the object was written with."""
        return len(data) == self.length and _checksum(data) == self.checksum


def _checksum(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=8).hexdigest()
