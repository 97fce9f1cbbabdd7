"""JSON paths that lead to one place, taken apart and put together.

Syntax: https://redis.io/docs/latest/develop/data-types/json/path/ . What Redis takes behind a dot was tried on
JSON 2.8: ASCII letters, digits, ``_`` and ``-``; every other name goes into brackets, which know no escapes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, TypeAlias

__all__ = ["Segments", "join_path", "split_path"]

Segments: TypeAlias = tuple[str | int, ...]
"""Names of members and positions in arrays, from the root on."""

_STEP: Final = re.compile(
    r"""\.(?P<plain>[^.\[\]\s"'\\*?,()@]+)
      | \["(?P<double>[^"\\]*)"\]
      | \['(?P<single>[^'\\]*)'\]
      | \[(?P<at>-?\d+)\]""",
    re.VERBOSE,
)
_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]+")


def split_path(path: str) -> tuple[Segments, str]:
    """Take a path apart.

    Args:
        path: as FT.CREATE and JSON.GET take it, with or without ``$`` at its beginning.

    Returns:
        The beginning that leads to one place, and the rest from the first wildcard, slice or filter on;
        "" if the whole path leads to one place.
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
    """Return the path to a place. A name with a backslash, or both kinds of quotes, has none that Redis takes."""
    return "$" + "".join(map(_spell, segments))


def _spell(segment: str | int) -> str:
    if isinstance(segment, int):
        return f"[{segment}]"
    if _PLAIN.fullmatch(segment):
        return f".{segment}"
    return f"['{segment}']" if '"' in segment else f'["{segment}"]'
