"""Questions before a change that takes an index away, or loses information. They are asked at a terminal only."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import typer

from fieldfare.cli.layout import width_of
from fieldfare.cli.output import notice
from fieldfare.cli.styles import with_marks
from fieldfare.errors import BackupUnusable, FieldfareError, Interrupted, UsageError
from fieldfare.support.escape import escape_text
from fieldfare.support.text_layout import wrap_text

if TYPE_CHECKING:
    from fieldfare.cli.session import Session
    from fieldfare.plan import MigrationPlan
    from fieldfare.storage import BackupPath

__all__ = ["confirm_apply", "require_agreement", "require_terminal"]

NOTHING_CHANGED: Final = ("dump", "ready")
"""Phases of a run that has changed nothing on the server yet."""

DONE: Final = "validated"


def _is_typed() -> bool:
    """Whether the command is typed at a terminal that shows questions: else nobody could answer."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def confirm_apply(plan: MigrationPlan, backup_dir: BackupPath | str, *, again: str) -> bool:
    """Ask before an index becomes unavailable, or information is lost. A run that is resumed was asked about before.

    Args:
        plan: what is about to be carried out.
        backup_dir: the backup directory of the run.
        again: the command, for a message.

    Returns:
        Whether it was asked.

    Raises:
        Interrupted: Ctrl-C, or Ctrl-D.
        typer.Exit: the answer is not yes.
    """
    loses = plan.lossy and plan.mode != "shadow"  # there, 'finalize' removes old values, and asks
    if not _is_typed() or not (plan.has_outage or loses) or _is_resumed(plan, backup_dir):
        return False
    from fieldfare.plan.text import summary_text  # noqa: PLC0415 - start-up time

    reasons = ["The index cannot be queried during a part of the run."] if plan.has_outage else []
    reasons += ["Information is lost that only the backup can restore."] if loses else []
    summary = with_marks(summary_text(plan, width_of(sys.stderr)), sys.stderr)
    notice("\n\n".join([summary, "\n".join(reasons)]))
    if not _read_yes("Apply this plan? Type 'yes' to continue: ", again):
        notice("Nothing was changed.")
        raise typer.Exit(FieldfareError.exit_code)
    return True


def require_terminal(session: Session, asks: str) -> None:
    """Refuse a command that asks, where nobody can answer.

    Args:
        session: the session of the command.
        asks: before what the command asks, for the message.

    Raises:
        UsageError: the output is JSON, or there is no terminal.
    """
    if session.json or not sys.stdin.isatty():
        raise UsageError(f"{asks}; without a terminal, pass --yes.")


def require_agreement(*questions: str, again: str) -> None:
    """Ask each question, and end the command unless all answers are yes.

    Args:
        questions: the questions.
        again: the command, for the message if a question is interrupted.

    Raises:
        Interrupted: Ctrl-C, or Ctrl-D.
        typer.Exit: an answer is not yes.
    """
    if not all(_agreed_to(each, again) for each in questions):
        notice("Nothing was changed.")
        raise typer.Exit(FieldfareError.exit_code)


def _agreed_to(question: str, again: str) -> bool:
    """Ask, on stderr, whether to continue: y or n. Lines break between words.

    Args:
        question: the question.
        again: the command, for the message if the question is interrupted.

    Raises:
        Interrupted: Ctrl-C, or Ctrl-D.
    """
    lines = wrap_text(escape_text(f"{question} [y/N]:"), width_of(sys.stderr))
    try:
        return typer.confirm(lines, prompt_suffix=" ", show_default=False, err=True)
    except typer.Abort:
        notice("")
        raise Interrupted("Nothing was changed.", resume=again) from None


def _read_yes(question: str, again: str) -> bool:
    """Ask, on stderr, and say whether the answer is ``yes``.

    Args:
        question: the question.
        again: the command, for the message if the question is interrupted.

    Raises:
        Interrupted: Ctrl-C, or Ctrl-D.
    """
    try:
        answer = typer.prompt(question, prompt_suffix="", default="", show_default=False, err=True)
    except typer.Abort:
        notice("")
        raise Interrupted("Nothing was changed.", resume=again) from None
    return str(answer).strip().lower() == "yes"


def _is_resumed(plan: MigrationPlan, backup_dir: BackupPath | str) -> bool:
    from fieldfare.engine.session import find_backup  # noqa: PLC0415 - start-up time
    from fieldfare.storage import backup_location  # noqa: PLC0415 - start-up time

    try:
        journal = find_backup(backup_location(backup_dir), plan.index)
    except BackupUnusable:
        return False
    phase, undo = journal.progress.phase.value, journal.progress.undo.value
    return journal.belongs_to(plan) and undo == "none" and phase not in {*NOTHING_CHANGED, DONE}
