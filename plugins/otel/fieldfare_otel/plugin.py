"""Hook implementations. OpenTelemetry is only imported if its variables turn it on."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

from fieldfare.hooks.markers import hookimpl

if TYPE_CHECKING:
    from fieldfare.report import RunReport, ShardReport, StepReport
    from fieldfare_otel.observer import Observer


@hookimpl
def fieldfare_run_report(report: RunReport) -> None:
    """Start or end the span of a run."""
    if (observer := _observer()) is not None:
        observer.fieldfare_run_report(report)


@hookimpl
def fieldfare_step_report(report: StepReport) -> None:
    """Start or end the span of an activity, and count its documents."""
    if (observer := _observer()) is not None:
        observer.fieldfare_step_report(report)


@hookimpl
def fieldfare_shard_report(report: ShardReport) -> None:
    """Make the span of an attempt at a shard, and count it."""
    if (observer := _observer()) is not None:
        observer.fieldfare_shard_report(report)


@cache
def _observer() -> Observer | None:
    """Return the observer of the runs of this process; None if it is off, or cannot send anything."""
    from fieldfare_otel.signals import Signals  # noqa: PLC0415 - start-up time

    signals = Signals.read(os.environ)
    if not signals.any:
        return None
    import structlog  # noqa: PLC0415 - start-up time

    log = structlog.get_logger("fieldfare")
    try:
        from fieldfare_otel.providers import make_observer  # noqa: PLC0415 - an extra

        return make_observer(signals, lambda exporter: log.warning("otel_exporter_unknown", exporter=exporter))
    except ImportError:
        log.warning("otel_not_installed", install="pip install 'fieldfare[otel]'")
    except Exception as error:  # noqa: BLE001 - telemetry never fails a run
        log.warning("otel_failed", error=type(error).__name__)
    return None
