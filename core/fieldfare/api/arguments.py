"""Checks the arguments of the classes for programs."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from attrs import evolve

from fieldfare.errors import BackupDirectoryRequired, UsageError
from fieldfare.hooks.run_defaults import AUTO, Verify
from fieldfare.queries import QueryChecks
from fieldfare.storage import BackupPath, backup_location

__all__ = [
    "require_workers",
    "required_backup_dir",
    "required_index_workers",
    "required_query_checks",
    "required_verify",
]


def required_verify(text: str) -> Verify:
    """Return the value of ``verify``.

    Raises:
        UsageError: it is not one of the choices.
    """
    if text not in set(Verify):
        raise UsageError(f"verify={text!r}: it is {', '.join(Verify)}. Nothing was changed.")
    return Verify(text)


def required_query_checks(path: str | Path | None, min_overlap: float | None) -> QueryChecks:
    """Return the content of a query check file; ``min_overlap`` replaces the value of the file.

    Raises:
        UsageError: ``min_overlap`` is not between 0 and 1, or the file has no queries whose answers can be compared.
        FileError: the file cannot be used.
    """
    if path is None and min_overlap is None:
        return QueryChecks()
    from fieldfare.comparison import comparable_queries  # noqa: PLC0415 - start-up time
    from fieldfare.queries.file import load_query_checks  # noqa: PLC0415 - start-up time

    checks = load_query_checks(path)
    if min_overlap is None:
        return checks
    if not 0 <= min_overlap <= 1:
        raise UsageError(f"min_overlap={min_overlap:g}: it is a share from 0 to 1. Nothing was changed.")
    if not comparable_queries(checks):
        raise UsageError(
            "--min-overlap sets how much of the answers to your queries must overlap: give a file with queries with "
            "--query-check-file. Nothing was changed."
        )
    return evolve(checks, min_overlap=min_overlap)


def require_workers(number: int, executor: str | None = None) -> None:
    """Check the number of threads, and that an executor does not contradict it.

    Raises:
        UsageError: it is less than 1, or there are both.
    """
    if number < 1:
        raise UsageError(f"num_workers={number}: it takes at least one worker. Nothing was changed.")
    if executor and number > 1:
        raise UsageError(
            f"num_workers={number} (--workers) and executor={executor!r} (--executor): give one of them. "
            "Nothing was changed."
        )


def required_index_workers(value: int | str | None) -> int | Literal["auto"] | None:
    """Return the value of ``index_workers``; None for ``off``.

    Raises:
        UsageError: it is neither a number above 0 nor one of the words.
    """
    if value is None or value == "off":
        return None
    if value == AUTO:
        return AUTO
    if str(value).isdecimal() and int(value) > 0:
        return int(value)
    raise UsageError(f"index_workers={value!r}: it is a number above 0, auto or off. Nothing was changed.")


def required_backup_dir(path: BackupPath | str | None) -> BackupPath:
    """Return the backup directory.

    Raises:
        BackupDirectoryRequired: there is none.
    """
    if not path or not str(path).strip():
        raise BackupDirectoryRequired
    return backup_location(path)
