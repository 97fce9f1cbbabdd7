"""The command lines that are compared."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from attrs import evolve, frozen

from comparison.cases import Case

__all__ = ["FIELDFARE", "REDISVL", "Tool", "arguments", "find_fieldfare", "find_redisvl", "participants"]

FIELDFARE: Final = "fieldfare"
REDISVL: Final = "RedisVL"


@frozen
class Tool:
    """A command line.

    Attributes:
        name: for table, chart and page.
        command: what all its commands start with.
        version: the version of its distribution.
        options: more options of ``apply`` and ``rollback``.
    """

    name: str
    command: tuple[str, ...]
    version: str
    options: tuple[str, ...] = ()


def find_fieldfare(python: Path | None = None) -> Tool:
    """Return our command line.

    Args:
        python: the interpreter of an environment with fieldfare; None for this one.

    Raises:
        SystemExit: it has no fieldfare.
    """
    interpreter = Path(sys.executable if python is None else python)
    found = _version(interpreter, "fieldfare", "--fieldfare PYTHON")
    return Tool(FIELDFARE, (str(interpreter.absolute().with_name("fieldfare")),), found)


def find_redisvl(python: Path) -> Tool:
    """Return the command line of RedisVL's environment.

    Args:
        python: the interpreter of that environment.

    Raises:
        SystemExit: it has no RedisVL.
    """
    found = _version(python, "redisvl", "--redisvl PYTHON")
    return Tool(REDISVL, (str(python.absolute().with_name("rvl")), "migrate"), found)


def _version(python: Path, distribution: str, option: str) -> str:
    code = f"from importlib.metadata import version; print(version({distribution!r}))"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    try:
        asked = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True, env=environment)  # noqa: S603 - as named by the caller
    except (OSError, subprocess.CalledProcessError) as error:
        raise SystemExit(f"'{python}' has no {distribution}: run 'make compare', or pass {option}.") from error
    return asked.stdout.strip()


def participants(case: Case, fieldfare: Tool, redisvl: Tool) -> tuple[Tool, ...]:
    """Return what is compared in a case; ratios refer to the last one."""
    if case.workers:
        return tuple(
            evolve(fieldfare, name=f"workers: {count}", options=("--workers", str(count)))
            for count in sorted(case.workers, reverse=True)
        )
    return (fieldfare, redisvl) if case.redisvl else (fieldfare,)


def arguments(case: Case, tool: Tool, command: str, url: str) -> list[str]:
    """Return the command line of a command, for a directory with ``patch.yaml``."""
    name = f"batch-{command}" if case.batch else command
    start = [*tool.command, name, "--url", url]
    if command == "plan":
        indexes = ("--pattern", "tenant_*") if case.batch else ("--index", *case.counts)
        return [*start, *indexes, "--schema-patch", "patch.yaml", "--plan-out", "plan.yaml"]
    if command == "apply":
        further = ("--accept-data-loss",) if case.batch else ("--report-out", "report.yaml")
        return [*start, "--plan", "plan.yaml", "--backup-dir", "backups", *further, *tool.options]
    where = () if case.batch else ("--backup-dir", "backups")
    return [*start, "--yes", *where, *tool.options]
