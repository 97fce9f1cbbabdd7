"""``fieldfare compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fieldfare.cli.comparison_text import comparison_document, comparison_text
from fieldfare.cli.options import DEFAULT_URL, Cluster, Index, MinOverlap, ReportOut, Url, file_option
from fieldfare.cli.output import show, show_json
from fieldfare.cli.session import Session
from fieldfare.errors import PreconditionError

__all__ = ["compare"]

DEFAULTS = {"samples": 10, "rounds": 5}


def compare(  # noqa: PLR0913 - the command's options
    context: typer.Context,
    *,
    index: Index,
    against: Annotated[
        str, typer.Option(help="The index that should find the same, or an alias of it.", metavar="NAME")
    ],
    url: Url = DEFAULT_URL,
    cluster: Cluster = None,
    query_check_file: Annotated[
        Path | None,
        file_option("YAML file of queries. Default: count all documents, and compare nearest neighbours of some."),
    ] = None,
    min_overlap: MinOverlap = None,
    min_mean_overlap: Annotated[
        float | None,
        typer.Option(help="Minimum mean of these shares over all queries.", metavar="SHARE", min=0, max=1),
    ] = None,
    samples: Annotated[
        int,
        typer.Option(
            help="Without a file: for how many documents the nearest neighbours are compared.", metavar="N", min=1
        ),
    ] = DEFAULTS["samples"],
    rounds: Annotated[
        int, typer.Option(help="How often each query is sent to each index.", metavar="N", min=1)
    ] = DEFAULTS["rounds"],
    report_out: ReportOut = None,
) -> None:
    """Compare what two indexes answer to the same queries. Changes nothing.

    Ends with 4 if the answers to a query do not overlap enough.
    """
    session = Session.of(context)
    from fieldfare.api.comparison import compare_indexes  # noqa: PLC0415 - start-up time
    from fieldfare.server import connect  # noqa: PLC0415 - start-up time

    with connect(url, cluster=cluster) as server:
        comparison = compare_indexes(
            index,
            against,
            server=server,
            query_check_file=query_check_file,
            min_overlap=min_overlap,
            min_mean_overlap=min_mean_overlap,
            samples=samples,
            rounds=rounds,
            plugins=session.plugins,
        )
    if report_out is not None:
        from fieldfare.comparison.page import comparison_page  # noqa: PLC0415 - start-up time
        from fieldfare.report.file import write_yaml_or_page  # noqa: PLC0415 - start-up time

        document = comparison_document(comparison)
        write_yaml_or_page(report_out, document, page=lambda: comparison_page(comparison))
    if session.json:
        show_json(comparison_document(comparison))
    else:
        show(comparison_text(comparison))
    if not comparison.passed:
        raise typer.Exit(PreconditionError.exit_code)
