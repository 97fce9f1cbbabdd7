"""``fieldfare throttle``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fieldfare.cli.completion import complete_backed_up_index
from fieldfare.cli.options import BackupDirectory, index_option
from fieldfare.cli.output import show, show_json
from fieldfare.cli.run_options import MaxLatency, MaxRate
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
        index_option(
            "Only the migration of this index (the name before the migration). Default: every running migration.",
            complete_backed_up_index,
        ),
    ] = None,
    max_rate: MaxRate = None,
    max_latency: MaxLatency = None,
    paused: Annotated[
        bool | None,
        typer.Option("--pause/--resume", help="Pause after the current batch, or continue.", show_default=False),
    ] = None,
    off: Annotated[
        bool,
        typer.Option(
            "--off", help="Remove all limits and a pause. Other limits in the same command are set afterwards."
        ),
    ] = False,
) -> None:
    """Change the limits of a running migration, or pause it.

    The migration reads its limits between two batches, a few times per second. A limit that you do not give stays as
    it is. The limits are valid until the running command ends; the next command starts with its own limits.
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
