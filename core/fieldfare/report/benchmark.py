"""Timings and rates of a run, as YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import asdict

from fieldfare.report import MigrationReport
from fieldfare.support.yamlfile import write_yaml

__all__ = ["benchmark_to_dict", "write_benchmark"]


def benchmark_to_dict(report: MigrationReport) -> dict[str, Any]:
    """Return the figures of a report: seconds, documents per second of the rewrite, bytes of the index."""
    documents = max((int(step.get("documents", 0)) for step in report.steps.values()), default=0)
    seconds = report.timings.quantize_duration_seconds
    return {
        "version": 1,
        "index": report.index,
        "result": report.result.value,
        "timings": asdict(report.timings),
        "documents_rewritten": documents,
        "documents_rewritten_per_second": round(documents / seconds, 1) if seconds else None,
        "memory": dict(report.memory),
        "latency": dict(report.latency),
    }


def write_benchmark(report: MigrationReport, path: Path) -> None:
    """Write these figures to a file."""
    write_yaml(path, benchmark_to_dict(report))
