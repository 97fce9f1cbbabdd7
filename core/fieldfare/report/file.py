"""Report files: the outcome of a run as YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from fieldfare.definition.reply import text
from fieldfare.report import MigrationReport, Validation
from fieldfare.report.redisvl_names import TimingNames
from fieldfare.support.structure import make_converter
from fieldfare.support.yamlfile import write_yaml

__all__ = ["report_to_dict", "write_report"]

_CONVERTER: Final = make_converter()
_CONVERTER.register_unstructure_hook(bytes, text)


def report_to_dict(report: MigrationReport) -> dict[str, Any]:
    """Return a report as plain values; keys of documents as text, decoded with ``surrogateescape``."""
    return {
        "version": report.version,
        "mode": report.mode,
        "source_index": report.index,
        "target_index": report.target,
        "result": report.result.value,
        "started_at": report.started_at,
        "finished_at": report.finished_at,
        "backup": _backup(report),
        "timings": _CONVERTER.unstructure(report.timings) | _properties(report.timings, TimingNames),
        "benchmark_summary": _CONVERTER.unstructure(report.benchmark_summary),
        "disk_space_estimate": _CONVERTER.unstructure(report.disk_space_estimate),
        "manual_actions": list(report.manual_actions),
        "validation": _validation(report.validation),
        "warnings": list(report.warnings),
        "notes": _CONVERTER.unstructure(report.notes),
        "steps": {step: dict(details) for step, details in report.steps.items()},
        "memory": dict(report.memory),
        "vectors": {name: dict(facts) for name, facts in report.vectors.items()},
        "latency": dict(report.latency),
        "error": report.error,
    }


def write_report(report: MigrationReport, path: Path | str, *, follow_links: bool = True) -> None:
    """Write a report file, atomically.

    Args:
        report: the report.
        path: of the file.
        follow_links: if the path is a link, write to its target; False replaces the link.

    Raises:
        FileError: it cannot be written.
    """
    write_yaml(path, report_to_dict(report), follow_links=follow_links)


def _backup(report: MigrationReport) -> dict[str, Any]:
    return {
        "dir": report.backup_dir,
        "prefix": report.backup_prefix,
        **(_CONVERTER.unstructure(report.backup) or {}),
    }


def _properties(value: object, names: type) -> dict[str, Any]:
    """Return what a class of RedisVL's names adds to a value."""
    return {name: getattr(value, name) for name, item in vars(names).items() if isinstance(item, property)}


def _validation(validation: Validation) -> dict[str, Any]:
    return {
        "passed": validation.passed,
        "schema_match": validation.schema_match,
        "doc_count_match": validation.doc_count_match,
        "key_sample_exists": validation.key_sample_exists,
        "indexing_failures_ok": validation.indexing_failures_ok,
        "indexing_failures_delta": validation.indexing_failures_delta,
        "query_checks": _CONVERTER.unstructure(validation.query_checks),
        "errors": validation.errors,
        "findings": _CONVERTER.unstructure(validation.findings),
    }
