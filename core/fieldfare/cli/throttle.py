"""``fieldfare throttle``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fieldfare.cli.completion import complete_backed_up_index
from fieldfare.cli.options import BackupDirectory, MaxLatency, MaxRate
from fieldfare.cli.output import show, show_json
from fieldfare.cli.session import Session

if TYPE_CHECKING:
    from fieldfare.engine.load import Limits

__all__ = ["throttle"]


def throttle(  # noqa: PLR0913 - the command's options
    context: typer.Context,
    *,
    backup_dir: BackupDirectory,
    index: Annotated[
        str | None,
        typer.Option(
            "--index",
            "-i",
            help="Only the migration of this index: its name before. Left out, every one that runs.",
            metavar="NAME",
            autocompletion=complete_backed_up_index,
        ),
    ] = None,
    max_rate: MaxRate = None,
    max_latency: MaxLatency = None,
    paused: Annotated[
        bool | None,
        typer.Option("--pause/--resume", help="Pause after the current batch, or go on.", show_default=False),
    ] = None,
    off: Annotated[
        bool, typer.Option("--off", help="Remove all limits and a pause; then set those that are given with it.")
    ] = False,
) -> None:
    """Change the limits of a migration that runs, or pause it.

    The migration reads its limits between two batches, a few times per second. A limit that is not given stays as it
    is. The limits end with the command that runs; the next one starts with its own.
    """
    session = Session.of(context)
    from fieldfare.api import MigrationExecutor  # noqa: PLC0415 - start-up time

    limits = MigrationExecutor(plugins=session.plugins).throttle(
        backup_dir, index, max_rate=max_rate, max_latency=max_latency, paused=paused, off=off
    )
    if session.json:
        from attrs import asdict  # noqa: PLC0415 - start-up time

        show_json({"limits": {name: asdict(each) for name, each in limits.items()}})
    else:
        show("\n".join(f"{name}: {_text(each)}" for name, each in limits.items()))


def _text(limits: Limits) -> str:
    facts = [
        "paused" if limits.paused else "",
        f"{limits.max_rate:g} documents per second at most" if limits.max_rate else "",
        f"{limits.max_latency:g} ms of latency at most" if limits.max_latency else "",
    ]
    return ", ".join(filter(None, facts)) or "no limits"
