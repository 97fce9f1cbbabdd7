"""``fieldfare doctor``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from fieldfare.cli.layout import table
from fieldfare.cli.options import DEFAULT_URL, Cluster, Index, ReportOut, Url, file_option
from fieldfare.cli.output import show, show_json
from fieldfare.cli.session import Session
from fieldfare.errors import FieldfareError, UsageError
from fieldfare.support.text_layout import bullets
from fieldfare.support.units import bytes_text
from fieldfare.support.wording import counted

if TYPE_CHECKING:
    from fieldfare.examination import Examination
    from fieldfare.report import Finding

__all__ = ["doctor"]

SAMPLE: Final = 10_000
"""As ``fieldfare.examination.SAMPLE``, which costs start-up time."""

TITLES: Final = {"error": "Errors:", "warning": "Warnings:", "info": "Also:"}


def doctor(  # noqa: PLR0913 - the command's options
    context: typer.Context,
    *,
    index: Index,
    url: Url = DEFAULT_URL,
    cluster: Cluster = None,
    sample: Annotated[
        int | None,
        typer.Option(help=f"How many documents to read, chosen at random. Default: {SAMPLE:,}.", metavar="N", min=1),
    ] = None,
    read_all: Annotated[bool, typer.Option("--all", help="Read all documents.")] = False,
    schema: Annotated[Path | None, file_option("Schema file, as YAML, to compare with the live definition.")] = None,
    fail_on: Annotated[
        Literal["error", "warning"] | None,
        typer.Option(help="End with 1 if there are errors, or errors or warnings. Default: end with 0."),
    ] = None,
    report_out: ReportOut = None,
) -> None:
    """Find problems of an index. Reads the server, changes nothing.

    Reports documents that are not indexed, with the reason, vectors that no query can use, fields that no document
    has, and the memory of each field.
    """
    session = Session.of(context)
    if read_all and sample is not None:
        raise UsageError("--all and --sample exclude each other. Nothing was read.")
    from fieldfare.api.examination import examine_index  # noqa: PLC0415 - start-up time
    from fieldfare.examination.model import examination_to_dict  # noqa: PLC0415 - start-up time
    from fieldfare.report import Severity  # noqa: PLC0415 - start-up time
    from fieldfare.server import connect  # noqa: PLC0415 - start-up time

    with connect(url, cluster=cluster) as server:
        found = examine_index(
            index,
            server=server,
            sample=None if read_all else sample or SAMPLE,
            schema_path=schema,
            plugins=session.plugins,
        )
    document = examination_to_dict(found)
    if report_out is not None:
        from fieldfare.examination.page import examination_page  # noqa: PLC0415 - start-up time
        from fieldfare.report.file import write_yaml_or_page  # noqa: PLC0415 - start-up time

        write_yaml_or_page(report_out, document, page=lambda: examination_page(found))
    if session.json:
        show_json(document)
    else:
        show(_text(found))
    severities = {"error": (Severity.ERROR,), "warning": (Severity.ERROR, Severity.WARNING)}
    if fail_on is not None and found.has_failed(*severities[fail_on]):
        raise typer.Exit(FieldfareError.exit_code)


def _text(found: Examination) -> str:
    read = f"{counted(found.examined, 'document')} read"
    how = f"{read}, a random sample of {found.documents:,}; --all reads all" if found.is_sample else read
    rows = [
        [
            each.name,
            each.type,
            f"{each.documents:,}",
            bytes_text(each.document_bytes),
            "-" if each.index_bytes is None else bytes_text(each.index_bytes),
        ]
        for each in found.fields
    ]
    passed = [_line(each) for each in found.findings if each.passed]
    lines = [f"{found.examined_index}: {how}"]
    for severity, title in TITLES.items():
        lines += bullets(f"\n{title}", [_line(each) for each in found.findings if _is(each, severity)])
    lines += bullets("\nPassed:", passed)
    if rows:
        lines += ["", table(["Field", "Type", "Documents", "In documents", "In the index"], rows)]
    return "\n".join(lines)


def _is(finding: Finding, severity: str) -> bool:
    return not finding.passed and finding.severity == severity


def _line(finding: Finding) -> str:
    return f"{finding.name}: {finding.detail}"
