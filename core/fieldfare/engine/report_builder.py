"""Making the report of a run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from redis.exceptions import RedisError

from fieldfare.backup.progress import Progress, RollbackStatus, StepRecord
from fieldfare.changes import ChangePrefix, RenameField
from fieldfare.definition import IndexStats
from fieldfare.engine.modes import mode_of
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.session import Session
from fieldfare.errors import IndexNotFound, PluginError
from fieldfare.plan import Estimate, MigrationPlan, Step
from fieldfare.report import Finding, MigrationReport, Result, Timings, Validation
from fieldfare.report.changes import definition_diff, reported_changes
from fieldfare.report.latency import LatencyHistogram
from fieldfare.report.timeline import Timeline
from fieldfare.server.inspect import read_stats

__all__ = ["lasting_warnings", "make_report"]


def make_report(  # noqa: PLR0913 - a report's facts
    run: ActiveRun,
    session: Session,
    result: Result,
    *,
    findings: Sequence[Finding] = (),
    warnings: Sequence[str] = (),
    error: str | None = None,
) -> MigrationReport:
    """Return the report of a run.

    Args:
        run: the run.
        session: its directory.
        result: how it ended.
        findings: the findings of the validation, if it came that far.
        warnings: what the user should know.
        error: what went wrong.
    """
    progress = run.journal.progress
    return MigrationReport(
        index=run.plan.index,
        target=run.plan.target.name,
        result=result,
        started_at=progress.started_at,
        finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
        backup_dir=str(session.directory),
        backup_prefix=str(session.prefix),
        timings=_timings(run),
        validation=Validation(tuple(findings)),
        warnings=tuple(dict.fromkeys((*warnings, *progress.warnings))),
        notes=progress.notes,
        steps={
            step.id: _step(record, progress.timings.get(_activity(run.plan, step), 0.0))
            for step in run.plan.steps
            if (record := progress.steps.get(step.id))
        },
        memory=_memory(run),
        vectors=_vectors(run.plan),
        latency=_latency(progress.latencies),
        error=error,
        mode=run.plan.mode,
        rewrites_documents=run.plan.rewrites_documents,
        manual_actions=_manual_actions(run, session) if result is Result.FAILED else (),
        disk_space_estimate=_estimate(run),
        changes=reported_changes(run.plan),
        definition_diff=definition_diff(run.plan.source.definition, run.plan.target),
        timeline=_timeline(progress),
    )


def lasting_warnings(plan: MigrationPlan, warnings: Sequence[str]) -> tuple[str, ...]:
    """Return the warnings that still hold when a run is complete: not those of its outage, or of how to plan it.

    Args:
        plan: the plan of the run.
        warnings: those of the plan, and of the run.
    """
    about_changes = {line for each in plan.claims for line in each.warnings}
    return tuple(line for line in warnings if line in about_changes or line not in plan.warnings)


def _timeline(progress: Progress) -> Timeline:
    """Return the timeline, with an outage that has not ended."""
    if progress.dropped_at is None or progress.timeline.outages or "downtime" in progress.timings:
        return progress.timeline
    return progress.timeline.with_outage(progress.dropped_at, None)


def _manual_actions(run: ActiveRun, session: Session) -> tuple[str, ...]:
    commands = session.commands
    if run.journal.progress.undo is not RollbackStatus.NONE:
        return (f"Complete the rollback: {commands.rollback}",)
    return f"Resume: {commands.resume}", f"Roll back: {commands.rollback}"


def _estimate(run: ActiveRun) -> Estimate | None:
    try:
        return run.plugins.estimate(run.plan)
    except PluginError:  # the run is over, whatever becomes of an estimate
        return None


def _activity(plan: MigrationPlan, step: Step) -> str:
    return "rewrite" if step.transforms else mode_of(plan).activity(step)


def _step(record: StepRecord, seconds: float) -> dict[str, object]:
    receipt = record.receipt
    return {
        "status": record.status.value,
        "completed_batches": record.completed_batches,
        "documents": receipt.documents if receipt else 0,
        "seconds": seconds,
        "details": dict(receipt.details) if receipt else {},
    }


def _timings(run: ActiveRun) -> Timings:
    seconds = run.journal.progress.timings
    indexing = seconds.get("index", 0.0)
    return Timings(
        enumerate_duration_seconds=seconds.get("enumerate", 0.0),
        dump_duration_seconds=seconds.get("dump", 0.0),
        drop_duration_seconds=seconds.get("drop", 0.0),
        quantize_duration_seconds=seconds.get("rewrite", 0.0) + seconds.get("restore", 0.0),
        field_rename_duration_seconds=_seconds_for(run, RenameField),
        key_rename_duration_seconds=_seconds_for(run, ChangePrefix),
        create_duration_seconds=max(seconds.get("create", 0.0) - indexing, 0.0),
        index_duration_seconds=indexing,
        validate_duration_seconds=seconds.get("validate", 0.0),
        total_duration_seconds=run.journal.total_seconds,
        downtime_duration_seconds=seconds.get("downtime", 0.0),
        throttled_duration_seconds=seconds.get("throttled", 0.0),
    )


def _seconds_for(run: ActiveRun, change: type) -> float:
    """Return the seconds of the steps of the plugins that carry out a kind of change."""
    owners = {each.plugin for each in run.plan.claims if isinstance(each.change, change)}
    activities = {_activity(run.plan, step) for step in run.plan.steps if step.owner in owners}
    return sum(run.journal.progress.timings.get(each, 0.0) for each in activities)


def _latency(measured: LatencyHistogram) -> dict[str, float]:
    """Return the milliseconds that the server took to answer; nothing if it was not asked."""
    if not measured.count:
        return {}
    return {
        "median_ms": round(measured.percentile(0.5), 3),
        "p99_ms": round(measured.percentile(0.99), 3),
        "worst_ms": round(measured.worst, 3),
        "probes": measured.count,
    }


def _vectors(plan: MigrationPlan) -> dict[str, dict[str, Any]]:
    """Return what queries for each vector field of the target must be."""
    old_names = {change.new: change.old for change in plan.changes if isinstance(change, RenameField)}
    return {
        field.name: {
            "previous_name": old_names.get(field.name, field.name),
            "datatype": str(field.attrs["datatype"]).lower(),
            "dims": int(field.attrs["dims"]),
            "distance_metric": str(field.attrs["distance_metric"]).lower(),
        }
        for field in plan.target.fields
        if field.is_vector
    }


def _memory(run: ActiveRun) -> dict[str, float]:
    """Return MiB of the index before the run, and of whichever index is live now."""
    figures = _figures(run.journal.progress.source_stats, "before")
    for name in dict.fromkeys((run.plan.target.name, run.plan.index)):
        try:
            after = read_stats(run.server, name)
        except IndexNotFound:
            continue
        except RedisError:
            break  # a report is made after a lost connection, too
        figures |= _figures(after, "after")
        break
    return figures


def _figures(stats: IndexStats, when: str) -> dict[str, float]:
    vectors = stats.vector_index_size_mb
    other = stats.other_memory_size_mb or stats.total_index_memory_size_mb  # which version 0.1 recorded alone
    return {
        f"vector_index_mb_{when}": vectors,
        f"total_index_mb_{when}": stats.total_index_memory_size_mb,
        f"without_vectors_mb_{when}": other,
        f"memory_mb_{when}": vectors + other,
    }
