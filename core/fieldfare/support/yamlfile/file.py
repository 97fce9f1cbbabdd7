"""The content of a YAML file with line numbers, and its problems. Data only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

from attrs import field, frozen

from fieldfare.errors import FileError

__all__ = ["Location", "Problem", "YamlFile", "show"]

Location: TypeAlias = tuple[str | int, ...]
"""The path to a value: ``("changes", "add_fields", 0, "type")``."""

Problem: TypeAlias = tuple[Location, str]
"""The location of a problem, and a message."""

MAX_PROBLEMS: Final = 200  # in one message


@frozen(hash=False)
class YamlFile:
    """A YAML mapping and the line of each of its values.

    Attributes:
        path: the path of the file.
        data: plain values only: mappings with text keys, lists, text, numbers, booleans, None.
        lines: location → line number, from 1.
    """

    path: str
    data: dict[str, Any]
    lines: Mapping[Location, int] = field(factory=dict, repr=False)

    def line(self, location: Location) -> int | None:
        """Return the line of a value, or of the closest enclosing value that has one."""
        while location not in self.lines and location:
            location = location[:-1]
        return self.lines.get(location)

    def error(self, problems: Iterable[Problem]) -> FileError:
        """Return the error that reports all problems, in the order of the file."""
        placed = sorted((self.line(location) or 0, show(location), message) for location, message in problems)
        lines = [_sentence(line, where, message) for line, where, message in placed]
        if len(lines) > MAX_PROBLEMS:
            lines[MAX_PROBLEMS:] = [f"and {len(lines) - MAX_PROBLEMS} more"]
        return FileError(self.path, lines)


def show(location: Location) -> str:
    """Return a location as text: ``changes.add_fields[0].type``."""
    shown = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return shown.removeprefix(".")


def _sentence(line: int, where: str, message: str) -> str:
    return ": ".join(part for part in (f"line {line}" if line else "", where, message) if part)
