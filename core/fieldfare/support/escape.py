"""Escapes control characters in text for a terminal.

Names of indexes, fields and keys are untrusted bytes. Written raw, a control sequence in one could move the cursor, or
reverse the rest of a line, so that it reads as something else.
"""

from __future__ import annotations

import codecs
import re
from typing import Final

__all__ = ["UNSHOWABLE", "escape_line", "escape_text"]

UNSHOWABLE: Final = "fieldfare.unshowable"
"""The error handler of streams: what their encoding does not have is spelled out, an arrow as ``->``."""

STYLES: Final = r"\x1b\[(?:0|(?:[12]|3[1-6])(?:;(?:[12]|3[1-6]))*)m"
"""Control sequences of our own output: bold, dim and colours."""

CONTROLS: Final = r"\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff"
IN_STYLED: Final = re.compile(rf"({STYLES})|[{CONTROLS}]")
IN_TEXT: Final = re.compile(rf"[{CONTROLS}]")
IN_LINE: Final = re.compile(rf"[{CONTROLS}\t\n]")


def escape_text(text: str, *, with_styles: bool = False) -> str:
    """Return text with control characters, and those that change the writing direction, escaped.

    Args:
        text: what is shown.
        with_styles: whether colours and bold stay: they do nothing else.
    """
    if with_styles:
        return IN_STYLED.sub(lambda match: match[1] or _escaped(match[0]), text)
    return IN_TEXT.sub(lambda match: _escaped(match[0]), text)


def escape_line(text: str) -> str:
    """Return text for a table cell or a progress bar: line breaks, tabs and bold are escaped, too."""
    return IN_LINE.sub(lambda match: _escaped(match[0]), text)


def _escaped(character: str) -> str:
    return character.encode("ascii", "backslashreplace").decode() if character > "\x7f" else repr(character)[1:-1]


def _spell_out(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].replace("→", "->")
    return text.encode("ascii", "backslashreplace").decode(), error.end


codecs.register_error(UNSHOWABLE, _spell_out)
