"""``fieldfare helper``."""

from __future__ import annotations

from typing import Final

import typer

from fieldfare.cli.options import DEFAULT_URL, Cluster, Url
from fieldfare.cli.output import bullets, show, show_json
from fieldfare.cli.session import Session

__all__ = ["helper"]

SUPPORTED: Final = (
    "Add, change or remove fields; rename the index or its fields",
    "Move documents to another key prefix",
    "Change the algorithm, the distance metric or the parameters of a vector field",
    "Change the datatype of vectors: float64, float32, float16, bfloat16, int8, uint8",
    "Reduce the dimensions of vectors",
)
BLOCKED: Final = (
    "More dimensions, or other vectors: embed the documents again",
    "Hash to JSON, and JSON to hash: export the documents and load them again",
)
COMMANDS: Final = (
    "fieldfare wizard --index NAME",
    "fieldfare plan --index NAME --schema-patch schema_patch.yaml",
    "fieldfare apply --plan migration_plan.yaml --backup-dir ./migration_backups",
    "fieldfare validate --plan migration_plan.yaml",
    "fieldfare rollback --backup-dir ./migration_backups",
)


def helper(context: typer.Context, *, url: Url = DEFAULT_URL, cluster: Cluster = None) -> None:
    """Show indexes, possible changes, and the commands.

    Reads the server, changes nothing.
    """
    session = Session.of(context)
    from fieldfare.server import connect, inspect  # noqa: PLC0415 - start-up time

    with connect(url, cluster=cluster) as server:
        names = inspect.list_user_indexes(server)
    if session.json:
        show_json({"indexes": names, "supported": SUPPORTED, "blocked": BLOCKED, "commands": COMMANDS})
        return
    sections = (
        bullets("Indexes:", names) or ["Indexes: none"],
        bullets("What can be changed, if the plugins are installed:", SUPPORTED),
        bullets("What cannot be changed:", BLOCKED),
        bullets("Commands, in order:", COMMANDS),
    )
    show("\n\n".join("\n".join(lines) for lines in sections))
