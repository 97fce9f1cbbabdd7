"""Which indexes a batch is about."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from fieldfare.errors import FileError, PreconditionError, UsageError

__all__ = ["read_names", "select"]

LARGEST: Final = 2 * 2**20
MOST_PROBLEMS: Final = 200
COMMENT: Final = re.compile(r"(^|\s)#.*")
"""A name may hold ``#``, as in ``{tag}#1``; a comment stands alone, or behind a space."""


def select(
    live: Sequence[str],
    *,
    pattern: str | None = None,
    indexes: Sequence[str] | None = None,
    indexes_file: Path | str | None = None,
) -> tuple[str, ...]:
    """Return the names that were asked for, each once.

    Args:
        live: the indexes of the server.
        pattern: as in a shell: ``*_idx``.
        indexes: names, which need not be live.
        indexes_file: a file of names, one a line; what follows ``#`` is a comment.

    Raises:
        UsageError: none or several ways of asking; or no name at all.
        PreconditionError: no index fits the pattern.
        FileError: the file cannot be read.
    """
    if sum(way is not None for way in (pattern, indexes, indexes_file)) != 1:
        raise UsageError("Give exactly one of --pattern, --indexes and --indexes-file. Nothing was written.")
    if pattern is not None:
        found = tuple(name for name in live if fnmatchcase(name, pattern))
        if not found:
            known = ", ".join(live) or "none"
            raise PreconditionError(
                f"No index fits the pattern {pattern!r}. Nothing was written. Indexes here: {known}."
            )
        return found
    names = read_names(Path(indexes_file)) if indexes_file is not None else _unique(indexes or ())
    if not names:
        raise UsageError(f"{indexes_file or '--indexes'} names no index. Nothing was written.")
    return names


def read_names(path: Path) -> tuple[str, ...]:
    """Read a file of index names.

    Raises:
        FileError: it cannot be read, or is no file of names.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL character
        raise FileError(path, [getattr(error, "strerror", None) or str(error)]) from error
    if len(content) > LARGEST:
        raise FileError(path, [f"larger than {LARGEST // 2**20} MiB"])
    lines = content.decode("utf-8-sig", "surrogateescape").splitlines()
    problems = [
        f"line {number}: a NUL character: the server cuts names off there"
        for number, line in enumerate(lines, 1)
        if "\0" in line
    ]
    if problems:
        raise FileError(path, problems[:MOST_PROBLEMS])
    return _unique(COMMENT.sub("", line) for line in lines)


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for name in names if name.strip()))
