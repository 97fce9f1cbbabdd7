"""``fieldfare sync``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fieldfare.cli.command_line import command_line
from fieldfare.cli.layout import command_text
from fieldfare.cli.next_steps import SWITCHED, next_lines
from fieldfare.cli.options import DEFAULT_URL, BackupDirectory, BackupIndex, Cluster, ReportOut, Url
from fieldfare.cli.output import notice, show
from fieldfare.cli.progress import show_progress
from fieldfare.cli.report_text import show_report
from fieldfare.cli.run_options import BatchSize, MaxLatency, MaxRate, ReconnectTimeout
from fieldfare.cli.session import Session
from fieldfare.cli.signals import stop_on_signals
from fieldfare.errors import UsageError
from fieldfare.hooks.run_defaults import RETRY_SECONDS
from fieldfare.hooks.run_options import RunOptions

if TYPE_CHECKING:
    from fieldfare.api import MigrationExecutor
    from fieldfare.engine.shadow.sync_progress import SyncProgress
    from fieldfare.storage import BackupPath

__all__ = ["sync"]

DEFAULT_BATCH_SIZE: Final = RunOptions().batch_size


def sync(  # noqa: PLR0913 - the command's options
    context: typer.Context,
    *,
    backup_dir: BackupDirectory,
    index: BackupIndex = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Continue with all later writes, until SIGTERM or Ctrl-C.")
    ] = False,
    url: Url = DEFAULT_URL,
    cluster: Cluster = None,
    batch_size: BatchSize = DEFAULT_BATCH_SIZE,
    max_rate: MaxRate = None,
    max_latency: MaxLatency = None,
    retry_for: ReconnectTimeout = RETRY_SECONDS,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, metavar="PORT", help="Serve /metrics for Prometheus at this port; 0 for any free port."
        ),
    ] = None,
    metrics_address: Annotated[str, typer.Option(help="Address of the metrics.", metavar="ADDRESS")] = "127.0.0.1",
    report_out: ReportOut = None,
) -> None:
    """Convert what applications still write in the old form.

    For migrations whose new values are in shadow fields (EMBEDDING__v2), under the new name of a field, or under new
    keys. The command compares every document once. If an application has written the old field or key, it writes
    the converted value to the new one. It does not change values that an application wrote to the new one itself.
    """
    session = Session.of(context)
    from fieldfare.api import MigrationExecutor, write_migration_report  # noqa: PLC0415 - start-up time
    from fieldfare.engine.shadow.sync_progress import SyncProgress  # noqa: PLC0415 - start-up time
    from fieldfare.engine.stop import StopRequest  # noqa: PLC0415 - start-up time
    from fieldfare.server import connect  # noqa: PLC0415 - start-up time

    stop, progress = StopRequest(), SyncProgress()
    migrations = MigrationExecutor(plugins=session.plugins)
    with (
        connect(url, cluster=cluster) as server,
        show_progress(session.plugins),
        stop_on_signals(stop),
        _metrics(progress, metrics_address, metrics_port),
    ):
        if watch:
            notice("Converting what applications write, until Ctrl-C or SIGTERM.")
        report = migrations.sync(
            server=server,
            backup_dir=backup_dir,
            index=index,
            watch=watch,
            batch_size=batch_size,
            max_rate=max_rate,
            max_latency=max_latency,
            retry_for=retry_for,
            stop=stop,
            progress=progress,
        )
    if report_out is not None:
        write_migration_report(report, report_out)
    show_report(session, report, title="Synchronized")
    if not session.json:
        show("\n" + _next_line(migrations, backup_dir, report.index))


def _next_line(migrations: MigrationExecutor, backup_dir: BackupPath, index: str) -> str:
    [migration] = [each for each in migrations.status(backup_dir) if each["index"] == index]
    if migration["stage"] == SWITCHED:
        return command_text("Next:", command_line("finalize", backup_dir=backup_dir, index=index))
    return next_lines(migration)[-1]


@contextmanager
def _metrics(progress: SyncProgress, address: str, port: int | None) -> Iterator[None]:
    """Publish metrics during the body, if a port is given.

    Raises:
        UsageError: the library for it is not installed.
        PreconditionError: the port cannot be used.
    """
    if port is None:
        yield
        return
    try:
        from fieldfare.cli.metrics import publishing  # noqa: PLC0415 - an extra
    except ImportError as error:
        message = "--metrics-port needs the extra 'metrics': pip install 'fieldfare[metrics]'. Nothing was changed."
        raise UsageError(message) from error
    with publishing(progress, address, port) as found:
        notice(f"Metrics: http://{address}:{found}/metrics")
        yield
