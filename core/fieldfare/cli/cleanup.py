"""``fieldfare cleanup``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import attrs
import typer

from fieldfare.cli.confirmation import require_agreement, require_terminal
from fieldfare.cli.options import DEFAULT_URL, Cluster, Url, Yes, backup_option
from fieldfare.cli.output import show, show_json, table
from fieldfare.cli.session import Session

if TYPE_CHECKING:
    from fieldfare.engine.abandoned_fields import AbandonedField
    from fieldfare.engine.cleanup import AbandonedIndex

__all__ = ["cleanup"]


def cleanup(  # noqa: PLR0913 - options of a command
    context: typer.Context,
    *,
    backup_dir: Annotated[
        list[Any] | None,
        backup_option("Directory or URL with backups of migrations, whose indexes and fields stay. Repeatable."),
    ] = None,
    fields: Annotated[
        bool,
        typer.Option(
            "--fields",
            help="Also remove shadow fields (EMBEDDING__v2) that no index reads and no migration needs. Reads every "
            "document of every index.",
        ),
    ] = False,
    yes: Yes = False,
    url: Url = DEFAULT_URL,
    cluster: Cluster = None,
) -> None:
    """Drop indexes that migrations have left behind.

    The command drops trial indexes of killed migrations, and versions (NAME__v2) over the same keys as the index with
    the name NAME. Documents stay. With --fields it also removes fields FIELD__v2 from documents, if an index reads
    FIELD and no index reads FIELD__v2. Give the backup directory of each migration that you may want to roll back:
    without it, the command cannot know what the rollback needs.
    """
    session = Session.of(context)
    from fieldfare.api import (  # noqa: PLC0415 - start-up time
        drop_abandoned,
        find_abandoned,
        find_abandoned_fields,
        remove_abandoned_fields,
    )
    from fieldfare.server import connect  # noqa: PLC0415 - start-up time

    with connect(url, cluster=cluster) as server:
        found = find_abandoned(server=server, backup_dirs=backup_dir or ())
        in_documents = find_abandoned_fields(found, server=server, backup_dirs=backup_dir or ()) if fields else ()
        if not session.json:
            _show(found, in_documents)
        if (found or in_documents) and not yes:
            _confirm(found, in_documents, session)
        drop_abandoned(found, server=server)
        remove_abandoned_fields(in_documents, server=server)
    if session.json:
        removed = {"removed_fields": [attrs.asdict(each) for each in in_documents]} if fields else {}
        show_json({"dropped": [each.name for each in found], **removed})
        return
    if found:
        show(f"Dropped: {', '.join(each.name for each in found)}")
    if in_documents:
        show(f"Removed: {', '.join(each.path for each in in_documents)}")
    if not found and not in_documents:
        show("Nothing to clean up.")


def _show(found: Sequence[AbandonedIndex], fields: Sequence[AbandonedField]) -> None:
    if found:
        show(table(["Index", "Documents", "Why"], [[each.name, f"{each.documents:,}", each.reason] for each in found]))
    if fields:
        rows = [
            [each.path, f"{each.documents:,}", f"{each.index!r} reads {each.original!r}, and no index reads this"]
            for each in fields
        ]
        show(table(["Field", "Documents", "Why"], rows))


def _confirm(found: Sequence[AbandonedIndex], fields: Sequence[AbandonedField], session: Session) -> None:
    require_terminal(session, "cleanup asks before it drops these")
    questions = [f"Drop {len(found)} indexes? Documents stay."] if found else []
    if fields:
        questions.append(f"Remove {len(fields)} fields from documents? No backup has their values.")
    require_agreement(*questions, again="fieldfare cleanup")
