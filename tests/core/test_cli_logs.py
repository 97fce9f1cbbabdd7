"""Logs go to stderr, for people or for machines, and hold no secrets."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import structlog

from fieldfare.support.logs import configure_logs


def fail(url: str) -> None:
    """Log an error while a local variable holds a password."""
    try:
        _ = len(url) // 0
    except ZeroDivisionError:
        structlog.get_logger("fieldfare").error("observer_failed", plugin="acme", exc_info=True)


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_tracebacks_show_no_local_variables(log_format: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(log_format)
    fail("redis://:hunter2@host")
    out, err = capsys.readouterr()
    assert out == ""
    assert "observer_failed" in err
    assert "ZeroDivisionError" in err
    assert "hunter2" not in err


def test_rich_is_not_imported_for_logs_and_can_be_imported_afterwards() -> None:
    script = (
        "import sys; from fieldfare.support.logs import configure_logs; configure_logs();"
        "import structlog; print('rich' in sys.modules);"
        "from rich.console import Console; Console().print('shown')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\nshown\n"


def test_logs_are_set_up_when_something_is_logged_for_the_first_time() -> None:
    script = (
        "import sys; from fieldfare.support.logs import configure_logs; configure_logs('console');"
        "configure_logs('json', 'info', secrets={'hunter2'}); print('structlog' in sys.modules);"
        "from structlog import get_logger; get_logger().debug('hidden'); get_logger().info('shown', url='hunter2')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
    logged = json.loads(done.stderr)
    assert logged["event"] == "shown"
    assert "hunter2" not in done.stderr


def test_json_logs_are_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("json", "info")
    logger = structlog.get_logger("fieldfare")
    logger.debug("hidden")
    logger.info("batch_written", documents=500, key=b"doc:1")
    logger.warning("slow")
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert (first["event"], first["level"], first["documents"]) == ("batch_written", "info", 500)
    assert second["event"] == "slow"


def test_by_default_only_warnings_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs()
    structlog.get_logger("fieldfare").info("hidden")
    assert capsys.readouterr().err == ""
