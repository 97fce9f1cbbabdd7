"""A migration report on the terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fieldfare.cli.comparison_text import comparison_text
from fieldfare.cli.layout import width_of
from fieldfare.cli.output import show, show_json
from fieldfare.cli.session import Session
from fieldfare.cli.styles import styled
from fieldfare.errors import ChecksFailed, MigrationIncomplete
from fieldfare.report import MigrationReport
from fieldfare.report import text as plain

if TYPE_CHECKING:
    from fieldfare.comparison import IndexComparison

__all__ = ["report_text", "show_failure", "show_report"]


def show_report(session: Session, report: MigrationReport, *, title: str = "", **more: str) -> None:
    """Show a report as text with this title, or as JSON with ``more`` beside it."""
    if session.json:
        from fieldfare.report.file import report_to_dict  # noqa: PLC0415 - start-up time

        show_json({**report_to_dict(report), **more})
    else:
        show(report_text(report, title=title))


def show_failure(session: Session, error: MigrationIncomplete) -> None:
    """Show the report of a run that failed, and the results of its queries; with --json the error says both.

    The message of the error does not repeat the checks that the report lists.
    """
    if error.report is None or session.json:
        return
    from attrs import evolve  # noqa: PLC0415 - start-up time

    show(report_text(evolve(error.report, error=None), comparison=getattr(error, "comparison", None)))
    if isinstance(error, ChecksFailed):
        error.refer_to_report()


def report_text(report: MigrationReport, *, title: str = "", comparison: IndexComparison | None = None) -> str:
    """Return a report as text that fits the terminal; checks that failed are red.

    Args:
        report: the report of a run.
        title: replaces the title of the result.
        comparison: the comparison of the user's queries, which becomes a table of its own.
    """
    compared = "" if comparison is None else comparison_text(comparison)
    return plain.report_text(report, title=title, comparison=compared, width=width_of(sys.stdout), style=_style)


def _style(line: str, row: Sequence[str] | None) -> str:
    if row is None:
        return styled(line, "bold")
    failed = next((cell for cell in row if cell.startswith("NO (")), "")
    return styled(line, "red" if "error" in failed else "yellow") if failed else line
