"""Figures as text, and the table for the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.table import Table

from comparison.cases import COMMANDS
from comparison.results import METRICS, CaseResult, Comparison

__all__ = ["cell", "figure", "make_table", "ratio", "rounds"]

MISSING: Final = "-"
UNITS: Final = {"peak_mib": "{:.0f} MiB", "query_p99_ms": "{:.1f} ms"}


def figure(value: float | None, metric: str) -> str:
    """Return a figure with its unit."""
    if value is None:
        return MISSING
    return UNITS[metric].format(value) if metric in UNITS else f"{value:.2f} s"


def ratio(value: float | None) -> str:
    """Return how many times as much the baseline took."""
    return MISSING if value is None else f"{value:.2f} x"


def rounds(comparison: Comparison) -> str:
    """Return how many rounds were run."""
    return "1 round" if comparison.rounds == 1 else f"{comparison.rounds} rounds"


def cell(result: CaseResult, command: str, participant: str, metric: str) -> str:
    """Return a participant's figure, the baseline's, and the ratio."""
    ours = figure(result.median(command, participant, metric), metric)
    if result.baseline is None:
        return ours
    theirs = result.median(command, result.baseline, metric)
    if theirs is None:
        return ours
    return f"{ours} / {figure(theirs, metric)} = {ratio(result.ratio(command, participant, metric))}"


def make_table(comparison: Comparison) -> Table:
    """Return the table for the terminal."""
    title = f"fieldfare / RedisVL = ratio; {rounds(comparison)}, commit {comparison.commit}"
    table = Table("Migration", "Command", *METRICS.values(), title=title)
    for result in comparison.cases:
        for cells in _rows(result):
            table.add_row(*cells)
        table.add_section()
    return table


def _rows(result: CaseResult) -> Iterator[tuple[str, ...]]:
    compared = [name for name in result.participants if name != result.baseline]
    for command in COMMANDS:
        for name in compared:
            label = f"{command}, {name}" if len(compared) > 1 else command
            yield (result.name, label, *(cell(result, command, name, metric) for metric in METRICS))
