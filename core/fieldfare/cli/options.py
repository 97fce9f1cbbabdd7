"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import typer

from fieldfare.cli.completion import (
    complete_backed_up_index,
    complete_backup_directory,
    complete_index,
    complete_plan,
)
from fieldfare.errors import BackupDirectoryRequired, UsageError

if TYPE_CHECKING:
    from fieldfare.storage import BackupPath

__all__ = [
    "DEFAULT_BACKUPS",
    "DEFAULT_PLAN",
    "DEFAULT_URL",
    "BackupDirectory",
    "BackupIndex",
    "BenchmarkOut",
    "Cluster",
    "Index",
    "MinOverlap",
    "NewBackupDirectory",
    "Plan",
    "QueryCheckFile",
    "ReportOut",
    "Url",
    "Yes",
    "backup_directory",
    "backup_option",
    "directory_option",
    "file_option",
    "index_option",
    "refuse_overwriting_inputs",
    "writable_file",
]

DEFAULT_URL: Final = "redis://localhost:6379"
DEFAULT_PLAN: Final = Path("migration_plan.yaml")
DEFAULT_BACKUPS: Final = "./migration_backups"
"""The backup directory in commands that a message names, where the user has not named one."""


def writable_file(path: Path | None) -> Path | None:
    """Refuse a file that cannot be written, before any work is done.

    Raises:
        typer.BadParameter: its directory does not exist.
    """
    if path is not None and not path.absolute().parent.is_dir():
        raise typer.BadParameter(f"the directory {path.absolute().parent} does not exist")
    return path


def file_option(text: str, *, is_output: bool = False, autocompletion: Any = None) -> Any:
    """Return an option that takes a file, with its help; an output must be writable."""
    check = writable_file if is_output else None
    return typer.Option(help=text, metavar="FILE", dir_okay=False, callback=check, autocompletion=autocompletion)


def directory_option(text: str) -> Any:
    """Return an option that takes a directory, with its help."""
    return typer.Option(help=text, metavar="DIR", file_okay=False, autocompletion=complete_backup_directory)


def backup_option(text: str, *, is_new: bool = False) -> Any:
    """Return an option that takes a backup directory: a path, or the URL of a storage. A new one is checked later."""
    parser = backup_directory if is_new else existing_backup_directory
    return typer.Option(help=text, metavar="DIR", parser=parser, autocompletion=complete_backup_directory)


def backup_directory(text: str) -> BackupPath:
    """Return a backup directory from the command line.

    Raises:
        BackupDirectoryRequired: it is empty.
        UsageError: it is a URL of a form that is not supported, or of the memory of this process.
    """
    if not str(text).strip():
        raise BackupDirectoryRequired
    from fieldfare.storage import StoragePath, backup_location  # noqa: PLC0415 - start-up time

    location = backup_location(text)
    if isinstance(location, StoragePath) and location.storage.protocol == "memory":
        raise UsageError(
            f"{location} is the memory of this command. The backup ends with the command, and nobody can roll back. "
            "Nothing was changed. Give a directory, or the URL of a storage."
        )
    return location


def existing_backup_directory(text: str) -> BackupPath:
    """Return the backup directory of an earlier run from the command line.

    Raises:
        typer.BadParameter: it is a file.
        UsageError: as :func:`backup_directory`.
    """
    location = backup_directory(text)
    if isinstance(location, Path) and location.is_file():
        raise typer.BadParameter(f"Directory {str(location)!r} is a file.")
    return location


def index_option(text: str, completion: Any) -> Any:
    """Return the option for the name of an index, with its help."""
    return typer.Option("--index", "-i", help=text, metavar="NAME", autocompletion=completion)


def refuse_overwriting_inputs(output: Path, *inputs: Path | None, option: str = "--plan-out") -> None:
    """Refuse to overwrite an input of a command with its output.

    Args:
        output: the file to be written.
        inputs: files that the command reads.
        option: that names the output.

    Raises:
        UsageError: one of the inputs is that file.
    """
    if any(path is not None and path.resolve() == output.resolve() for path in inputs):
        what = "an input of the plan" if option == "--plan-out" else "the input"
        raise UsageError(f"{output} is {what}. Name another file for {option}.")


Url: TypeAlias = Annotated[
    str,
    typer.Option(
        "--url",
        "-u",
        help="Redis to use: redis://, rediss:// (TLS), unix:// or redis+sentinel://.",
        envvar=["FIELDFARE_URL", "REDIS_URL"],
        metavar="URL",
    ),
]
Cluster: TypeAlias = Annotated[
    bool | None,
    typer.Option("--cluster/--no-cluster", help="Whether this is a cluster. Default: detect it."),
]
Index: TypeAlias = Annotated[str, index_option("Name of the index, or an alias of it.", complete_index)]
BackupIndex: TypeAlias = Annotated[
    str | None, index_option("A name of the index, if the directory holds several.", complete_backed_up_index)
]
Yes: TypeAlias = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Plan: TypeAlias = Annotated[
    Path, file_option("Migration plan, as 'fieldfare plan' wrote it.", autocompletion=complete_plan)
]
BackupDirectory: TypeAlias = Annotated[
    Any, backup_option("Directory or storage URL (s3://...) with the backup of the migration.")
]
QueryCheckFile: TypeAlias = Annotated[
    Path | None, file_option("YAML file of queries whose answers are checked afterwards.")
]
MinOverlap: TypeAlias = Annotated[
    float | None,
    typer.Option(
        help="Minimum share of a query's results that the other index must find. Default: as in the file, or 0.9.",
        metavar="SHARE",
        min=0,
        max=1,
    ),
]
ReportOut: TypeAlias = Annotated[
    Path | None,
    file_option("Write the report here, as YAML; as a page for a browser, if FILE ends with .html.", is_output=True),
]
BenchmarkOut: TypeAlias = Annotated[Path | None, file_option("Write timings and rates here, as YAML.", is_output=True)]
NewBackupDirectory: TypeAlias = Annotated[
    Any,
    backup_option(
        "Directory, or storage URL (s3://, gs://, abfs://, sftp://, file://), for originals and progress; needed to "
        "resume and to roll back.",
        is_new=True,
    ),
]
