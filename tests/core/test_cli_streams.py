"""Standard streams that are closed, or full: the result is still reported, and no run stops half-way."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from fieldfare.cli.app import run
from fieldfare.server import Server
from fieldfare.testing.commandline import CommandLine

Shell: TypeAlias = Callable[[str], "subprocess.CompletedProcess[str]"]

COUNT = 20
PATCH = "version: 1\nchanges:\n  update_fields:\n    - {name: embedding, attrs: {datatype: float16}}\n"
APPLY = "apply --backup-dir backup"
ROLLBACK = "rollback --backup-dir backup"


@pytest.fixture
def shell(redis_url: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Runs the program in a shell, in a directory with a plan."""
    server.bulk([("HSET", f"doc:{row}", "embedding", struct.pack("<2f", row, 1)) for row in range(COUNT)])
    server.command(
        *("FT.CREATE", "articles", "PREFIX", 1, "doc:", "SCHEMA", "embedding", "VECTOR", "FLAT", 6),
        *("TYPE", "FLOAT32", "DIM", 2, "DISTANCE_METRIC", "L2"),
    )
    monkeypatch.setenv("FIELDFARE_URL", redis_url)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "patch.yaml").write_text(PATCH)
    assert run(["plan", "--index", "articles", "--schema-patch", "patch.yaml"]) == 0

    def call(words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/sh", "-c", f'exec "$0" -m fieldfare {words}', sys.executable],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )

    return call


@pytest.fixture
def fieldfare(redis_url: str, shell: Shell, tmp_path: Path) -> CommandLine:
    """The program with its streams, in the directory of the shell."""
    del shell
    return CommandLine(redis_url, tmp_path)


def datatype(server: Server) -> str:
    return "FLOAT16" if "FLOAT16" in repr(server.command("FT.INFO", "articles")) else "FLOAT32"


def test_closed_streams_do_not_matter(shell: Shell, server: Server) -> None:
    done = shell(f"{APPLY} <&- >&- 2>&-")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert datatype(server) == "FLOAT16"
    done = shell(f"{ROLLBACK} <&- 2>&-")
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "Rolled back: articles")
    assert datatype(server) == "FLOAT32"


def test_progress_that_cannot_be_written_stops_no_run(shell: Shell, server: Server) -> None:
    done = shell(f"{APPLY} 2>/dev/full")
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "Migration succeeded: articles")
    assert datatype(server) == "FLOAT16"


@pytest.mark.parametrize("option", ["", "--json"])
def test_a_result_that_cannot_be_written_is_no_internal_error(shell: Shell, option: str) -> None:
    done = shell(f"list {option} >/dev/full")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: The result could not be written to standard output: No space left on device.")
    assert "report it" not in done.stderr


@pytest.mark.parametrize(
    "where", ["--report-out /dev/full", "--benchmark-out /dev/full", ">/dev/full", "--json >/dev/full"]
)
def test_a_lost_report_still_shows_that_the_run_is_complete(
    shell: Shell, fieldfare: CommandLine, server: Server, where: str
) -> None:
    done = shell(f"{APPLY} {where}")
    assert done.returncode == 3
    assert "The migration is done and the target index is live, but its report is lost: " in done.stderr
    assert "No space left on device" in done.stderr
    assert "nothing was changed" not in done.stderr
    assert "To roll back:  fieldfare rollback --backup-dir " in done.stderr
    assert datatype(server) == "FLOAT16"
    again = fieldfare(*APPLY.split(), "--report-out", "report.yaml")
    assert again.stdout.startswith("Nothing to do")
    assert Path("report.yaml").is_file()


def test_a_lost_report_as_json_is_one_document_that_holds_it(shell: Shell) -> None:
    done = shell(f"{APPLY} --json --report-out /dev/full")
    error = json.loads(done.stdout)["error"]
    assert (error["type"], error["exit_code"], error["report"]["result"]) == ("ReportLost", 3, "succeeded")


def test_a_second_run_shows_no_figures_of_the_first(fieldfare: CommandLine) -> None:
    assert "index unavailable" in fieldfare(*APPLY.split()).stdout
    again = fieldfare(*APPLY.split())
    assert again.stdout.startswith("Nothing to do: the index matches the plan: articles\n")
    assert "index unavailable" not in again.stdout
    assert "index unavailable" in fieldfare(*ROLLBACK.split()).stdout
    again = fieldfare(*ROLLBACK.split())
    assert (again.code, again.stdout) == (
        0,
        "Nothing to do: everything is rolled back: articles\n\nNext: fieldfare info --index articles\n",
    )


def test_arrows_are_readable_without_utf8(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    words = "plan --index articles --schema-patch patch.yaml"
    assert "datatype: float32 → float16" in shell(words).stdout
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    assert "datatype: float32 -> float16" in shell(words).stdout
