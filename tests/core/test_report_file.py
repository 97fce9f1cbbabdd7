"""Report files: what a run found out, as YAML that reads back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldfare.documents import Note
from fieldfare.errors import FileError
from fieldfare.report import Finding, MigrationReport, Result, Severity, Timings, Validation
from fieldfare.report.file import report_to_dict, write_report
from fieldfare.support.yamlfile import load_yaml

REPORT = MigrationReport(
    index="articles",
    target="articles_v2",
    result=Result.SUCCEEDED,
    started_at="2026-03-20T10:00:00+00:00",
    finished_at="2026-03-20T10:00:05+00:00",
    backup_dir="/backups",
    backup_prefix="/backups/migration_backup_articles",
    timings=Timings(quantize_duration_seconds=1.5, total_duration_seconds=5.0),
    validation=Validation(
        (
            Finding("schema", passed=True),
            Finding("document_count", passed=False, detail="3 fewer", data={"expected": 10, "found": 7}),
            Finding("acme.taste", passed=False, severity=Severity.WARNING),
        )
    ),
    warnings=("Index downtime is required",),
    notes=(Note("overflow", "embedding", 2, (b"doc:1", b"doc:\xff\n"), allow="overflow", detail="left out"),),
    steps={"quantize.convert-1": {"status": "done", "documents": 10}},
    memory={"before": 100.0, "after": 50.0},
)


def test_a_report_has_all_that_the_run_found_out(tmp_path: Path) -> None:
    write_report(REPORT, tmp_path / "report.yaml")

    data = load_yaml(tmp_path / "report.yaml").data
    assert data == report_to_dict(REPORT)
    assert data["version"] == 1
    assert (data["source_index"], data["target_index"], data["result"]) == ("articles", "articles_v2", "succeeded")
    assert data["started_at"] == "2026-03-20T10:00:00+00:00"
    assert data["backup"] == {
        "dir": "/backups",
        "prefix": "/backups/migration_backup_articles",
        "backup_dir": "/backups",
        "backup_paths": [],
    }
    assert data["timings"]["quantize_duration_seconds"] == 1.5
    assert data["timings"]["dump_duration_seconds"] == 0.0
    assert data["warnings"] == ["Index downtime is required"]
    assert data["steps"] == {"quantize.convert-1": {"status": "done", "documents": 10}}
    assert data["memory"] == {"before": 100.0, "after": 50.0}
    assert data["error"] is None


def test_the_four_checks_of_the_guide_have_names_of_their_own() -> None:
    validation = report_to_dict(REPORT)["validation"]

    assert {key: value for key, value in validation.items() if key != "findings"} == {
        "passed": False,
        "schema_match": True,
        "doc_count_match": False,
        "key_sample_exists": True,
        "indexing_failures_ok": True,
        "indexing_failures_delta": 0,
        "query_checks": [],
        "errors": ["document_count: 3 fewer"],
    }
    assert validation["findings"][1] == {
        "name": "document_count",
        "passed": False,
        "severity": "error",
        "detail": "3 fewer",
        "data": {"expected": 10, "found": 7},
    }


def test_a_report_is_json_too() -> None:
    assert json.loads(json.dumps(report_to_dict(REPORT))) == report_to_dict(REPORT)


def test_a_report_that_cannot_be_written_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="No such file or directory"):
        write_report(REPORT, tmp_path / "nowhere" / "report.yaml")


@settings(max_examples=100)
@given(keys=st.lists(st.binary(max_size=30), min_size=1, max_size=5).map(tuple))
def test_any_key_can_be_found_again(tmp_path: Path, keys: tuple[bytes, ...]) -> None:
    report = MigrationReport(
        *("a", "b", Result.FAILED, "", "", "", ""), notes=(Note("vanished", "embedding", len(keys), keys),)
    )

    write_report(report, tmp_path / "report.yaml")

    (tmp_path / "report.yaml").read_text(encoding="utf-8")
    noted = load_yaml(tmp_path / "report.yaml").data["notes"][0]["keys"]
    assert tuple(key.encode("utf-8", "surrogateescape") for key in noted) == keys
