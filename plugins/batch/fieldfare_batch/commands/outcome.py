"""How a batch that came to an end is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import typer

from fieldfare.cli.output import notice, show, show_json, table
from fieldfare.cli.session import Session
from fieldfare.cli.units import seconds_text
from fieldfare.errors import FieldfareError, MigrationIncomplete

if TYPE_CHECKING:
    from pathlib import Path

    from fieldfare_batch.report import BatchReport, IndexReport
    from fieldfare_batch.state import BatchState

__all__ = ["first_line", "refuse_data_loss", "tell"]

TITLES: Final = {
    "completed": "Batch completed",
    "partial_failure": "Batch partly failed",
    "failed": "Batch failed",
    "rolled_back": "Batch rolled back",
}


def tell(session: Session, report: BatchReport, state: BatchState, state_path: Path, report_path: Path) -> None:
    """Show the report of a batch and what to do next.

    Raises:
        typer.Exit: the batch did not complete: 3 if something is changed on the server, else 1.
    """
    commands = _next(state, state_path)
    if session.json:
        from fieldfare_batch.report import batch_report_to_dict  # noqa: PLC0415 - start-up time

        show_json({**batch_report_to_dict(report), "report_path": str(report_path), "next": commands})
    else:
        show(_text(report, report_path))
    code = _exit_code(report, state)
    if not session.json:
        lines = [f"  {what:<16} {command}" for what, command in commands.items()]
        (notice if code else show)("\n".join(["Next:", *lines]) if lines else "")
    if code:
        raise typer.Exit(code)


def refuse_data_loss(indexes: dict[str, tuple[str, ...]], *, accepted: bool) -> None:
    """Make sure that the user knows what is lost.

    Args:
        indexes: index → steps that lose information.
        accepted: whether the user knows.

    Raises:
        DataLossNotAccepted: something is lost, and the user does not.
    """
    from fieldfare_batch.errors import DataLossNotAccepted  # noqa: PLC0415 - start-up time

    losses = {name: lossy for name, lossy in indexes.items() if lossy}
    if losses and not accepted:
        raise DataLossNotAccepted(losses)


def first_line(reason: str | None) -> str:
    """Return what fits a table of a longer reason."""
    return (reason or "").partition("\n")[0]


def _exit_code(report: BatchReport, state: BatchState) -> int:
    from fieldfare_batch.report import is_half_way  # noqa: PLC0415 - start-up time

    if report.status in {"completed", "rolled_back"}:
        return 0
    return MigrationIncomplete.exit_code if is_half_way(state) else FieldfareError.exit_code


def _next(state: BatchState, path: Path) -> dict[str, Any]:
    from fieldfare_batch.next_step import next_commands  # noqa: PLC0415 - start-up time

    return next_commands(path, state)


def _text(report: BatchReport, path: Path) -> str:
    summary = report.summary
    counts = {
        "successful": summary.successful,
        "failed": summary.failed,
        "skipped": summary.skipped,
        "remaining": summary.remaining,
        "rolled back": summary.rolled_back,
    }
    shown = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    return "\n".join(
        [
            f"{TITLES[report.status]}: {report.batch_id}",
            f"{summary.total_indexes} indexes: {shown}; {seconds_text(summary.total_duration_seconds)} in all",
            "",
            table(["Index", "Status", "Reason", "Report"], list(map(_row, report.indexes))),
            "",
            f"Batch report written to {path}",
        ]
    )


def _row(index: IndexReport) -> list[str]:
    return [index.name, index.status.value, first_line(index.error or index.skip_reason), index.report_path or ""]
