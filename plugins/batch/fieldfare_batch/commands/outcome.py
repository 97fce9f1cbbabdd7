"""Running a batch in a command, and showing its outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import typer

from fieldfare.cli.layout import command_text
from fieldfare.cli.output import notice, show, show_json, table
from fieldfare.cli.session import Session
from fieldfare.cli.signals import stop_on_signals
from fieldfare.errors import FieldfareError, MigrationIncomplete
from fieldfare.support.units import seconds_text
from fieldfare.support.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from fieldfare_batch.plan import BatchIndex
    from fieldfare_batch.report import BatchReport, IndexReport
    from fieldfare_batch.state import BatchState, IndexState

__all__ = ["command_lines", "exit_code_of", "first_line", "require_data_loss_accepted", "run_batch"]

LABELS: Final = {"resume": "To resume:", "finalize": "To finalize:", "rollback": "To roll back:"}

COUNTS: Final = ("successful", "built", "failed", "skipped", "remaining", "rolled_back")
"""The counts of the summary that are shown unless they are 0."""

TITLES: Final = {
    "completed": "Batch completed",
    "built": "Batch built and checked; no name has moved",
    "partial_failure": "Batch partly failed",
    "failed": "Batch failed",
    "rolled_back": "Batch rolled back",
}


def run_batch(  # noqa: PLR0913 - what the commands have in common
    run: Callable[..., BatchReport],
    *,
    session: Session,
    state_path: Path,
    report_path: Path | None,
    url: str,
    cluster: bool | None,
) -> None:
    """Run a batch, with progress and until Ctrl-C; then show its report, and the commands to run next.

    Args:
        run: a method of the executor, with all arguments but those that every command has.
        session: the session of the command.
        state_path: the state file.
        report_path: the report file; None for the default one.
        url: the URL of the server.
        cluster: whether it is a cluster; None to find out.

    Raises:
        typer.Exit: the batch did not complete: 3 if something is changed on the server, else 1.
    """
    from fieldfare.engine.stop import StopRequest  # noqa: PLC0415 - start-up time
    from fieldfare.server import connect  # noqa: PLC0415 - start-up time
    from fieldfare_batch.progress import show_batch_progress  # noqa: PLC0415 - start-up time
    from fieldfare_batch.report_file import default_report_path  # noqa: PLC0415 - start-up time
    from fieldfare_batch.state import next_commands  # noqa: PLC0415 - start-up time
    from fieldfare_batch.state_file import load_state  # noqa: PLC0415 - start-up time

    stop = StopRequest()
    with (
        connect(url, cluster=cluster) as server,
        show_batch_progress(session.plugins) as reporter,
        stop_on_signals(stop),
    ):
        report = run(
            state_path=state_path, server=server, report_path=report_path, progress_callback=reporter, stop=stop
        )
    state_path = state_path.absolute()
    report_path = (report_path or default_report_path(state_path)).absolute()
    state = load_state(state_path)
    commands = next_commands(state_path, state)
    code = exit_code_of(report, state)
    if session.json:
        from fieldfare_batch.report import batch_report_to_dict  # noqa: PLC0415 - start-up time

        show_json({**batch_report_to_dict(report), "report_path": str(report_path), "next": commands})
    else:
        show(_text(report, report_path))
        if commands:
            (notice if code else show)("\n".join(command_lines(commands)))
    if code:
        raise typer.Exit(code)


def require_data_loss_accepted(indexes: Iterable[BatchIndex | IndexState], *, accepted: bool) -> None:
    """Check that the user accepts the loss of information.

    Args:
        indexes: that are migrated.
        accepted: whether the user accepts it.

    Raises:
        DataLossNotAccepted: steps lose information, and the user did not accept it.
    """
    from fieldfare_batch.errors import DataLossNotAccepted  # noqa: PLC0415 - start-up time

    losses = {each.name: each.lossy for each in indexes if each.lossy}
    if losses and not accepted:
        raise DataLossNotAccepted(losses)


def first_line(reason: str | None) -> str:
    """Return the first line of a reason, for tables."""
    return (reason or "").partition("\n")[0]


def command_lines(commands: Mapping[str, str]) -> list[str]:
    """Return the commands to run next, a line each."""
    return [command_text(f"{LABELS[name]:<14}", command) for name, command in commands.items()]


def exit_code_of(report: BatchReport, state: BatchState) -> int:
    """Return the exit code of a batch: 1 also if it was rolled back because its names could not move."""
    was_refused = report.status == "rolled_back" and any(index.exit_code for index in state.indexes)
    if report.status in {"completed", "built", "rolled_back"} and not was_refused:
        return 0
    return MigrationIncomplete.exit_code if state.is_incomplete else FieldfareError.exit_code


def _text(report: BatchReport, path: Path) -> str:
    summary = report.summary
    counts = {name: getattr(summary, name) for name in COUNTS}
    shown = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items() if count)
    total = counted(summary.total_indexes, "index", "indexes")
    return "\n".join(
        [
            f"{TITLES[report.status]}: {report.batch_id}",
            f"{total}: {shown}; {seconds_text(summary.total_duration_seconds)}",
            *(["The names of built indexes have not moved: all of them move, or none."] if summary.built else []),
            "",
            table(["Index", "Status", "Reason", "Report"], list(map(_row, report.indexes))),
            "",
            f"Batch report written to {path}",
        ]
    )


def _row(index: IndexReport) -> list[str]:
    return [index.name, index.status.value, first_line(index.error or index.skip_reason), index.report_path or ""]
