"""``fieldfare new-plugin``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final

import typer

from fieldfare import __version__
from fieldfare.cli.options import directory_option
from fieldfare.cli.output import show, show_json
from fieldfare.cli.session import Session
from fieldfare.errors import FileError, UsageError

__all__ = ["new_plugin"]

NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def new_plugin(
    context: typer.Context,
    *,
    name: Annotated[str, typer.Argument(help="Name of the distribution, such as acme-mask.", metavar="NAME")],
    directory: Annotated[Path | None, directory_option("Directory to create and to write into. Default: NAME.")] = None,
) -> None:
    """Write a new plugin, with tests that pass.

    The plugin is a distribution with a transform. Its tests are the conformance suite. Change the transform and the
    examples.
    """
    session = Session.of(context)
    if not NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is not a valid name for a plugin: use words in lower case with '-' between them, such as "
            "acme-mask. Nothing was written."
        )
    target = Path(name) if directory is None else directory
    from fieldfare.cli.new_plugin_files import new_plugin_files  # noqa: PLC0415 - start-up time

    files = new_plugin_files(name, __version__)
    write_files(target, files)
    path = target.absolute()
    if session.json:
        show_json({"directory": str(path), "files": list(files)})
        return
    lines = [f"Plugin written to {path}", *(f"  {each}" for each in files)]
    show("\n".join([*lines, "", "Next:", f"  cd {target} && pip install -e '.[test]' && pytest"]))


def write_files(directory: Path, files: dict[str, str]) -> None:
    """Write new files into a directory that does not exist, or is empty.

    Raises:
        UsageError: something is in it.
        FileError: it cannot be written.
    """
    if directory.exists() and any(directory.iterdir()):
        raise UsageError(f"{directory} is not empty. Name another directory with --directory. Nothing was written.")
    try:
        for name, text in files.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise FileError(error.filename or directory, [error.strerror or str(error)]) from error
