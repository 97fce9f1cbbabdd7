"""``fieldfare list``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fieldfare.cli.layout import command_text
from fieldfare.cli.options import DEFAULT_BACKUPS, DEFAULT_URL, Cluster, Url, backup_option
from fieldfare.cli.output import show, show_json, table
from fieldfare.cli.session import Session
from fieldfare.support.units import bytes_text

if TYPE_CHECKING:
    from fieldfare.definition import Field
    from fieldfare.server.index_list import ListedIndex
    from fieldfare.storage import BackupPath

__all__ = ["list_indexes"]

MEBIBYTE = 1024 * 1024


def list_indexes(
    context: typer.Context,
    *,
    url: Url = DEFAULT_URL,
    cluster: Cluster = None,
    backup_dir: Annotated[
        list[Any] | None,
        backup_option(
            "Directory or URL with backups, to show migrations that are not complete. Repeatable. Default: "
            f"{DEFAULT_BACKUPS}, if it exists."
        ),
    ] = None,
) -> None:
    """Show the indexes of a server with their figures.

    The figures are documents, storage, fields, vectors, memory, aliases if the server lists them, and migrations that
    are not complete.
    """
    session = Session.of(context)
    from fieldfare.server import connect  # noqa: PLC0415 - start-up time
    from fieldfare.server.index_list import list_with_figures  # noqa: PLC0415 - start-up time

    with connect(url, cluster=cluster) as server:
        found = list_with_figures(server)
    unfinished = _unfinished(session, backup_dir or [Path(DEFAULT_BACKUPS)])
    rows = [{**_document(each), "migration": _migration(each, unfinished)} for each in found]
    if session.json:
        show_json({"indexes": [each.name for each in found], "details": rows})
    else:
        show(_text(rows))


def _document(index: ListedIndex) -> dict[str, Any]:
    definition, stats = index.definition, index.stats
    memory = None if stats is None else int((stats.vector_index_size_mb + stats.other_memory_size_mb) * MEBIBYTE)
    return {
        "name": index.name,
        "documents": stats and stats.num_docs,
        "storage": definition and definition.storage.value,
        "prefixes": list(definition.prefixes) if definition else None,
        "fields": len(definition.fields) if definition else None,
        "vectors": [_vector(each) for each in definition.fields if each.is_vector] if definition else None,
        "memory_bytes": memory,
        "aliases": None if index.aliases is None else list(index.aliases),
    }


def _vector(field: Field) -> dict[str, Any]:
    shown = {key: field.attrs[key] for key in ("algorithm", "datatype", "dims")}
    return {"field": field.name, **shown}


def _unfinished(session: Session, directories: Sequence[BackupPath]) -> dict[str, str]:
    """Return the name of an index → what is left to do of its migration."""
    holding = [each for each in directories if not isinstance(each, Path) or next(each.glob("*.header"), None)]
    if not holding:
        return {}
    from fieldfare.api import MigrationExecutor  # noqa: PLC0415 - start-up time
    from fieldfare.cli.next_steps import is_finished  # noqa: PLC0415 - start-up time
    from fieldfare.errors import BackupUnusable  # noqa: PLC0415 - start-up time

    left: dict[str, str] = {}
    for directory in holding:
        try:
            migrations = MigrationExecutor(plugins=session.plugins).status(directory)
        except BackupUnusable:  # 'fieldfare status' says what is wrong
            continue
        for each in migrations:
            if not is_finished(each):
                text = f"{each['state']}: fieldfare status --backup-dir {directory}"
                left |= {each["index"]: text, each["target"]: text}
    return left


def _migration(index: ListedIndex, unfinished: dict[str, str]) -> str | None:
    return f"running: {index.migrated_by}" if index.migrated_by else unfinished.get(index.name)


def _text(rows: Sequence[dict[str, Any]]) -> str:
    if not rows:
        return "Indices:"
    headers = ["", "Name", "Documents", "Storage", "Fields", "Vectors", "Memory"]
    cells = [_cells(number, each) for number, each in enumerate(rows, 1)]
    if any(each["aliases"] for each in rows):
        headers.append("Aliases")
        cells = [[*row, ", ".join(each["aliases"] or ())] for row, each in zip(cells, rows, strict=True)]
    notes = [f"   {each['name']}: {each['migration']}" for each in rows if each["migration"]]
    example = command_text("Next:", "fieldfare wizard --index NAME")
    parts = ["Indices:", table(headers, cells), *(["", "Unfinished migrations:", *notes] if notes else []), "", example]
    return "\n".join(parts)


def _cells(number: int, row: dict[str, Any]) -> list[str]:
    name = row["name"]
    if row["documents"] is None:
        return [f"{number}.", name, "-", "-", "-", "-", "-"]
    vectors = "; ".join(
        f"{each['field']} {each['algorithm']} {each['datatype']} {each['dims']}" for each in row["vectors"]
    )
    size = bytes_text(row["memory_bytes"])
    return [f"{number}.", name, f"{row['documents']:,}", row["storage"], str(row["fields"]), vectors or "-", size]
