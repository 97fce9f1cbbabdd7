"""``fieldfare sandbox``: a private server with example data, to try everything on."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fieldfare.cli.command_line import command_line
from fieldfare.cli.layout import command_text
from fieldfare.cli.output import notice, show, show_json
from fieldfare.cli.session import Session
from fieldfare.errors import FieldfareError

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["sandbox"]

LOOK_SECONDS: Final = 0.2
"""How often it is seen whether the server still runs."""


def sandbox(
    context: typer.Context,
    *,
    data: Annotated[
        Path, typer.Option(help="Directory with the entries and their vectors.", metavar="DIR", file_okay=False)
    ] = Path("examples/wordnet"),
) -> None:
    """Start a private Redis with an example index.

    It listens on a free port of this machine until Ctrl-C. Then the server is stopped and its data is deleted.
    """
    session = Session.of(context)
    from fieldfare.cli.demo_data import SOURCE, create, load  # noqa: PLC0415 - start-up time
    from fieldfare.server import connect  # noqa: PLC0415 - start-up time
    from fieldfare.server.embedded import EmbeddedServer  # noqa: PLC0415 - start-up time

    entries = load(data, "documents.jsonl", "vectors.npy")
    with interruptible(), EmbeddedServer(tcp=True) as embedded:
        with connect(embedded.url) as server:
            create(server, entries)
        try:  # whoever has read the first line may press Ctrl-C
            if session.json:
                show_json({"url": embedded.url, "index": SOURCE.name, "documents": len(entries)})
            else:
                show(_introduction(embedded.url, SOURCE.name, len(entries), data))
            while not embedded.has_ended:
                time.sleep(LOOK_SECONDS)
        except KeyboardInterrupt:
            notice("\nStopped. The server and its data are gone.")
            return
    notice("Error: the server of the sandbox has stopped unexpectedly.")
    raise typer.Exit(FieldfareError.exit_code)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGTERM end the body as Ctrl-C does."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _introduction(url: str, index: str, count: int, data: Path) -> str:
    plan = command_line("plan", index=index, schema_patch=data / "schema_patch.yaml")
    return "\n".join(
        [
            f"A private Redis is at {url}, with the index {index!r} of {count:,} documents.",
            "It runs until Ctrl-C. In another terminal:",
            "",
            f"  export FIELDFARE_URL={url}",
            "  fieldfare list",
            *(f"  {line}" for line in command_text("", plan).split("\n")),
            "  fieldfare apply --backup-dir ./migration_backups",
            "  fieldfare rollback --backup-dir ./migration_backups",
        ]
    )
