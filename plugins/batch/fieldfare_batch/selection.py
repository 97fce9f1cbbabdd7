"""Selecting the indexes of a batch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from fieldfare.errors import FileError, PreconditionError, UsageError
from fieldfare.support.bounded_read import read_bounded

__all__ = ["read_names", "select_indexes"]

LARGEST: Final = 2 * 2**20
MOST_PROBLEMS: Final = 200
COMMENT: Final = re.compile(r"(^|\s)#.*")
"""A name may contain ``#``, as in ``{tag}#1``: a comment starts at the beginning of a line or after a space."""


def select_indexes(
    live: Sequence[str],
    *,
    pattern: str | None = None,
    indexes: Sequence[str] | None = None,
    indexes_file: Path | str | None = None,
) -> tuple[str, ...]:
    """Return the names of the selected indexes, each once.

    Args:
        live: the indexes of the server.
        pattern: a shell pattern: ``*_idx``.
        indexes: names, also of indexes that do not exist.
        indexes_file: a file of names, one per line; ``#`` starts a comment.

    Raises:
        UsageError: none or several of the arguments are given; or no name at all.
        PreconditionError: no index matches the pattern.
        FileError: the file cannot be read.
    """
    if sum(each is not None for each in (pattern, indexes, indexes_file)) != 1:
        raise UsageError("Give exactly one of --pattern, --indexes and --indexes-file. Nothing was written.")
    if pattern is not None:
        found = tuple(name for name in live if fnmatchcase(name, pattern))
        if not found:
            known = ", ".join(live) or "none"
            raise PreconditionError(
                f"No index matches the pattern {pattern!r}. Nothing was written. Existing indexes: {known}."
            )
        return found
    names = read_names(Path(indexes_file)) if indexes_file is not None else _unique(indexes or ())
    if not names:
        raise UsageError(f"{indexes_file or '--indexes'} names no index. Nothing was written.")
    return names


def read_names(path: Path) -> tuple[str, ...]:
    """Read a file of index names.

    Raises:
        FileError: it cannot be read, or is not a file of names.
    """
    lines = read_bounded(path, LARGEST).decode("utf-8-sig", "surrogateescape").splitlines()
    problems = [
        f"line {number}: a NUL character: the server truncates names there"
        for number, line in enumerate(lines, 1)
        if "\0" in line
    ]
    if problems:
        raise FileError(path, problems[:MOST_PROBLEMS])
    return _unique(COMMENT.sub("", line) for line in lines)


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for name in names if name.strip()))
