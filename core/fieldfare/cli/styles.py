"""Colours and bold for a terminal: none elsewhere, or with NO_COLOR."""

from __future__ import annotations

import os
import re
import sys
from functools import partial
from typing import Final, TextIO

from fieldfare.support.escape import style_sequence

__all__ = ["has_colours", "highlighted", "styled", "with_marks"]

CODES: Final = {"bold": "1", "red": "31", "green": "32", "yellow": "33", "cyan": "36", "dim": "2"}
MARKED: Final = re.compile(r"^  ([-+~!]) .*", re.MULTILINE)
MARKS: Final = {"+": "green", "-": "red", "~": "yellow", "!": "bold red"}
"""What a line about a change starts with → its style."""

LABELS: Final = (
    (re.compile(r"^(Errors?|Failed)(?=:)", re.MULTILINE), "bold red"),
    (re.compile(r"^(Warning|Warnings)(?=:)", re.MULTILINE), "yellow"),
    (re.compile(r"^(Next|To (?:roll back|resume|finalize|switch|sync))(?=: )", re.MULTILINE), "cyan"),
)


def has_colours(stream: TextIO | None = None) -> bool:
    """Whether a stream, stdout if left out, is a terminal that shows colours, and the user wants them."""
    shown = sys.stdout if stream is None else stream
    return shown.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def styled(text: str, style: str, stream: TextIO | None = None) -> str:
    """Return text in styles such as ``bold red``; as it is where the stream, stdout if left out, has no colours.

    The text is for :func:`fieldfare.cli.output.show` or ``notice``, which escape all other control sequences.
    """
    codes = ";".join(CODES[each] for each in style.split())
    return f"{style_sequence(codes)}{text}{style_sequence('0')}" if codes and text and has_colours(stream) else text


def highlighted(text: str, stream: TextIO) -> str:
    """Return text with the labels at the start of its lines in colour: errors red, warnings yellow."""
    if has_colours(stream):
        for pattern, style in LABELS:
            text = pattern.sub(partial(_label, style, stream), text)
    return text


def with_marks(text: str, stream: TextIO) -> str:
    """Return text about changes in colour: what is added green, changed yellow, removed or blocked red."""
    if not has_colours(stream):
        return text
    return MARKED.sub(lambda match: styled(match[0], MARKS[match[1]], stream), text)


def _label(style: str, stream: TextIO, match: re.Match[str]) -> str:
    return styled(match[0], style, stream)
