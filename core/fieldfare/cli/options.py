"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer

__all__ = [
    "DEFAULT_PLAN",
    "DEFAULT_URL",
    "BackupDirectory",
    "Cluster",
    "Index",
    "Plan",
    "QueryCheckFile",
    "ReportOut",
    "Url",
    "writable_file",
]

DEFAULT_URL: Final = "redis://localhost:6379"
DEFAULT_PLAN: Final = Path("migration_plan.yaml")


def writable_file(path: Path | None) -> Path | None:
    """Refuse a file that cannot be written, before any work is done.

    Raises:
        typer.BadParameter: its directory does not exist.
    """
    if path is not None and not path.absolute().parent.is_dir():
        raise typer.BadParameter(f"the directory {path.absolute().parent} does not exist")
    return path


Url: TypeAlias = Annotated[
    str,
    typer.Option(
        help="Redis to use: redis://, rediss:// (TLS), unix:// or redis+sentinel://.",
        envvar=["FIELDFARE_URL", "REDIS_URL"],
        metavar="URL",
    ),
]
Cluster: TypeAlias = Annotated[
    bool | None,
    typer.Option("--cluster/--no-cluster", help="Whether this is a cluster. Left out, the server is asked."),
]
Index: TypeAlias = Annotated[str, typer.Option(help="Name of the index, or an alias of it.", metavar="NAME")]
Plan: TypeAlias = Annotated[
    Path, typer.Option(help="Migration plan, as 'fieldfare plan' wrote it.", metavar="FILE", dir_okay=False)
]
BackupDirectory: TypeAlias = Annotated[
    Path, typer.Option(help="Directory with the backup of the migration.", metavar="DIR", file_okay=False)
]
QueryCheckFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(help="YAML file of queries whose answers are checked afterwards.", metavar="FILE", dir_okay=False),
]
ReportOut: TypeAlias = Annotated[
    Path | None,
    typer.Option(help="Write the report here, as YAML.", metavar="FILE", dir_okay=False, callback=writable_file),
]
