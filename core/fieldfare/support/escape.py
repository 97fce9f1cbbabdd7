"""Escapes control characters in text for a terminal.

Names of indexes, fields and keys are untrusted bytes. Written raw, a control sequence in one could move the cursor, or
reverse the rest of a line, so that it reads as something else.
"""

from __future__ import annotations

import codecs
import re
from random import SystemRandom
from typing import Final

__all__ = ["UNSHOWABLE", "escape_line", "escape_text", "style_sequence"]

UNSHOWABLE: Final = "fieldfare.unshowable"
"""The error handler of streams: what their encoding does not have is spelled out, an arrow as ``->``."""

SECRET: Final = str(SystemRandom().randrange(10**8, 10**9))
"""Tells the control sequences of this process from those in names, which are read from a server."""

STYLES: Final = rf"\x1b\[([0-9;]*);{SECRET}m"
"""Control sequences of our own output: bold, dim and colours."""

CONTROLS: Final = r"\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff"
IN_STYLED: Final = re.compile(rf"{STYLES}|[{CONTROLS}]")
IN_TEXT: Final = re.compile(rf"[{CONTROLS}]")
IN_LINE: Final = re.compile(rf"[{CONTROLS}\t\n]")


def escape_text(text: str, *, with_styles: bool = False) -> str:
    """Return text with control characters, and those that change the writing direction, escaped.

    Args:
        text: what is shown.
        with_styles: whether the sequences of :func:`style_sequence` stay.
    """
    if with_styles:
        return IN_STYLED.sub(lambda match: f"\x1b[{match[1]}m" if match[1] else _escaped(match[0]), text)
    return IN_TEXT.sub(lambda match: _escaped(match[0]), text)


def style_sequence(codes: str) -> str:
    """Return a control sequence for text that :func:`escape_text` is given; there it becomes one for a terminal.

    Args:
        codes: the codes of the styles, such as ``1;31``; ``0`` ends them.
    """
    return f"\x1b[{codes};{SECRET}m"


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
