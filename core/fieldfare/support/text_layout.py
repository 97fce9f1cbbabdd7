"""Text in lines that fit a width: wrapped between words, in tables, in columns, as commands. Pure functions.

A width is a number of columns, or None for lines of any length.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from unicodedata import combining, east_asian_width

from fieldfare.support.escape import escape_line

__all__ = ["STYLES", "bullets", "command_lines", "details", "facts", "table", "text_width", "wrap_text"]

STYLES: Final = re.compile(r"\x1b\[[0-9;]*m")
"""Control sequences of colours and bold, which take no room."""

GAPS: Final = ("  ", " ")
"""Between two columns of a table: where two blanks are too much, one."""

PIECES: Final = re.compile(r"(?<=\S)( +)(?=\S)(?!(?<=[0-9] )(?:ms|s|min|h|bytes|[KMGT]B)(?![^\s.,;:)]))")
"""Blanks between words, but for the one between a number and its unit."""

HANGING: Final = re.compile(r"^ *(?:[-+~!] |\d+\. )?")
"""What a line starts with, below which its continuation begins."""

Style = Callable[[str, Sequence[str] | None], str]
"""Returns a line of a table in its style; the cells of its row, None for the headers."""


def text_width(text: str) -> int:
    """Return how many columns a line takes in a terminal."""
    shown = STYLES.sub("", text) if "\x1b" in text else text
    if shown.isascii():
        return len(shown)
    return sum(0 if combining(each) else 2 if east_asian_width(each) in "WF" else 1 for each in shown)


def wrap_text(text: str, width: int | None, indent: str | None = None) -> str:
    """Return text whose lines break between words. A word that is wider than a line stays in one piece.

    Args:
        text: one line or more.
        width: the width of a line.
        indent: of the lines that continue another; by default below the text of a bullet, or of an indented line.
    """
    if width is None:
        return text
    return "\n".join(_wrap_line(line, width, indent) for line in text.split("\n"))


def bullets(title: str, lines: Sequence[str]) -> list[str]:
    """Return a titled list; no lines if it is empty."""
    return [title, *("- " + line.replace("\n", "\n  ") for line in lines)] if lines else []


def facts(pairs: Sequence[tuple[str, str]], width: int | None) -> list[str]:
    """Return names and values as lines, with the values below each other."""
    start = max((text_width(name) for name, _ in pairs), default=0) + 2
    return [wrap_text(f"{name + ':':<{start}}{value}", width, " " * start) for name, value in pairs]


def details(facts: Mapping[str, Any], width: int | None, style: Style | None = None) -> list[str]:
    """Return facts as lines with titles: a list of mappings as a table, a mapping as pairs, other values as text."""
    lines: list[str] = []
    for title, value in facts.items():
        if isinstance(value, (list, tuple)) and value and all(isinstance(each, dict) for each in value):
            keys = list(dict.fromkeys(key for each in value for key in each))
            rows = [[_cell(each.get(key)) for key in keys] for each in value]
            lines += [f"{title}:", table([key.replace("_", " ") for key in keys], rows, width, style)]
        elif isinstance(value, dict):
            lines.append(f"{title}: " + ", ".join(f"{key} {_cell(each)}" for key, each in value.items()))
        else:
            lines.append(f"{title}: {_cell(value)}")
    return lines


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], width: int | None, style: Style | None = None) -> str:
    """Return a table. Cells break between words.

    Where even that is too wide, every row becomes lines of a header and a value; a cell without a header is a line.

    Args:
        headers: the headers of the columns.
        rows: their cells.
        width: the width of a line.
        style: the style of its lines.
    """
    cells = [[escape_line(cell) for cell in row] for row in rows]
    for gap in GAPS:
        widths = _column_widths([list(headers), *cells], width, len(gap))
        if widths is not None:
            lines = []
            for row, kept in [(list(headers), None), *((row, row) for row in cells)]:
                drawn = _row_lines(row, widths, gap)
                lines += [style(line, kept) for line in drawn] if style else drawn
            return "\n".join(lines)
    return "\n\n".join("\n".join(_record_lines(headers, row, width)) for row in cells)


def command_lines(label: str, command: str, width: int | None) -> list[str]:
    r"""Return a label and a command as lines, all but the last of which end with ``\``."""
    line = f"{label} {command}".strip()
    return [line] if width is None or text_width(line) <= width else _continued(label, command, width)


def _wrap_line(line: str, width: int, indent: str | None) -> str:
    if text_width(line) <= width:
        return line
    start = HANGING.match(STYLES.sub("", line))
    hanging = " " * (len(start[0]) if start else 0) if indent is None else indent
    lines, current, room = [], "", width - len(hanging)
    for piece in PIECES.split(line):  # words, and the blanks between them
        if current and piece.strip() and text_width(current + piece) > width and not _stays(current, piece, room):
            lines.append(current.rstrip())
            current = hanging
        current += piece if piece.strip() or current != hanging else ""
    return "\n".join([*lines, current.rstrip()])


def _stays(current: str, word: str, room: int) -> bool:
    """Whether a word stays behind the only label of its line, because it fits no line."""
    label = current.strip()
    return label.endswith(":") and " " not in label and text_width(word) > room


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


def _record_lines(headers: Sequence[str], row: Sequence[str], width: int | None) -> list[str]:
    filled = [(header, cell) for header, cell in zip(headers, row, strict=True) if cell]
    return [*(cell for header, cell in filled if not header), *facts([each for each in filled if each[0]], width)]


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


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)
