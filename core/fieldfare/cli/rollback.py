"""``fieldfare rollback``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fieldfare.cli.command_line import command_line
from fieldfare.cli.completion import complete_backed_up_index
from fieldfare.cli.confirmation import require_agreement
from fieldfare.cli.layout import command_text
from fieldfare.cli.options import DEFAULT_URL, BackupDirectory, Cluster, Url, index_option
from fieldfare.cli.output import notice, show, show_json
from fieldfare.cli.overall_progress import Seconds, at_rate
from fieldfare.cli.progress import show_progress
from fieldfare.cli.report_text import report_text
from fieldfare.cli.run_options import Executor, IndexWorkers, MaxLatency, MaxRate, PauseFile, ReconnectTimeout
from fieldfare.cli.session import Session
from fieldfare.cli.signals import stop_on_signals
from fieldfare.errors import RollbackFailed
from fieldfare.hooks.run_defaults import RETRY_SECONDS
from fieldfare.report import MigrationReport, Result
from fieldfare.support.units import about_seconds
from fieldfare.support.wording import counted

if TYPE_CHECKING:
    from fieldfare.api import MigrationExecutor
    from fieldfare.backup.journal import Journal
    from fieldfare.storage import BackupPath

__all__ = ["rollback"]

NOTHING_LEFT: Final = "Nothing to do: everything is rolled back"


def rollback(  # noqa: PLR0913 - the command's options
    context: typer.Context,
    *,
    backup_dir: BackupDirectory,
    index: Annotated[
        str | None,
        index_option(
            "Only the migration of this index (the name before the migration), if the directory holds several.",
            complete_backed_up_index,
        ),
    ] = None,
    url: Url = DEFAULT_URL,
    cluster: Cluster = None,
    yes: Annotated[
        bool,
        typer.Option(
            "--yes",
            "-y",
            help="Do not ask. Without --index, roll back every migration in the directory, the newest first.",
        ),
    ] = False,
    workers: Annotated[
        int,
        typer.Option(help="How many workers share the documents; at most as many as 'apply' had.", metavar="N", min=1),
    ] = 1,
    executor: Executor = None,
    retry_for: ReconnectTimeout = RETRY_SECONDS,
    index_workers: IndexWorkers = None,
    max_rate: MaxRate = None,
    max_latency: MaxLatency = None,
    pause_file: PauseFile = None,
    force: Annotated[
        bool, typer.Option("--force", help="Roll back even if the server has changed since the migration.")
    ] = False,
    restore_own_name: Annotated[
        bool,
        typer.Option(
            "--restore-own-name",
            help="If the name was an index before the migration and is an alias now, make it an index again. "
            "Queries fail or lack documents until that index is built.",
        ),
    ] = False,
) -> None:
    """Roll back a migration from its backup.

    Restores the original bytes of documents, the index, its synonyms and its aliases. Works after success
    and after a failure at any point. If it is interrupted, the same command resumes it.
    """
    session = Session.of(context)
    from fieldfare.api import MigrationExecutor  # noqa: PLC0415 - start-up time
    from fieldfare.backup.progress import RollbackStatus  # noqa: PLC0415 - start-up time
    from fieldfare.engine.session import find_backup  # noqa: PLC0415 - start-up time
    from fieldfare.engine.stop import StopRequest  # noqa: PLC0415 - start-up time
    from fieldfare.server import connect  # noqa: PLC0415 - start-up time

    stop = StopRequest()
    migrations = MigrationExecutor(plugins=session.plugins)
    indexes = _all_indexes(migrations, backup_dir) if yes and index is None else [index]
    about = [] if session.json else [find_backup(backup_dir, name) for name in indexes]
    if not restore_own_name:
        about = [each for each in about if each.progress.undo is not RollbackStatus.DONE]
    if about:
        notice("\n".join(map(_announcement, about)))
    if about and sys.stdin.isatty() and not yes:
        _confirm(backup_dir, index, executor)
    expected = _at_rate(about[0], max_rate) if len(about) == 1 else None
    reports: list[MigrationReport] = []
    with connect(url, cluster=cluster) as server, show_progress(session.plugins, expected), stop_on_signals(stop):
        for name in indexes:
            report = migrations.rollback(
                server=server,
                backup_dir=backup_dir,
                index=name,
                num_workers=workers,
                executor=executor,
                retry_for=retry_for,
                force=force,
                restore_own_name=restore_own_name,
                index_workers=index_workers,
                max_rate=max_rate,
                max_latency=max_latency,
                pause_file=pause_file,
                stop=stop,
            )
            reports.append(report)
            if not session.json:
                done_before = report.result is Result.NOTHING_TO_DO
                show(report_text(report, title=NOTHING_LEFT if done_before else ""))
    if session.json:
        from fieldfare.report.file import report_to_dict  # noqa: PLC0415 - start-up time

        documents = list(map(report_to_dict, reports))
        show_json(documents[0] if len(documents) == 1 else {"rollbacks": documents})
    else:
        show("\n".join(["", *(command_text("Next:", command_line("info", index=each.index)) for each in reports)]))
    if not all(each.validation.passed for each in reports):
        raise typer.Exit(RollbackFailed.exit_code)


def _all_indexes(executor: MigrationExecutor, backup_dir: BackupPath) -> list[str | None]:
    """Return the indexes of all migrations in a directory, the newest first; None for the only one."""
    backups = executor.status(backup_dir)
    newest = sorted(backups, key=lambda each: str(each["started_at"]), reverse=True)
    return [str(each["index"]) for each in newest] if len(newest) > 1 else [None]


def _announcement(journal: Journal) -> str:
    """Say which index is rolled back, how many documents it has, and how long it will take if that is known."""
    plan, expected = journal.plan, _expected(journal)
    names = repr(plan.index) if plan.target.name == plan.index else f"{plan.target.name!r} to {plan.index!r}"
    what = f"{counted(journal.progress.documents, 'document')}, started {journal.progress.started_at}"
    seconds = sum(expected.values())
    if not seconds:
        return f"Rolling back {names}: {what}"
    outage = "; the index cannot be queried meanwhile" if plan.has_outage else ""
    return f"Rolling back {names}: {what}; {about_seconds(seconds)}, as the migration took{outage}"


def _expected(journal: Journal) -> dict[str, float]:
    """Return activity → the seconds that it took in the migration."""
    timings = journal.progress.timings
    return {"restore": timings.get("rewrite", 0.0), "index": timings.get("index", 0.0)}


def _at_rate(journal: Journal, max_rate: float | None) -> Seconds:
    expected = _expected(journal)
    return at_rate(expected, journal.progress.documents, max_rate, {"restore": int(expected["restore"] > 0)})


def _confirm(backup_dir: BackupPath, index: str | None, executor: str | None) -> None:
    what = f"the migration of {index!r}" if index else "the migration"
    again = command_line("rollback", backup_dir=backup_dir, index=index, executor=executor)
    require_agreement(f"Roll back {what} recorded in {backup_dir}?", again=again)
