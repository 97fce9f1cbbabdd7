"""``fieldfare list``."""

from __future__ import annotations

import typer

from fieldfare.cli.options import DEFAULT_URL, Cluster, Url
from fieldfare.cli.output import show, show_json
from fieldfare.cli.session import Session

__all__ = ["list_indexes"]


def list_indexes(context: typer.Context, *, url: Url = DEFAULT_URL, cluster: Cluster = None) -> None:
    """Show the indexes of a server."""
    session = Session.of(context)
    from fieldfare.server import connect, inspect  # noqa: PLC0415 - start-up time

    with connect(url, cluster=cluster) as server:
        names = inspect.list_user_indexes(server)
    if session.json:
        show_json({"indexes": names})
    else:
        show("\n".join(["Indices:", *(f"{number}. {name}" for number, name in enumerate(names, 1))]))
