"""The output of the program: the result on stdout, everything else on stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from shutil import get_terminal_size
from textwrap import TextWrapper
from typing import Any, TextIO

from fieldfare.cli.escape import escape_line, escape_text
from fieldfare.errors import OutputLost

__all__ = ["bullets", "details", "notice", "replace_closed_streams", "show", "show_json", "table", "wrap"]


def show(text: str) -> None:
    """Write a result for people."""
    _write(sys.stdout, text)


def show_json(document: Mapping[str, Any]) -> None:
    """Write a result for machines; nothing else goes to stdout.

    Bytes that are not UTF-8 stay lone surrogates, escaped in ASCII.
    """
    _write(sys.stdout, json.dumps(document, indent=2, default=_plain))


def notice(text: str) -> None:
    """Write a message that is not the result."""
    _write(sys.stderr, text)


def bullets(title: str, lines: Sequence[str]) -> list[str]:
    """Return a titled list; no lines if it is empty. In a terminal they break between words."""
    return [title, *(wrap(f"- {line}", indent="  ") for line in lines)] if lines else []


def wrap(text: str, *, indent: str = "") -> str:
    """Return text whose lines are not wider than the terminal and do not break inside a word; elsewhere as it is.

    Args:
        text: one line or more.
        indent: of what a line goes on with.
    """
    if not sys.stdout.isatty():
        return text
    wrapper = TextWrapper(
        get_terminal_size().columns, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(wrapper.fill(line) for line in text.split("\n"))


def details(facts: Mapping[str, Any]) -> list[str]:
    """Return facts as lines with titles: a list of mappings as a table, a mapping as pairs, other values as text."""
    lines: list[str] = []
    for title, value in facts.items():
        if isinstance(value, (list, tuple)) and value and all(isinstance(each, dict) for each in value):
            headers = list(dict.fromkeys(key for each in value for key in each))
            rows = [[_cell(each.get(header)) for header in headers] for each in value]
            lines += [f"{title}:", table(headers, rows)]
        elif isinstance(value, dict):
            lines.append(f"{title}: " + ", ".join(f"{key} {_cell(each)}" for key, each in value.items()))
        else:
            lines.append(f"{title}: {_cell(value)}")
    return lines


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table: as wide as the terminal, elsewhere as wide as it needs."""
    from rich.console import Console  # noqa: PLC0415 - start-up time
    from rich.table import Table  # noqa: PLC0415 - start-up time
    from rich.text import Text  # noqa: PLC0415 - start-up time

    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for header in headers:
        grid.add_column(header, overflow="fold")
    for row in rows:
        grid.add_row(*(Text(escape_line(cell)) for cell in row))
    drawn, in_terminal = StringIO(), sys.stdout.isatty()
    Console(file=drawn, force_terminal=in_terminal or None, width=None if in_terminal else 1000).print(grid)
    return "\n".join(line.rstrip() for line in drawn.getvalue().splitlines())


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return str(value)


def replace_closed_streams() -> None:
    """Replace standard streams that were closed when this process started by the null device."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - for the whole process


def _write(stream: TextIO, text: str) -> None:
    """Write a line. A closed pipe does not change how the command ends.

    Raises:
        OutputLost: the result cannot be written. Lost messages are ignored.
    """
    try:
        stream.write(escape_text(text) + "\n")
        stream.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        if stream is sys.stdout and not isinstance(error, BrokenPipeError):
            raise OutputLost(error.strerror or str(error)) from error
