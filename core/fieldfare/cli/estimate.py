"""``fieldfare estimate``."""

from __future__ import annotations

from typing import Annotated

import typer

from fieldfare.cli.options import DEFAULT_PLAN, Plan
from fieldfare.cli.output import show, show_json
from fieldfare.cli.session import Session
from fieldfare.cli.units import bytes_text
from fieldfare.plan import Estimate, MigrationPlan

__all__ = ["estimate"]


def estimate(
    context: typer.Context,
    *,
    plan: Plan = DEFAULT_PLAN,
    aof_enabled: Annotated[
        bool, typer.Option("--aof-enabled", help="Count the growth of the append-only file too.")
    ] = False,
) -> None:
    """Estimate the disk and memory that a plan needs. Does not talk to the server."""
    session = Session.of(context)
    from fieldfare.api import load_migration_plan  # noqa: PLC0415 - start-up time

    loaded = load_migration_plan(plan)
    session.plugins.raise_if_broken()
    session.plugins.require(loaded.plugins)
    total = session.plugins.estimate(loaded)
    new_bytes = total.disk_bytes + total.rdb_bytes + (total.aof_bytes if aof_enabled else 0)
    if session.json:
        show_json(
            {
                "index": loaded.index,
                "documents": loaded.source.stats.num_docs,
                "disk_bytes": total.disk_bytes,
                "rdb_bytes": total.rdb_bytes,
                "aof_bytes": total.aof_bytes if aof_enabled else None,
                "total_new_disk_bytes": new_bytes,
                "memory_delta_bytes": total.memory_delta_bytes,
                "lines": list(total.lines),
            }
        )
    else:
        show("\n".join(_lines(loaded, total, new_bytes, aof_enabled=aof_enabled)))


def _lines(plan: MigrationPlan, total: Estimate, new_bytes: int, *, aof_enabled: bool) -> list[str]:
    aof = f"~{bytes_text(total.aof_bytes)}" if aof_enabled else "not estimated (pass --aof-enabled if AOF is on)"
    return [
        "Pre-migration disk space estimate:",
        f"Index: {plan.index} ({plan.source.stats.num_docs:,} documents)",
        *total.lines,
        f"Backup files (--backup-dir): ~{bytes_text(total.disk_bytes)}",
        f"RDB snapshot (BGSAVE): ~{bytes_text(total.rdb_bytes)}",
        f"AOF growth: {aof}",
        f"Total new disk required: ~{bytes_text(new_bytes)}",
        _memory(total),
    ]


def _memory(total: Estimate) -> str:
    change = total.memory_delta_bytes
    if change > 0:
        return f"Post-migration memory growth: ~{bytes_text(change)}"
    # the backup holds the values before the migration
    share = f" ({-change / total.disk_bytes:.0%} reduction)" if change and total.disk_bytes else ""
    return f"Post-migration memory savings: ~{bytes_text(-change)}{share}"
