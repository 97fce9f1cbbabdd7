"""A request that is wrong in itself. Exit code 2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldfare.errors.base import FieldfareError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["BackupDirectoryRequired", "DiffError", "FileError", "ParameterMissing", "UnsupportedURL", "UsageError"]


class UsageError(FieldfareError):
    """The request cannot be carried out as it was asked."""

    exit_code = 2


class FileError(UsageError):
    """A file given by the user cannot be used.

    Attributes:
        path: the file.
        problems: one line per problem, each with its line number where one is known.
    """

    def __init__(self, path: Path | str, problems: Sequence[str]) -> None:
        self.path = str(path)
        self.problems = tuple(problems)
        lines = "\n".join(f"  - {problem}" for problem in self.problems)
        super().__init__(f"{self.path} cannot be used; nothing was changed.\n{lines}")


class DiffError(UsageError):
    """A patch or target schema that does not fit the index it is meant for.

    Attributes:
        index: the index.
        problems: one line per problem.
    """

    def __init__(self, index: str, problems: Sequence[str]) -> None:
        self.index = index
        self.problems = tuple(problems)
        lines = "\n".join(f"  - {problem}" for problem in self.problems)
        super().__init__(f"The request does not fit index {index!r}; nothing was changed.\n{lines}")


class ParameterMissing(UsageError, KeyError):
    """A custom change of a patch lacks a parameter that its plugin reads.

    Attributes:
        kind: the kind of the change.
        parameter: the missing one.
        given: the parameters that the patch gives, sorted.
    """

    def __init__(self, kind: str, parameter: str, given: Sequence[str]) -> None:
        self.kind = kind
        self.parameter = parameter
        self.given = tuple(given)
        shown = ", ".join(map(repr, self.given)) or "none"
        super().__init__(
            f"The change {kind!r} needs the parameter {parameter!r}; the patch gives: {shown}. Nothing was changed."
        )

    def __str__(self) -> str:
        """Return the message; a KeyError would quote it."""
        return str(self.args[0])


class BackupDirectoryRequired(UsageError, ValueError):
    """No backup directory was given. The guide promises a ``ValueError`` here."""

    def __init__(self) -> None:
        super().__init__(
            "A backup directory is required before any migration starts. "
            "Pass --backup-dir DIR (backup_dir=... in Python)."
        )


class UnsupportedURL(UsageError):
    """A connection URL that cannot be used."""

    def __init__(self, url: str, reason: str) -> None:
        self.url = url
        self.reason = reason
        super().__init__(f"The URL {url} cannot be used: {reason}")
