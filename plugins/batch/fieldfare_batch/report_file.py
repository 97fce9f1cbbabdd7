"""Batch reports are written as YAML, or as a page."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from fieldfare.report.file import write_yaml_or_page
from fieldfare_batch.page import batch_page
from fieldfare_batch.report import BatchReport, batch_report_to_dict, make_report
from fieldfare_batch.state import next_commands
from fieldfare_batch.state_file import StateFile

__all__ = ["default_report_path", "write_batch_report", "write_report"]


def write_report(report: BatchReport, path: Path | str) -> None:
    """Write a report file atomically: YAML, or a page for a browser if its name ends with ``.html``.

    Raises:
        FileError: it cannot be written.
    """
    page = partial(batch_page, report, directory=Path(path).parent)
    write_yaml_or_page(path, batch_report_to_dict(report), page=page)


def write_batch_report(file: StateFile, path: Path | str | None) -> BatchReport:
    """Write the report of a batch as it is now, by default beside its state file, and return it.

    Raises:
        FileError: it cannot be written.
    """
    report = make_report(file.state, next_commands(file.path.absolute(), file.state))
    write_report(report, path or default_report_path(file.path))
    return report


def default_report_path(state_path: Path) -> Path:
    """Return the default path of a batch report: ``batch_report.yaml`` beside ``batch_state.yaml``."""
    stem = state_path.stem
    return state_path.with_name(f"{stem.replace('state', 'report') if 'state' in stem else f'{stem}_report'}.yaml")
