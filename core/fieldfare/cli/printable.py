"""Text that a terminal shows as it is, whoever chose the names in it.

Names of indexes, fields and keys are bytes that anybody may have chosen. Written raw, a control sequence in one could
move the cursor, or turn the rest of a line round, so that it reads as something else.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["one_line", "printable"]

BOLD: Final = r"\x1b\[[01]m"
"""What our own tables are written with."""

CONTROLS: Final = r"\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff"
IN_TEXT: Final = re.compile(rf"({BOLD})|[{CONTROLS}]")
IN_LINE: Final = re.compile(rf"[{CONTROLS}\t\n]")


def printable(text: str) -> str:
    """Return text with control characters, and those that change the direction of writing, spelled out."""
    return IN_TEXT.sub(lambda match: match[1] or _spelled(match[0]), text)


def one_line(text: str) -> str:
    """Return text without line breaks and tabs, too, and not in bold: what stands in a cell or beside a bar."""
    return IN_LINE.sub(lambda match: _spelled(match[0]), text)


def _spelled(character: str) -> str:
    return character.encode("ascii", "backslashreplace").decode() if character > "\x7f" else repr(character)[1:-1]
