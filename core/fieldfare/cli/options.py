"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer

from fieldfare.engine.options import Verify
from fieldfare.errors import UsageError

__all__ = [
    "DEFAULT_PLAN",
    "DEFAULT_URL",
    "AcceptRecallLoss",
    "AllowOverflow",
    "BackupDirectory",
    "BatchSize",
    "Cluster",
    "Index",
    "MinRecall",
    "NewBackupDirectory",
    "OnConflict",
    "OnConflictOption",
    "Plan",
    "QueryCheckFile",
    "ReportOut",
    "RetryFor",
    "Timeout",
    "Url",
    "VerifyOption",
    "Workers",
    "keep_inputs",
    "writable_file",
]

DEFAULT_URL: Final = "redis://localhost:6379"
DEFAULT_PLAN: Final = Path("migration_plan.yaml")


class OnConflict(StrEnum):
    """Which value stays where a document has a renamed field under both names."""

    KEEP_OLD = "keep-old"
    KEEP_NEW = "keep-new"


def writable_file(path: Path | None) -> Path | None:
    """Refuse a file that cannot be written, before any work is done.

    Raises:
        typer.BadParameter: its directory does not exist.
    """
    if path is not None and not path.absolute().parent.is_dir():
        raise typer.BadParameter(f"the directory {path.absolute().parent} does not exist")
    return path


def keep_inputs(output: Path, *inputs: Path | None) -> None:
    """Refuse to write a plan over a file that it is made from.

    Raises:
        UsageError: one of the inputs is that file.
    """
    if any(path is not None and path.resolve() == output.resolve() for path in inputs):
        raise UsageError(f"{output} is what the plan is made from. Name another file for --plan-out.")


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
VerifyOption: TypeAlias = Annotated[
    Verify,
    typer.Option(
        "--verify",
        help="How many rewritten documents are read back and compared with the backup. With 'full' those that an "
        "application has changed meanwhile are converted, too.",
    ),
]
QueryCheckFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(help="YAML file of queries whose answers are checked afterwards.", metavar="FILE", dir_okay=False),
]
ReportOut: TypeAlias = Annotated[
    Path | None,
    typer.Option(help="Write the report here, as YAML.", metavar="FILE", dir_okay=False, callback=writable_file),
]
NewBackupDirectory: TypeAlias = Annotated[
    str | None,
    typer.Option(help="Directory for originals and progress; needed to resume and to roll back.", metavar="DIR"),
]
BatchSize: TypeAlias = Annotated[int, typer.Option(help="Documents per round trip.", metavar="N", min=1)]
Workers: TypeAlias = Annotated[int, typer.Option(help="How many share the documents of an index.", metavar="N", min=1)]
RetryFor: TypeAlias = Annotated[
    float,
    typer.Option(
        help="How long to try again when the server is away (restart, failover), in seconds; 0 gives up at once.",
        metavar="SECONDS",
        min=0,
    ),
]
Timeout: TypeAlias = Annotated[
    float | None,
    typer.Option(
        help="How long a new index may take to be ready, in seconds. Left out, as long as it takes.",
        metavar="SECONDS",
        min=0,
    ),
]
AllowOverflow: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--allow-overflow",
        help="Go on where values are too large for the new datatype, are no numbers, or all become zero under cosine.",
    ),
]
OnConflictOption: TypeAlias = Annotated[
    OnConflict | None,
    typer.Option(
        "--on-conflict",
        help="Which value stays where a document has a renamed field under both names. "
        "Left out, such documents stop the run before anything is changed.",
    ),
]

MinRecall: TypeAlias = Annotated[
    float,
    typer.Option(help="The least recall@10 that changed vectors must keep.", metavar="SHARE", min=0, max=1),
]

AcceptRecallLoss: TypeAlias = Annotated[
    bool, typer.Option("--accept-recall-loss", help="Plan a change that keeps less recall all the same.")
]
