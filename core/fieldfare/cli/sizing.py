"""What ``fieldfare estimate --executor`` shows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fieldfare.cli.output import bullets, table
from fieldfare.planning.sizing import usual_rates
from fieldfare.support.units import about_seconds, bytes_text, rough_seconds

if TYPE_CHECKING:
    from fieldfare.plan import MigrationPlan
    from fieldfare.planning.sizing import Part, Sizing

__all__ = ["sizing_document", "sizing_lines"]


def sizing_lines(sizing: Sizing, plan: MigrationPlan, executor: str) -> list[str]:
    """Return the text.

    Args:
        sizing: of the run.
        plan: what is carried out.
        executor: as the user wrote it.
    """
    load, given = sizing.workload, sizing.deployment
    rows = [_row(part) for part in sizing.apply]
    undo = [_row(part) for part in sizing.rollback]
    downtime = about_seconds(sizing.downtime_seconds) if load.has_outage else "none: the index answers all the time"
    return [
        "",
        (
            f"With --executor {executor}: {_count(given.workers, 'worker')}, {_count(given.nodes, 'node')}, "
            f"{load.documents:,} documents"
        ),
        *table(["Part of apply", "Takes", "Limited by"], rows).splitlines(),
        "",
        *([*table(["Part of rollback", "Takes", "Limited by"], undo).splitlines(), ""] if undo else []),
        f"Downtime: {downtime}",
        f"Whole run: {about_seconds(sizing.seconds)}"
        + (f"; a rollback: {about_seconds(sizing.rollback_seconds)}" if undo else ""),
        f"Workers: {_workers(sizing)}",
        *_traffic(sizing),
        *bullets("This is a model. It is based on:", _basis(sizing, plan)),
    ]


def sizing_document(sizing: Sizing, plan: MigrationPlan, executor: str) -> dict[str, Any]:
    """Return the same for machines. Rates are bytes per second; None where there is no limit."""
    load, given = sizing.workload, sizing.deployment
    return {
        "executor": executor,
        "workers": given.workers,
        "nodes": given.nodes,
        "cores": _finite(given.cores),
        "storage_rate": _finite(given.storage_rate),
        "storage_latency_seconds": given.storage_latency,
        "network_rate": _finite(given.network_rate),
        "shards": sizing.shards if load.rewrites else 0,
        "apply": [_part(part) for part in sizing.apply],
        "rollback": [_part(part) for part in sizing.rollback],
        "downtime_seconds": round(sizing.downtime_seconds, 3),
        "total_seconds": round(sizing.seconds, 3),
        "rollback_seconds": round(sizing.rollback_seconds, 3) if sizing.rollback else None,
        "fewest_workers": sizing.fewest_workers,
        "enough_workers": sizing.enough_workers,
        "basis": _basis(sizing, plan),
    }


def _part(part: Part) -> Mapping[str, Any]:
    return {
        "name": part.name,
        "title": part.title,
        "seconds": round(part.seconds, 3),
        "limit": part.limit.value,
        "busy_seconds": {str(limit): round(seconds, 3) for limit, seconds in part.busy.items()},
        "enough_workers": part.enough_workers,
        "storage_written_bytes": int(part.storage_written),
        "storage_read_bytes": int(part.storage_read),
        "network_in_bytes": int(part.network_in),
        "network_out_bytes": int(part.network_out),
    }


def _row(part: Part) -> list[str]:
    return [part.title, rough_seconds(part.seconds), part.limit.value]


def _workers(sizing: Sizing) -> str:
    enough = sizing.enough_workers
    if enough is None:
        return "they have no share in this plan, which rewrites no values"
    named = [
        f"{part.title} {part.enough_workers:,}"
        for part in sizing.apply
        if part.name in {"dump", "rewrite"} and part.enough_workers is not None
    ]
    return (
        f"{sizing.fewest_workers:,} for a run that takes at most a tenth longer than the fastest one; more than "
        f"{enough:,} gain nothing ({', '.join(named)})"
    )


def _traffic(sizing: Sizing) -> list[str]:
    parts = [part for part in sizing.apply if part.storage_written or part.network_in or part.network_out]
    if not parts:
        return []
    written, read = (sum(getattr(part, name) for part in parts) for name in ("storage_written", "storage_read"))
    got, given = (sum(getattr(part, name) for part in parts) for name in ("network_in", "network_out"))
    busiest = max(parts, key=lambda part: (part.storage_written + part.storage_read) / max(part.seconds, 1e-9))
    storage = (busiest.storage_written + busiest.storage_read) / max(busiest.seconds, 1e-9)
    loudest = max(parts, key=lambda part: max(part.network_in, part.network_out) / max(part.seconds, 1e-9))
    network = max(loudest.network_in, loudest.network_out) / max(loudest.seconds, 1e-9) / sizing.deployment.nodes
    return [
        (
            f"Storage: {bytes_text(written)} are written and {bytes_text(read)} read, up to {bytes_text(storage)} per "
            f"second ({busiest.title})"
        ),
        (
            f"Network: the nodes get {bytes_text(got)} and give {bytes_text(given)}, each up to {bytes_text(network)} "
            f"per second ({loudest.title})"
        ),
    ]


def _basis(sizing: Sizing, plan: MigrationPlan) -> list[str]:
    load, given = sizing.workload, sizing.deployment
    known = plan.source.stats.num_docs
    lines = [
        (
            f"size: {load.original_bytes:,.0f} bytes of originals per document, and {load.index_seconds * 1000:.2g} ms "
            f"to index it, as for the {known:,} documents of the plan"
        )
    ]
    if load.documents != known:
        lines[0] += "; a graph of vectors takes longer the larger it is"
    if load.rewrites:
        lines.append(f"workers, nodes and coordinator: {usual_rates(given.nodes).measured}")
    shared = f"{given.cores:g} cores of this machine" if math.isfinite(given.cores) else "a core for each of them"
    lines.append(f"workers: {'one core, for they are threads' if given.is_one_process else shared}")
    lines.append("nodes: a machine of their own for each, and documents spread evenly among them")
    unlimited = [
        f"{name} ({option})"
        for name, option, rate in (
            ("storage", "--storage-rate", given.storage_rate),
            ("network", "--network-rate", given.network_rate),
        )
        if not math.isfinite(rate)
    ]
    if unlimited:
        lines.append(f"not limited: {', '.join(unlimited)}")
    return lines


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
