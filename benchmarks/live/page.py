"""The table of the documentation, made of the JSON file."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from comparison.markdown import make_table, write_between
from live.results import CaseResult, Figures, ZeroDowntime

__all__ = ["BEGIN", "END", "make_section", "write_section"]

BEGIN: Final = "<!-- figures of make zero-downtime -->"
END: Final = "<!-- end of figures of make zero-downtime -->"

COUNTS: Final = ("migration", "queries", "failed", "empty", "outage", "writes", "lost", "stale", "recall@10")
TIMES: Final = ("p99 (longest), ms", "before", "apply", "the switch in it", "after", "rollback", "the move back in it")

BUSY: Final = "\n\n**Other programs were running: these figures are only a trial.**"


def write_section(run: ZeroDowntime, path: Path) -> None:
    """Write the tables between the marks of a page.

    Raises:
        SystemExit: the page has no marks.
    """
    write_between(path, BEGIN, END, make_section(run))


def make_section(run: ZeroDowntime) -> str:
    """Return both tables, and where they were measured."""
    counts = make_table(COUNTS, [_counts(each) for each in run.cases])
    times = make_table(TIMES, [_times(each) for each in run.cases])
    machine = run.machine
    return (
        f"{counts}\n{times}\n"
        f"{run.cases[0].documents:,} documents, {run.dims} dimensions; commit {run.commit}, {run.date} UTC;\n"
        f"{run.server}; Python {machine.python}; {machine.cores} cores of {machine.processor}, "
        f"{machine.memory_mib:,} MiB;\nload average {machine.load_average} at the start."
        f"{BUSY if machine.load_average > machine.cores / 2 else ''}\n"
    )


def _counts(result: CaseResult) -> list[str]:
    rate = result.writes_per_second
    whole = [figures for name, figures in result.parts.items() if ":" not in name]
    return [
        result.name,
        *(f"{sum(getattr(each, attribute) for each in whole):,}" for attribute in ("queries", "errors", "empty")),
        f"{result.outage_seconds:.2f} s" if result.outage_seconds else "none",
        f"{result.writes:,}" if rate is None else f"{result.writes:,} ({rate:.0f}/s)",
        f"{result.not_found + result.write_errors:,}",
        "-" if result.stale is None else f"{result.stale:,}",
        "-" if result.recall is None else f"{result.recall:.3f}",
    ]


def _times(result: CaseResult) -> list[str]:
    parts = [result.parts.get(name) for name in ("before", "apply", "apply: switch", "after", "rollback")]
    move = "-" if result.back_ms is None else f"{_time(result.parts['rollback: switch'])} in {result.back_ms:.0f} ms"
    return [result.name, *("-" if each is None else _time(each) for each in parts), move]


def _time(figures: Figures) -> str:
    if not figures.queries:
        return "no query"
    return f"{figures.p99_ms:.1f} ({figures.longest_ms:.1f})"
