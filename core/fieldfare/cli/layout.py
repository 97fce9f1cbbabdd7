"""Text that fits the terminal of this process; elsewhere lines are as long as they need to be."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from shutil import get_terminal_size
from typing import Any, TextIO

from fieldfare.cli.styles import styled
from fieldfare.support import text_layout

__all__ = ["command_text", "details", "facts", "table", "table_style", "width_of"]

RowStyle = Callable[[Sequence[str]], str]
"""Returns the style of a row of a table: ``red``; "" for none."""


def width_of(stream: TextIO) -> int | None:
    """Return the columns of a terminal; None for a stream that is none."""
    if not stream.isatty():
        return None
    if os.environ.get("COLUMNS", "").isdecimal():
        return get_terminal_size().columns
    try:
        return os.get_terminal_size(stream.fileno()).columns or get_terminal_size().columns
    except (OSError, ValueError):  # a terminal that says nothing, or a stream of a test
        return get_terminal_size().columns


def command_text(label: str, command: str) -> str:
    r"""Return a label and a command on one line; where that is too wide for the terminal, with ``\`` between lines."""
    return "\n".join(text_layout.command_lines(label, command, width_of(sys.stdout)))


def facts(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Return names and values as lines, with the values below each other."""
    return text_layout.facts(pairs, width_of(sys.stdout))


def details(values: Mapping[str, Any]) -> list[str]:
    """Return facts as lines with titles: a list of mappings as a table, a mapping as pairs, other values as text."""
    return text_layout.details(values, width_of(sys.stdout), table_style)


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], style: RowStyle | None = None) -> str:
    """Return a table: not wider than the terminal; ``style`` gives that of a row."""
    return text_layout.table(headers, rows, width_of(sys.stdout), partial(_line, style))


def table_style(line: str, row: Sequence[str] | None) -> str:
    """Return a line of a table with the headers in bold."""
    return _line(None, line, row)


def _line(style: RowStyle | None, line: str, row: Sequence[str] | None) -> str:
    if row is None:
        return styled(line, "bold")
    return styled(line, style(row)) if style else line
