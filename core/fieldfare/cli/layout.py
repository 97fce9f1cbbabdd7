"""Text in lines that fit a terminal: wrapped between words, in tables, in columns, as commands."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Sequence
from shutil import get_terminal_size
from typing import Final, TextIO
from unicodedata import combining, east_asian_width

from fieldfare.cli.escape import escape_line
from fieldfare.cli.styles import strip, styled

__all__ = ["command_lines", "command_text", "facts", "table", "text_width", "width_of", "wrap_text"]

GAP: Final = "  "
"""Between two columns of a table; in a narrow terminal one blank."""

HANGING: Final = re.compile(r"^ *(?:[-+~!] |\d+\. )?")
"""What a line starts with, below which its continuation begins."""

RowStyle = Callable[[Sequence[str]], str]
"""Returns the style of a row of a table: ``red``; "" for none."""


def width_of(stream: TextIO) -> int | None:
    """Return the columns of a terminal; None for a stream that is none, whose lines may be of any length."""
    if not stream.isatty():
        return None
    if os.environ.get("COLUMNS", "").isdecimal():
        return get_terminal_size().columns
    try:
        return os.get_terminal_size(stream.fileno()).columns or get_terminal_size().columns
    except (OSError, ValueError):  # a terminal that says nothing, or a stream of a test
        return get_terminal_size().columns


def text_width(text: str) -> int:
    """Return how many columns a line takes in a terminal."""
    shown = strip(text) if "\x1b" in text else text
    if shown.isascii():
        return len(shown)
    return sum(0 if combining(each) else 2 if east_asian_width(each) in "WF" else 1 for each in shown)


def wrap_text(text: str, width: int | None, indent: str | None = None) -> str:
    """Return text whose lines break between words. A word that is wider than a line stays in one piece.

    Args:
        text: one line or more.
        width: in columns; None for lines of any length.
        indent: of the lines that continue another; by default below the text of a bullet, or of an indented line.
    """
    if width is None:
        return text
    return "\n".join(_wrap_line(line, width, indent) for line in text.split("\n"))


def command_text(label: str, command: str, stream: TextIO | None = None) -> str:
    r"""Return a label and a command on one line; where that is too wide for the terminal, with ``\`` between lines."""
    return "\n".join(command_lines(label, command, width_of(sys.stdout if stream is None else stream)))


def command_lines(label: str, command: str, width: int | None) -> list[str]:
    r"""Return a label and a command as lines of this width: all but the last end with ``\``; None for one line."""
    line = f"{label} {command}".strip()
    return [line] if width is None or text_width(line) <= width else _continued(label, command, width)


def facts(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Return names and values as lines, with the values below each other."""
    start = max((text_width(name) for name, _ in pairs), default=0) + 2
    width = width_of(sys.stdout)
    return [wrap_text(f"{name + ':':<{start}}{value}", width, " " * start) for name, value in pairs]


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], style: RowStyle | None = None) -> str:
    """Return a table: not wider than the terminal, elsewhere as wide as it needs.

    Cells break between words. Where even that is too wide, every row becomes lines of a header and a value.

    Args:
        headers: of the columns.
        rows: their cells.
        style: of a row.
    """
    cells = [[escape_line(cell) for cell in row] for row in rows]
    width = width_of(sys.stdout)
    for gap in (GAP, " "):
        widths = _column_widths([list(headers), *cells], width, len(gap))
        if widths is not None:
            lines = [styled(line, "bold") for line in _row_lines(headers, widths, gap)]
            for row in cells:
                lines += [styled(line, style(row) if style else "") for line in _row_lines(row, widths, gap)]
            return "\n".join(lines)
    records = [facts([(header, cell) for header, cell in zip(headers, row, strict=True) if cell]) for row in cells]
    return "\n\n".join("\n".join(lines) for lines in records)


def _wrap_line(line: str, width: int, indent: str | None) -> str:
    if text_width(line) <= width:
        return line
    start = HANGING.match(strip(line))
    hanging = " " * (len(start[0]) if start else 0) if indent is None else indent
    lines, current = [], ""
    for piece in re.split(r"(?<=\S)( +)(?=\S)", line):  # words, and the blanks between them
        if current and piece.strip() and text_width(current + piece) > width:
            lines.append(current.rstrip())
            current = hanging
        current += piece if piece.strip() or current != hanging else ""
    return "\n".join([*lines, current.rstrip()])


def _column_widths(rows: Sequence[Sequence[str]], width: int | None, gap: int) -> list[int] | None:
    """Return the widths of the columns of a table; None if it cannot be as narrow without breaking a word."""
    columns = list(zip(*rows, strict=True))
    natural = [max(map(text_width, column)) for column in columns]
    if width is None:
        return natural
    least = [max(text_width(word) for cell in column for word in [*cell.split(" "), ""]) for column in columns]
    room = width - gap * (len(columns) - 1)
    if sum(least) > room:
        return None
    while sum(natural) > room:
        widest = max((index for index in range(len(natural)) if natural[index] > least[index]), key=natural.__getitem__)
        natural[widest] -= 1
    return natural


def _row_lines(cells: Sequence[str], widths: Sequence[int], gap: str) -> list[str]:
    parts = [wrap_text(cell, width, "").split("\n") for cell, width in zip(cells, widths, strict=True)]
    lines = []
    for number in range(max(map(len, parts), default=0)):
        shown = [each[number] if number < len(each) else "" for each in parts]
        padded = [cell + " " * (width - text_width(cell)) for cell, width in zip(shown, widths, strict=True)]
        lines.append(gap.join(padded).rstrip())
    return lines


def _continued(label: str, command: str, width: int) -> list[str]:
    pieces: list[str] = []
    for word in command.split(" "):
        if pieces and not word.startswith("-") and pieces[-1].startswith("-"):
            pieces[-1] += f" {word}"  # an option with its value
        else:
            pieces.append(word)
    lines = [f"{label} {pieces[0]}".strip()]
    for piece in pieces[1:]:
        if text_width(f"{lines[-1]} {piece} \\") <= width:
            lines[-1] += f" {piece}"
        else:
            lines.append(f"    {piece}")
    return [f"{each} \\" for each in lines[:-1]] + lines[-1:]
