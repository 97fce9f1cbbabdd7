"""Splits and joins JSON paths that match one place.

Syntax: https://redis.io/docs/latest/develop/data-types/json/path/ . After a dot, Redis accepts ASCII letters, digits,
``_`` and ``-`` (tested with JSON 2.8). Every other name must be in brackets, in which there are no escapes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, TypeAlias

__all__ = ["Segments", "join_path", "split_path"]

Segments: TypeAlias = tuple[str | int, ...]
"""Names of members and positions in arrays, from the root."""

_STEP: Final = re.compile(
    r"""\.(?P<plain>[^.\[\]\s"'\\*?,()@]+)
      | \["(?P<double>[^"\\]*)"\]
      | \['(?P<single>[^'\\]*)'\]
      | \[(?P<at>-?\d+)\]""",
    re.VERBOSE,
)
_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]+")


def split_path(path: str) -> tuple[Segments, str]:
    """Split a path into segments.

    Args:
        path: a path as FT.CREATE or JSON.GET takes it, with or without ``$`` at its beginning.

    Returns:
        The segments up to the first wildcard, slice or filter; and the rest of the path from there, "" if there is
        none.
    """
    text = path[1:] if path.startswith("$") else path if path.startswith((".", "[")) else f".{path}"
    segments: list[str | int] = []
    end = 0
    while (step := _STEP.match(text, end)) is not None:
        number, names = step["at"], (step["plain"], step["double"], step["single"])
        segments.append(next(name for name in names if name is not None) if number is None else int(number))
        end = step.end()
    return tuple(segments), "" if text == "." else text[end:]


def join_path(segments: Sequence[str | int]) -> str:
    """Return the path of segments. Redis accepts no path for a name with a backslash or with both kinds of quotes."""
    return "$" + "".join(map(_spell, segments))


def _spell(segment: str | int) -> str:
    if isinstance(segment, int):
        return f"[{segment}]"
    if _PLAIN.fullmatch(segment):
        return f".{segment}"
    return f"['{segment}']" if '"' in segment else f'["{segment}"]'
