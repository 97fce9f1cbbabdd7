"""The report files of a batch's indexes."""

from __future__ import annotations

from pathlib import Path

from fieldfare.report import MigrationReport, Result
from fieldfare.report_file import write_report
from fieldfare_batch.filename import file_stem

__all__ = ["write_index_report"]


def write_index_report(report: MigrationReport, directory: Path | str, name: str, ending: str = "report") -> str:
    """Write the report of one index, and return the file's path.

    A link of that name is replaced, not followed: the record of a batch says where the directory is, and may come
    from a stranger. A run that was over before its end was recorded has written its report already.

    Args:
        report: of the run.
        directory: of the reports.
        name: of the index.
        ending: of the file's name.

    Raises:
        FileError: it cannot be written.
    """
    path = Path(directory) / f"{file_stem(name)}_{ending}.yaml"
    if report.result is not Result.NOTHING_TO_DO or path.is_symlink() or not path.exists():
        write_report(report, path, follow_links=False)
    return str(path)
