"""The plan and report files of the indexes of a batch."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fieldfare.errors import FileError

if TYPE_CHECKING:
    from fieldfare.report import MigrationReport

__all__ = ["create_directory", "index_file_stem", "write_index_report"]

PLAIN: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,79}")
UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]")


def index_file_stem(index: str) -> str:
    """Return a file name for an index: its name if that is a plain one, else a safe form of it with a hash."""
    if PLAIN.fullmatch(index):
        return index
    digest = hashlib.sha256(index.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return f"_{UNSAFE.sub('_', index)[:80]}-{digest}"


def create_directory(directory: Path) -> None:
    """Create a directory for plans or reports, with its parents.

    Raises:
        FileError: it cannot be created.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(directory, [error.strerror or str(error)]) from error


def write_index_report(report: MigrationReport, directory: Path | str, name: str, ending: str = "report") -> str:
    """Write the report of one index, and return the file's path.

    Replaces a symbolic link of that name and does not follow it: the directory comes from the state file, which may
    be untrusted. Keeps an existing report if the run had nothing to do: the run that did the work wrote it.

    Args:
        report: the report of the run.
        directory: the directory of the reports.
        name: the name of the index.
        ending: the ending of the file's name.

    Raises:
        FileError: it cannot be written.
    """
    from fieldfare.report import Result  # noqa: PLC0415 - plans are made without it
    from fieldfare.report.file import write_report  # noqa: PLC0415 - plans are made without it

    path = Path(directory) / f"{index_file_stem(name)}_{ending}.yaml"
    if report.result is not Result.NOTHING_TO_DO or path.is_symlink() or not path.exists():
        write_report(report, path, follow_links=False)
    return str(path)
