"""Every error of the program: message, exit code, and no secrets."""

from __future__ import annotations

import json

import pytest

from fieldfare import errors
from fieldfare.cli.errors import describe, report_error, with_command_lines
from fieldfare.support.redaction import redact


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.FileError("patch.yaml", ["line 1: no"]), 2),
        (errors.BackupDirectoryRequired(), 2),
        (errors.IndexNotFound("a"), 4),
        (errors.StalePlan("a", ["field b is gone"]), 4),
        (errors.BackupCorrupt("a.data", 12, "checksum"), 4),
        (errors.PluginMissing(["acme 1.0"]), 6),
        (errors.StepFailed("s", "the index is dropped", "why", resume="fieldfare apply", rollback="back"), 3),
        (errors.Interrupted("Half-way.", resume="fieldfare apply"), 130),
        (KeyboardInterrupt(), 130),
        (ZeroDivisionError("x"), 70),
    ],
)
def test_each_error_has_its_exit_code(error: BaseException, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert report_error(error, as_json=False, with_traceback=False) == code
    out, told = capsys.readouterr()
    assert out == ""
    assert told.startswith("Error: ")
    assert "Traceback" not in told


def test_a_command_in_a_message_can_be_copied_from_its_lines() -> None:
    directory = "/backups/" + "d" * 40
    error = errors.StepFailed(
        "s",
        "it is dropped",
        "why",
        resume=f"fieldfare apply --plan plan.yaml --backup-dir {directory}",
        rollback="fieldfare rollback",
    )
    lines = with_command_lines(str(error), 80).split("\n")
    assert lines[1:] == [
        "  To roll back:  fieldfare rollback",
        "  To resume:     fieldfare apply --plan plan.yaml \\",
        f"      --backup-dir {directory}",
    ]
    assert with_command_lines(str(error), None) == str(error)


def test_an_error_as_json_carries_its_facts(capsys: pytest.CaptureFixture[str]) -> None:
    report_error(errors.IndexNotFound("a", ["b", "c"]), as_json=True, with_traceback=False)
    told = json.loads(capsys.readouterr().out)["error"]
    assert told["type"] == "IndexNotFound"
    assert told["exit_code"] == 4
    assert (told["index"], told["known"]) == ("a", ["b", "c"])
    assert "no index or alias named 'a'" in told["message"]


def test_an_internal_error_asks_for_a_report_and_shows_its_traceback_on_request(
    capsys: pytest.CaptureFixture[str],
) -> None:
    try:
        _ = 1 // 0
    except ZeroDivisionError as error:
        report_error(error, as_json=False, with_traceback=False)
        assert "please report it" in capsys.readouterr().err
        report_error(error, as_json=False, with_traceback=True)
        assert "Traceback" in capsys.readouterr().err


def test_errors_of_a_group_are_all_shown_and_the_worst_gives_the_exit_code() -> None:
    step = errors.StepFailed("s", "the index is dropped", "disk full", resume="resume it", rollback="roll it back")
    failure = describe(ExceptionGroup("Undo failed too.", [step, ValueError("boom")]))
    assert failure.exit_code == 70
    assert "disk full" in failure.message
    assert "Internal error: ValueError" in failure.message
    assert "boom" not in failure.message, "it may be a value of a document"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("redis://:secret@host:6379", "redis://:***@host:6379"),
        ("at rediss://user:se@cr/et@host/0, sorry", "at rediss://user:***@host/0, sorry"),
        ("redis://secret@host", "redis://***@host"),
        ("redis://host?password=secret&db=0", "redis://host?password=***&db=0"),
        ("redis://host:6379", "redis://host:6379"),
        ("unix:///run/redis.sock", "unix:///run/redis.sock"),
    ],
)
def test_passwords_are_redacted(text: str, shown: str) -> None:
    assert redact(text) == shown


def test_passwords_are_redacted_in_errors_and_tracebacks(capsys: pytest.CaptureFixture[str]) -> None:
    report_error(ValueError("redis://:secret@host"), as_json=True, with_traceback=True)
    out, err = capsys.readouterr()
    assert "secret" not in out + err
    report_error(errors.UnsupportedURL("redis://:secret@host/3", "database 3"), as_json=True, with_traceback=True)
    out, err = capsys.readouterr()
    assert "secret" not in out + err
