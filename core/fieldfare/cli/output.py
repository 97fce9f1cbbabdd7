"""The output of the program: the result on stdout, everything else on stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from fieldfare.cli.layout import details, table, width_of
from fieldfare.cli.styles import has_colours, highlighted
from fieldfare.errors import OutputLost
from fieldfare.support.escape import escape_text
from fieldfare.support.text_layout import bullets, wrap_text

__all__ = ["bullets", "details", "notice", "replace_closed_streams", "show", "show_json", "table"]


def show(text: str) -> None:
    """Write a result for people. In a terminal its lines break between words, and its labels have colours."""
    _write(sys.stdout, _laid_out(text, sys.stdout))


def show_json(document: Mapping[str, Any]) -> None:
    """Write a result for machines; nothing else goes to stdout.

    Bytes that are not UTF-8 stay lone surrogates, escaped in ASCII.
    """
    _write(sys.stdout, escape_text(json.dumps(document, indent=2, default=_plain)))


def notice(text: str) -> None:
    """Write a message that is not the result, as :func:`show` does."""
    _write(sys.stderr, _laid_out(text, sys.stderr))


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


def _laid_out(text: str, stream: TextIO) -> str:
    escaped = escape_text(highlighted(text, stream), with_styles=has_colours(stream))
    return wrap_text(escaped, width_of(stream))


def _write(stream: TextIO, text: str) -> None:
    """Write a line. A closed pipe does not change how the command ends.

    Raises:
        OutputLost: the result cannot be written. Lost messages are ignored.
    """
    try:
        stream.write(text + "\n")
        stream.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        if stream is sys.stdout and not isinstance(error, BrokenPipeError):
            raise OutputLost(error.strerror or str(error)) from error
