"""A batch in a real terminal: progress bars, and the confirmation of a rollback."""

from __future__ import annotations

import os
import re
import time
from io import StringIO
from itertools import count
from typing import Any

import pytest
from attrs import evolve
from rich.console import Console

from fieldfare.report import Moment, StepReport
from fieldfare.testing.commandline import CommandLine
from fieldfare_batch.progress import LineReporter
from fieldfare_batch.progress_bars import BarReporter
from fieldfare_batch.state import Status
from fieldfare_batch.state_file import load_state
from terminal import run_in_terminal


def run_batch(fieldfare: CommandLine, *arguments: str, typed: str | None = None) -> tuple[int, str]:
    """Run a command in a terminal; return its exit code and what was drawn."""
    environment = {**os.environ, "FIELDFARE_URL": fieldfare.url, "COLUMNS": "100"}
    return run_in_terminal(*arguments, environment=environment, directory=fieldfare.directory, typed=typed)


@pytest.fixture
def planned(fieldfare: CommandLine, load: Any) -> CommandLine:
    for name in ("a", "b", "c"):
        load(name)
    assert fieldfare("batch-plan", "--schema-patch", "patch.yaml", "--pattern", "*").code == 0
    return fieldfare


def test_one_bar_for_the_batch(planned: CommandLine) -> None:
    code, drawn = run_batch(planned, "batch-apply", "--backup-dir", "backups", "--accept-data-loss")
    assert code == 0, drawn
    assert "Indexes" in drawn
    assert "3/3" in drawn
    assert "\nc " in drawn.replace("\r", "").replace("\x1b[2K", ""), "a running index has a bar"


def test_bars_show_the_time_that_is_left_and_the_outage() -> None:
    console = Console(width=80, file=StringIO())
    bars = BarReporter(console)
    ticks = count()
    bars.display.get_time = lambda: float(next(ticks))  # one second at each look
    bars("a", 1, 3, "in_progress")
    bars("a", 1, 3, "success")
    bars("b", 2, 3, "in_progress")
    since = time.time() - 65
    bars.fieldfare_step_report(
        StepReport("b", "rewrite", Moment.PROGRESS, title="Rewrite documents", unavailable_since=since)
    )
    with console.capture() as captured:
        console.print(bars.display)
    batch, index = captured.get().splitlines()
    assert re.fullmatch(r"Indexes .* 1/3 +\d+ s, about \d+ s left", batch.rstrip())
    assert re.fullmatch(r"b: Rewrite documents .* unavailable for 1 min \d s", index.rstrip())


def test_lines_show_the_progress_of_each_index(capsys: pytest.CaptureFixture[str]) -> None:
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


@pytest.mark.parametrize(
    ("answer", "code", "undone"), [("n\n", 1, 0), ("\x04", 130, 0), ("y\n", 0, 3)], ids=["no", "Ctrl-D", "yes"]
)
def test_rollback_asks(planned: CommandLine, answer: str, code: int, undone: int) -> None:
    assert planned("batch-apply", "--backup-dir", "backups", "--accept-data-loss").code == 0
    ended, drawn = run_batch(planned, "batch-rollback", typed=answer)
    assert ended == code
    assert "a batch of 3 indexes? [y/N]" in drawn
    state = load_state(planned.directory / "batch_state.yaml")
    assert len(state.with_status(Status.ROLLED_BACK)) == undone
