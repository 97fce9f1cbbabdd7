"""``fieldfare estimate``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from fieldfare.cli.options import DEFAULT_PLAN, DEFAULT_URL, Cluster, Plan, Url
from fieldfare.cli.output import bullets, notice, show, show_json
from fieldfare.cli.plan import apply_line
from fieldfare.cli.run_options import Executor
from fieldfare.cli.session import Session
from fieldfare.cli.sizing_options import Documents, NetworkRate, Nodes, StorageLatency, StorageRate, WorkerCount
from fieldfare.errors import ServerUnavailable, UsageError
from fieldfare.plan import Estimate, MigrationPlan
from fieldfare.support.units import bytes_text

if TYPE_CHECKING:
    from fieldfare.planning.sizing import Sizing

__all__ = ["estimate"]

MEGABYTE: Final = 1e6


def estimate(  # noqa: PLR0913 - options of a command
    context: typer.Context,
    *,
    plan: Plan = DEFAULT_PLAN,
    documents: Documents = None,
    executor: Executor = None,
    workers: WorkerCount = None,
    nodes: Nodes = None,
    storage_rate: StorageRate = None,
    storage_latency: StorageLatency = None,
    network_rate: NetworkRate = None,
    aof_enabled: Annotated[
        bool, typer.Option("--aof-enabled", help="Also count the growth of the append-only file.")
    ] = False,
    url: Url = "",
    cluster: Cluster = None,
) -> None:
    """Estimate the disk, memory and time that a plan needs.

    With --url (or FIELDFARE_URL, REDIS_URL) the command asks the server whether it writes an append-only file. Without
    it, no server is needed, except for a plan of RedisVL.

    With --executor it says how long a run takes with these workers, what limits it, and how many workers are enough.
    Nothing is started. With --documents and --nodes, the plan of a small index serves for a large one.
    """
    session = Session.of(context)
    from fieldfare.api import load_migration_plan  # noqa: PLC0415 - start-up time
    from fieldfare.cli.sizing import sizing_document, sizing_lines  # noqa: PLC0415 - start-up time
    from fieldfare.planning.sizing import scale_plan  # noqa: PLC0415 - start-up time

    loaded = load_migration_plan(plan)
    aof: bool | None = None
    if url or loaded.is_unplanned:
        loaded, aof = _ask_server(session, loaded, url or DEFAULT_URL, cluster=cluster)
    session.plugins.raise_if_broken()
    session.plugins.require(loaded.plugins)
    given: Mapping[str, Any] = {
        "workers": workers,
        "nodes": nodes,
        "storage_rate": storage_rate and storage_rate * MEGABYTE,
        "storage_latency": storage_latency and storage_latency / 1000,
        "network_rate": network_rate and network_rate * MEGABYTE,
    }
    sizing = _size(session, loaded, executor, {"documents": documents, **given})
    known = loaded
    if documents is not None:
        loaded = scale_plan(loaded, documents)
    total = session.plugins.estimate(loaded)
    new_bytes = total.disk_bytes + total.rdb_bytes + (total.aof_bytes if aof_enabled or aof else 0)
    if session.json:
        show_json(
            {
                "index": loaded.index,
                "documents": loaded.source.stats.num_docs,
                "disk_bytes": total.disk_bytes,
                "rdb_bytes": total.rdb_bytes,
                "aof_bytes": total.aof_bytes if aof_enabled or aof else None,
                "total_new_disk_bytes": new_bytes,
                "memory_delta_bytes": total.memory_delta_bytes,
                "lines": list(total.lines),
                "downtime_seconds": loaded.forecast.downtime_seconds if loaded.forecast else None,
                "total_seconds": sum(loaded.forecast.activities.values()) if loaded.forecast else None,
                "time_basis": list(loaded.forecast.basis) if loaded.forecast else [],
                "with_executor": sizing and sizing_document(sizing, known, executor or ""),
            }
        )
    else:
        times = _times(loaded) if sizing is None else sizing_lines(sizing, known, executor or "")
        lines = [*_lines(loaded, total, new_bytes, aof=True if aof_enabled else aof), *times]
        show("\n".join([*lines, "", apply_line(loaded, plan, executor=executor)] if loaded.steps else lines))


def _size(session: Session, plan: MigrationPlan, executor: str | None, given: Mapping[str, Any]) -> Sizing | None:
    """Return how long a run takes with an executor; None without one.

    Raises:
        UsageError: there is no executor for what was given.
    """
    from fieldfare.api import size_migration  # noqa: PLC0415 - start-up time

    named = {name: value for name, value in given.items() if value is not None}
    if executor is not None:
        return size_migration(plan, executor, plugins=session.plugins, **named)
    for name in named.keys() - {"documents"}:
        option = f"--{name.replace('_', '-')}"
        raise UsageError(f"{option} is for an estimate with --executor. Pass --executor SPEC, too, or leave it out.")
    return None


def _ask_server(
    session: Session, plan: MigrationPlan, url: str, *, cluster: bool | None
) -> tuple[MigrationPlan, bool | None]:
    """Return the plan with its steps, and whether the server writes an append-only file; None if it does not say."""
    from fieldfare.api import MigrationPlanner  # noqa: PLC0415 - start-up time
    from fieldfare.server import connect  # noqa: PLC0415 - start-up time
    from fieldfare.server.probe import read_aof_enabled  # noqa: PLC0415 - start-up time

    try:
        with connect(url, cluster=cluster) as server:
            planned = MigrationPlanner(plugins=session.plugins).with_steps(plan, server=server)
            return planned, read_aof_enabled(server.nodes())
    except ServerUnavailable as error:
        if plan.is_unplanned:
            raise
        notice(f"Note: it is not known whether AOF is on. {error}")
        return plan, None


def _lines(plan: MigrationPlan, total: Estimate, new_bytes: int, *, aof: bool | None) -> list[str]:
    growth = {
        True: f"~{bytes_text(total.aof_bytes)}",
        False: "none (AOF is off)",
        None: "not estimated (pass --aof-enabled if AOF is on, or --url to ask the server)",
    }[aof]
    return [
        "Pre-migration disk space estimate:",
        f"Index: {plan.index} ({plan.source.stats.num_docs:,} documents)",
        *total.lines,
        f"Backup files (--backup-dir): ~{bytes_text(total.disk_bytes)}",
        f"RDB snapshot (BGSAVE): ~{bytes_text(total.rdb_bytes)}",
        f"AOF growth: {growth}",
        f"Total new disk required: ~{bytes_text(new_bytes)}",
        _memory(total),
    ]


def _times(plan: MigrationPlan) -> list[str]:
    """Return how long it will take, as it was estimated when the plan was made."""
    if plan.forecast is None:
        return []
    from fieldfare.plan.text import forecast_lines  # noqa: PLC0415 - start-up time

    times = [f"{name}: {value}" for name, value in forecast_lines(plan, plan.forecast)]
    return [*times, *bullets("The times are based on:", plan.forecast.basis)]


def _memory(total: Estimate) -> str:
    change = total.memory_delta_bytes
    if change > 0:
        return f"Post-migration memory growth: ~{bytes_text(change)}"
    # the backup holds the values before the migration
    share = f" ({-change / total.disk_bytes:.0%} reduction)" if change and total.disk_bytes else ""
    return f"Post-migration memory savings: ~{bytes_text(-change)}{share}"
