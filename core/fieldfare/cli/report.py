"""``fieldfare report``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from fieldfare.cli.options import refuse_overwriting_inputs, writable_file
from fieldfare.cli.output import show, show_json
from fieldfare.cli.session import Session
from fieldfare.errors import FileError

if TYPE_CHECKING:
    from fieldfare.hooks.manager import Plugins
    from fieldfare.support.yamlfile import YamlFile

__all__ = ["report", "report_page"]


def report(
    context: typer.Context,
    *,
    file: Annotated[
        Path, typer.Argument(help="Report of a run, a batch, a comparison or a doctor, as YAML.", metavar="FILE")
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Write the page here. Default: FILE with the ending .html.",
            metavar="FILE",
            dir_okay=False,
            callback=writable_file,
        ),
    ] = None,
) -> None:
    """Make a page for a browser from a report file.

    The page is one file, light and dark, and loads nothing from other places. The command needs no server.
    """
    session = Session.of(context)
    from fieldfare.support.yamlfile import load_yaml, write_text  # noqa: PLC0415 - start-up time

    target = output or file.with_suffix(".html")
    refuse_overwriting_inputs(target, file, option="--output")
    write_text(target, report_page(load_yaml(file), session.plugins))
    path = target.absolute()
    if session.json:
        show_json({"page": str(path)})
    else:
        show(f"Page written to {path}")


def report_page(file: YamlFile, plugins: Plugins) -> str:
    """Return the page of a report file.

    Raises:
        FileError: it is not a report that the kernel or a plugin knows, or a damaged one.
    """
    from fieldfare.support.structure import StructureError  # noqa: PLC0415 - start-up time

    try:
        for key, make in PAGES.items():
            if key in file.data:
                return make(file.data)
    except StructureError as error:
        raise file.error(error.problems) from error
    found = plugins.call_first("fieldfare_report_page", document=file.data, path=file.path)
    if found is None:
        problem = "not a report: neither fieldfare nor a plugin knows what it is about"
        raise FileError(file.path, [f"{problem}. 'apply --report-out FILE.yaml' writes one"])
    return str(found)


def _of_run(document: Mapping[str, Any]) -> str:
    from fieldfare.report.file import report_from_dict  # noqa: PLC0415 - start-up time
    from fieldfare.report.html.migration import migration_page  # noqa: PLC0415 - start-up time

    return migration_page(report_from_dict(document))


def _of_comparison(document: Mapping[str, Any]) -> str:
    from fieldfare.comparison.file import comparison_from_dict  # noqa: PLC0415 - start-up time
    from fieldfare.comparison.page import comparison_page  # noqa: PLC0415 - start-up time

    return comparison_page(comparison_from_dict(document))


def _of_examination(document: Mapping[str, Any]) -> str:
    from fieldfare.examination.model import examination_from_dict  # noqa: PLC0415 - start-up time
    from fieldfare.examination.page import examination_page  # noqa: PLC0415 - start-up time

    return examination_page(examination_from_dict(document))


PAGES: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "source_index": _of_run,
    "against": _of_comparison,
    "examined_index": _of_examination,
}
"""Key that only one kind of report has → what makes its page."""
