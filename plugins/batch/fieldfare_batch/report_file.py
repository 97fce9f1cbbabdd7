"""Batch reports are written as YAML, or as a page."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from fieldfare.report.file import write_yaml_or_page
from fieldfare_batch.page import batch_page
from fieldfare_batch.report import BatchReport, batch_report_to_dict

__all__ = ["write_report"]


def write_report(report: BatchReport, path: Path | str) -> None:
    """Write a report file atomically: YAML, or a page for a browser if its name ends with ``.html``.

    Raises:
        FileError: it cannot be written.
    """
    page = partial(batch_page, report, directory=Path(path).parent)
    write_yaml_or_page(path, batch_report_to_dict(report), page=page)
