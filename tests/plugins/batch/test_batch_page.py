"""The page of a batch report."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from attrs import evolve

from fieldfare.cli.app import run
from fieldfare.report import MigrationReport, Result, Timings
from fieldfare.report.file import write_report as write_index_report
from fieldfare.report.timeline import Timeline
from fieldfare_batch.report import BatchReport, BatchStatus, IndexReport, Summary
from fieldfare_batch.report_file import write_report
from fieldfare_batch.state import Status

EVIL: Final = "<script>alert(1)</script>\"'&"

INDEX: Final = MigrationReport(
    EVIL,
    EVIL,
    Result.SUCCEEDED,
    "2026-03-20T10:00:00+00:00",
    "2026-03-20T10:00:09+00:00",
    "/backups",
    "/backups/migration_backup_a",
    timings=Timings(total_duration_seconds=9.0, downtime_duration_seconds=4.5),
    timeline=Timeline().with_attempt(0.0, 0.0).with_span("index", "Index documents", 2.0, 4.5).with_outage(2.0, 6.5),
)
REPORT: Final = BatchReport(
    version=1,
    batch_id="batch_1",
    status=BatchStatus.PARTIAL_FAILURE,
    summary=Summary(3, 1, 1, 1, 0, 0, 0, 12.0),
    indexes=(
        IndexReport(EVIL, Status.SUCCESS, "a.yaml", duration_seconds=9.0, docs_migrated=1200),
        IndexReport("b", Status.FAILED, "gone.yaml", error=EVIL, duration_seconds=3.0),
        IndexReport("c", Status.SKIPPED, skip_reason="no such field"),
    ),
    completed_at="2026-03-20T10:00:12Z",
    started_at="2026-03-20T10:00:00Z",
    backup_dir="/backups",
    next={"resume": "fieldfare batch-resume --state s", "rollback": "fieldfare batch-rollback --state s"},
)


def test_one_page_shows_all_indexes(tmp_path: Path) -> None:
    write_index_report(INDEX, tmp_path / "a.yaml")
    write_report(REPORT, tmp_path / "batch.html")
    page = (tmp_path / "batch.html").read_text()
    assert "<script" not in page
    assert "Batch partly failed: batch_1" in page
    assert page.count("<summary>Report of ") == 1  # the file of b is gone, c was not migrated
    assert "fieldfare batch-rollback --state s" in page
    assert "no such field" in page
    assert ">4.5 s<" in page
    assert "out-solid" in page


def test_the_page_of_a_file_is_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_index_report(INDEX, tmp_path / "a.yaml")
    write_report(REPORT, tmp_path / "batch.html")
    write_report(REPORT, tmp_path / "batch.yaml")
    assert run(["report", str(tmp_path / "batch.yaml"), "-o", str(tmp_path / "again.html")]) == 0
    assert (tmp_path / "again.html").read_bytes() == (tmp_path / "batch.html").read_bytes()

    write_report(evolve(REPORT, batch_id=""), tmp_path / "batch.yaml")
    (tmp_path / "batch.yaml").write_text((tmp_path / "batch.yaml").read_text().replace("failed: 1", "failed: many"))
    capsys.readouterr()
    assert run(["report", str(tmp_path / "batch.yaml")]) == 2
    assert "must be a whole number, not 'many'" in capsys.readouterr().err
