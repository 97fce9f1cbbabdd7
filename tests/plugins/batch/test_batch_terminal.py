"""A batch in a real terminal: progress bars, and the confirmation of a rollback."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from typing import Any

import pytest
from attrs import evolve

from fieldfare.report import Moment, StepReport
from fieldfare.testing.commandline import CommandLine
from fieldfare_batch.progress import LineReporter
from fieldfare_batch.state import Status
from fieldfare_batch.state_file import load_state


def run_in_terminal(fieldfare: CommandLine, *arguments: str, typed: str = "") -> tuple[int, str]:
    """Run a command whose messages go to a terminal, and return its exit code and what was drawn."""
    screen, terminal = pty.openpty()
    if typed:
        os.write(screen, typed.encode())
    with subprocess.Popen(
        [sys.executable, "-m", "fieldfare", *arguments],
        cwd=fieldfare.directory,
        env={**os.environ, "FIELDFARE_URL": fieldfare.url, "TERM": "xterm", "COLUMNS": "100", "NO_COLOR": "1"},
        stdin=terminal if typed else subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=terminal,
    ) as process:
        os.close(terminal)
        drawn = b""
        while chunk := _read(screen):
            drawn += chunk
    os.close(screen)
    return process.returncode, drawn.decode()


def _read(screen: int) -> bytes:
    try:
        return os.read(screen, 65536)
    except OSError:  # Linux says so when the other end is closed
        return b""


@pytest.fixture
def planned(fieldfare: CommandLine, load: Any) -> CommandLine:
    for name in ("a", "b", "c"):
        load(name)
    assert fieldfare("batch-plan", "--schema-patch", "patch.yaml", "--pattern", "*").code == 0
    return fieldfare


def test_one_bar_for_the_batch(planned: CommandLine) -> None:
    code, drawn = run_in_terminal(planned, "batch-apply", "--backup-dir", "backups", "--accept-data-loss")
    assert code == 0, drawn
    assert "Indexes" in drawn
    assert "3/3" in drawn
    assert "\nc " in drawn.replace("\r", "").replace("\x1b[2K", ""), "a running index has a bar"


def test_lines_tell_how_far_each_of_several_indexes_is(capsys: pytest.CaptureFixture[str]) -> None:
    seconds = iter([0.0, 0.0, *(4.0, 4.0, 10.0, 10.5, 11.0, 21.0), 22.0])
    reporter = LineReporter(lambda: next(seconds))
    reporter("a", 1, 2, "in_progress")
    reporter("b", 2, 2, "in_progress")
    for done in (100, 1_000, 2_000):
        for name in ("a", "b"):
            progress = StepReport(name, "rewrite", Moment.PROGRESS, title="Rewrite", documents_done=done)
            reporter.fieldfare_step_report(evolve(progress, documents_total=5_000))
    reporter("b", 2, 2, "success")
    assert capsys.readouterr().err.splitlines() == [
        "[1/2] a: in_progress",
        "[2/2] b: in_progress",
        "a: Rewrite: 1,000/5,000 docs",
        "b: Rewrite: 1,000/5,000 docs",
        "b: Rewrite: 2,000/5,000 docs",
        "[2/2] b: success in 22.0 s",
    ]


@pytest.mark.parametrize(("answer", "code", "count"), [("n\n", 1, 0), ("y\n", 0, 3)])
def test_rollback_asks(planned: CommandLine, answer: str, code: int, count: int) -> None:
    assert planned("batch-apply", "--backup-dir", "backups", "--accept-data-loss").code == 0
    ended, drawn = run_in_terminal(planned, "batch-rollback", typed=answer)
    assert ended == code
    assert "a batch of 3 indexes? [y/N]" in drawn
    state = load_state(planned.directory / "batch_state.yaml")
    assert len(state.with_status(Status.ROLLED_BACK)) == count
