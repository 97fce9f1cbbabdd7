"""Completion of option values in a shell: names of indexes, plan files, backup directories.

Whatever goes wrong gives no suggestions, and never a message: it would stand in the middle of a command line.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import typer

__all__ = ["complete_backed_up_index", "complete_backup_directory", "complete_index", "complete_plan"]

URL: Final = "redis://localhost:6379"
HEAD: Final = 4096
"""Bytes at the start of a file in which a plan shows that it is one."""

PLAN_MARKS: Final = (b"migration plan", b"drop_recreate")


def complete_index(context: typer.Context, incomplete: str) -> list[str]:
    """Return the names of the indexes of the server that the command line names."""
    with suppress(Exception):
        from fieldfare.server import connect  # noqa: PLC0415 - start-up time
        from fieldfare.server.inspect import list_user_indexes  # noqa: PLC0415 - start-up time

        url = context.params.get("url") or os.environ.get("FIELDFARE_URL") or os.environ.get("REDIS_URL") or URL
        with connect(str(url)) as server:
            return [name for name in list_user_indexes(server) if name.startswith(incomplete)]
    return []


def complete_backed_up_index(context: typer.Context, incomplete: str) -> list[str]:
    """Return the names of the indexes whose migrations the backup directory of the command line records."""
    with suppress(Exception):
        from fieldfare.backup.header import read_header  # noqa: PLC0415 - start-up time

        headers = Path(str(context.params["backup_dir"])).glob("*.header")
        names = sorted({str(read_header(each)["index_name"]) for each in headers})
        return [name for name in names if name.startswith(incomplete)]
    return []


def complete_plan(incomplete: str) -> list[str]:
    """Return the plan files that begin like this, and directories."""
    with suppress(Exception):
        return [each for each, path in _paths(incomplete) if path.is_dir() or _is_plan(path)]
    return []


def complete_backup_directory(incomplete: str) -> list[str]:
    """Return the directories that begin like this; if some hold backups, only these."""
    with suppress(Exception):
        found = [(each, path) for each, path in _paths(incomplete) if path.is_dir()]
        backups = [each for each, path in found if next(path.glob("*.header"), None)]
        return backups or [each for each, _ in found]
    return []


def _paths(incomplete: str) -> Iterator[tuple[str, Path]]:
    """Yield what is in the directory of an incomplete path and begins like it; directories end with a slash."""
    folder, _, start = incomplete.rpartition("/")
    root = f"{folder}/" if "/" in incomplete else ""
    for path in sorted(Path(root or ".").iterdir()):
        if path.name.startswith(start) and (start or not path.name.startswith(".")):
            yield f"{root}{path.name}{'/' if path.is_dir() else ''}", path


def _is_plan(path: Path) -> bool:
    if path.suffix not in {".yaml", ".yml"}:
        return False
    with path.open("rb") as file:
        head = file.read(HEAD)
    return any(mark in head for mark in PLAN_MARKS)
