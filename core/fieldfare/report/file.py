"""Report files: the outcome of a run as YAML, or as an HTML page. YAML can be read again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from attrs import fields

from fieldfare.definition.reply import encode, text
from fieldfare.report import MigrationReport, Timings, Validation
from fieldfare.report.redisvl_names import TimingNames
from fieldfare.support.structure import StructureError, make_converter, require, structure
from fieldfare.support.yamlfile import YamlFile, load_yaml, write_text, write_yaml

__all__ = [
    "is_page",
    "load_report",
    "read_report",
    "report_from_dict",
    "report_to_dict",
    "write_report",
    "write_yaml_or_page",
]

PAGE_ENDINGS: Final = frozenset({".html", ".htm"})

_CONVERTER: Final = make_converter()
_CONVERTER.register_unstructure_hook(bytes, text)
_CONVERTER.register_structure_hook(bytes, lambda value, _: _bytes(value))


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
        "changes": _CONVERTER.unstructure(report.changes),
        "definition_diff": list(report.definition_diff),
        "timeline": _CONVERTER.unstructure(report.timeline),
    }


def report_from_dict(document: Mapping[str, Any]) -> MigrationReport:
    """Return the report that plain values describe, those of older versions, too.

    Raises:
        StructureError: they do not describe a report; with all problems.
    """
    plain = dict(document)
    backup, timings, validation = (plain.pop(key, {}) for key in ("backup", "timings", "validation"))
    for part in (backup, timings, validation):
        require(part, dict)
    plain.pop("benchmark_summary", None)  # it follows from the rest
    known = {each.name for each in fields(Timings)}
    plain |= {
        "index": plain.pop("source_index", None),
        "target": plain.pop("target_index", None),
        "backup_dir": backup.get("dir", ""),
        "backup_prefix": backup.get("prefix", ""),
        "rewrites_documents": bool(backup.get("backup_paths")),
        "timings": {name: seconds for name, seconds in timings.items() if name in known},
        "validation": {"findings": validation.get("findings", [])},
    }
    return structure(_CONVERTER, plain, MigrationReport)


def load_report(path: Path | str) -> MigrationReport:
    """Read the report of a run.

    Raises:
        FileError: it cannot be read, or is not a report; all problems at once, with line numbers.
    """
    return read_report(load_yaml(path))


def read_report(file: YamlFile) -> MigrationReport:
    """Return the report in a file.

    Raises:
        FileError: it is not a report; all problems at once, with line numbers.
    """
    try:
        return report_from_dict(file.data)
    except StructureError as error:
        raise file.error(error.problems) from error


def write_report(report: MigrationReport, path: Path | str, *, follow_links: bool = True) -> None:
    """Write a report file, atomically.

    Args:
        report: the report.
        path: the path of the file; if it ends with ``.html``, the file is a page for a browser.
        follow_links: if the path is a link, write to its target; False replaces the link.

    Raises:
        FileError: it cannot be written.
    """

    def page() -> str:
        from fieldfare.report.html.migration import migration_page  # noqa: PLC0415 - start-up time

        return migration_page(report)

    write_yaml_or_page(path, report_to_dict(report), page=page, follow_links=follow_links)


def is_page(path: Path | str) -> bool:
    """Return whether a file of this name is an HTML page."""
    return Path(path).suffix.lower() in PAGE_ENDINGS


def write_yaml_or_page(
    path: Path | str, document: Mapping[str, Any], *, page: Callable[[], str], follow_links: bool = True
) -> None:
    """Write a document as YAML; as a page, if the name of the file ends with ``.html``.

    Args:
        path: the path of the file.
        document: plain values.
        page: makes the page.
        follow_links: as for :func:`write_report`.

    Raises:
        FileError: it cannot be written.
    """
    if is_page(path):
        write_text(path, page(), follow_links=follow_links)
    else:
        write_yaml(path, document, follow_links=follow_links)


def _bytes(value: object) -> bytes:
    require(value, str)
    return encode(str(value))


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
