"""``fieldfare compare``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fieldfare.cli.options import DEFAULT_URL, Cluster, Index, ReportOut, Url, file_option
from fieldfare.cli.output import bullets, show, show_json, table
from fieldfare.cli.session import Session
from fieldfare.errors import PreconditionError
from fieldfare.support.wording import counted

if TYPE_CHECKING:
    from fieldfare.comparison import IndexComparison, QueryComparison

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
        file_option("YAML file of queries. Left out: all documents, and the neighbours of some."),
    ] = None,
    min_overlap: Annotated[
        float | None,
        typer.Option(
            help="The least share of a query's results that --against must find. Left out, that of the file, or 0.9.",
            metavar="SHARE",
            min=0,
            max=1,
        ),
    ] = None,
    min_mean_overlap: Annotated[
        float | None,
        typer.Option(help="The least mean of these shares over all queries.", metavar="SHARE", min=0, max=1),
    ] = None,
    samples: Annotated[
        int,
        typer.Option(
            help="Without a file: documents of each vector field whose neighbours are compared.", metavar="N", min=1
        ),
    ] = DEFAULTS["samples"],
    rounds: Annotated[
        int, typer.Option(help="How often each index is asked each query.", metavar="N", min=1)
    ] = DEFAULTS["rounds"],
    report_out: ReportOut = None,
) -> None:
    """Ask two indexes the same queries and compare the answers. Changes nothing; ends with 4 if too little overlaps."""
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
        from fieldfare.support.yamlfile import write_yaml  # noqa: PLC0415 - start-up time

        write_yaml(report_out, _document(comparison))
    if session.json:
        show_json(_document(comparison))
    else:
        show(_text(comparison))
    if not comparison.passed:
        raise typer.Exit(PreconditionError.exit_code)


def _document(comparison: IndexComparison) -> dict[str, Any]:
    from attrs import asdict  # noqa: PLC0415 - start-up time

    return {
        "version": 1,
        "passed": comparison.passed,
        "mean_overlap": comparison.mean_overlap,
        **asdict(comparison, filter=lambda attribute, _: attribute.name != "queries"),
        "differences": list(comparison.differences),
        "queries": [
            {"passed": each.passed, "count_ratio": each.count_ratio, **asdict(each)} for each in comparison.queries
        ],
    }


def _text(comparison: IndexComparison) -> str:
    verdict = "Comparison passed" if comparison.passed else "Comparison FAILED"
    documents = comparison.documents
    rows = [_row(each) for each in comparison.queries]
    failed = [f"{each.name}: {_reason(each)}" for each in comparison.queries if not each.passed]
    if not comparison.mean_passed:
        failed.append(
            f"all queries together: overlap {comparison.mean_overlap:.3f}, {comparison.min_mean_overlap:g} required"
        )
    return "\n".join(
        [
            f"{verdict}: {comparison.index} against {comparison.against}",
            "",
            table(["Query", "Overlap", "Results", "Score ±", "Median ms", ""], rows),
            "",
            f"Mean overlap: {comparison.mean_overlap:.3f} of {counted(len(rows), 'query', 'queries')}",
            f"Documents:    {documents.index:,} and {documents.against:,}",
            *_latency(comparison),
            *bullets("\nDefinitions differ (nothing is required of them):", comparison.differences),
            *bullets("\nToo little overlaps:", failed),
        ]
    )


def _row(query: QueryComparison) -> list[str]:
    results, latency, scores = query.results, query.latency, query.scores
    return [
        query.name,
        "-" if results is None else f"{query.overlap:.3f}",
        "-" if results is None else _both(f"{results.index:,}", f"{results.against:,}"),
        "-" if scores is None else f"{scores.largest_difference:.2g}",
        "-" if latency is None else f"{latency.index.median:.2f}, {latency.against.median:.2f}",
        "" if query.passed else "NO",
    ]


def _both(index: str, against: str) -> str:
    return index if index == against else f"{index}, {against}"


def _reason(query: QueryComparison) -> str:
    if query.error or query.results is None:
        return query.error
    if query.overlap < query.min_overlap:
        return f"overlap {query.overlap:.3f}, {query.min_overlap:g} required"
    results = query.results
    return f"{results.index:,} and {results.against:,} results: a ratio of {query.min_overlap:g} is required"


def _latency(comparison: IndexComparison) -> list[str]:
    latency = comparison.latency
    if latency is None:
        return []
    figures = (
        f"{name} {each.median:.2f} ms, p99 {each.p99:.2f} ms"
        for name, each in ((comparison.index, latency.index), (comparison.against, latency.against))
    )
    return [f"Latency:      {'; '.join(figures)}"]
