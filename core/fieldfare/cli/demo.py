"""``fieldfare demo``: a whole migration on real data, and its rollback."""

from __future__ import annotations

import tempfile
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated, Final

import typer

from fieldfare.cli.output import notice, show, show_json
from fieldfare.cli.session import Session
from fieldfare.errors import FieldfareError

__all__ = ["demo"]

EMBEDDED: Final = "embedded://"


def demo(
    context: typer.Context,
    *,
    data: Annotated[
        Path, typer.Option(help="Directory with the entries, their vectors and the patch.", metavar="DIR")
    ] = Path("examples/wordnet"),
    url: Annotated[str, typer.Option(help="Redis to use. Default: start a private one.", metavar="URL")] = EMBEDDED,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the plan and the backup.")] = False,
) -> None:
    """Show a whole migration on real data, and roll it back.

    Creates an index of dictionary entries, runs a query, changes the schema and the datatype of the
    vectors, runs the query again, rolls back, and runs the query once more. The results must stay the same, and
    at the end every byte must be what it was; otherwise the command ends with 1.
    """
    session = Session.of(context)
    from fieldfare.cli.demo_steps import Demo  # noqa: PLC0415 - start-up time
    from fieldfare.server import connect  # noqa: PLC0415 - start-up time

    write = (lambda _text: None) if session.json else show
    with connect(url) as server, _directory(keep=keep) as directory:
        demo_run = Demo.load(data, server=server, plugins=session.plugins, directory=Path(directory), write=write)
        demo_run.run()
        if keep:
            write(f"Plan and backup are in {directory}")
    if session.json:
        show_json({"seconds": demo_run.seconds, "memory": demo_run.memory, "problems": demo_run.problems})
    if demo_run.problems:
        notice("Error: The demo failed: " + "; ".join(demo_run.problems))
        raise typer.Exit(FieldfareError.exit_code)


def _directory(*, keep: bool) -> AbstractContextManager[str]:
    """Return a directory for plan and backup, which is removed afterwards unless it is to be kept."""
    prefix = "fieldfare-demo-"
    return nullcontext(tempfile.mkdtemp(prefix=prefix)) if keep else tempfile.TemporaryDirectory(prefix=prefix)
