"""Progress in a log and in a terminal."""

from __future__ import annotations

import io
from itertools import count

import pytest
from attrs import evolve
from rich.console import Console

from fieldfare.cli.progress import LineReporter, show_progress
from fieldfare.cli.progress_bars import BarReporter
from fieldfare.hooks.manager import load_plugins
from fieldfare.report import Moment, StepReport

TOTAL = 1_000_000
STARTED = StepReport("idx", "rewrite", Moment.STARTED, title="Quantize vectors", documents_total=TOTAL)
FINISHED = evolve(STARTED, moment=Moment.FINISHED, documents_done=TOTAL, seconds=12.3)


def progress(done: int) -> StepReport:
    return evolve(STARTED, moment=Moment.PROGRESS, documents_done=done)


def test_a_log_gets_a_line_per_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    seconds = count(step=0.01)
    reporter = LineReporter(lambda: next(seconds))
    for report in [STARTED, *(progress(done) for done in range(500, TOTAL + 1, 500)), FINISHED]:
        reporter.fieldfare_step_report(report)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Quantize vectors ..."
    assert "Quantize vectors: 500,000/1,000,000 docs" in lines
    assert lines[-1] == "Quantize vectors: done, 1,000,000 docs in 12.3 s"
    assert len(lines) == 12


def test_a_log_stays_short_if_all_goes_fast(capsys: pytest.CaptureFixture[str]) -> None:
    reporter = LineReporter(lambda: 0.0)
    for report in [STARTED, *(progress(done) for done in range(500, TOTAL + 1, 500)), FINISHED]:
        reporter.fieldfare_step_report(report)
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_a_log_is_never_silent_for_long(capsys: pytest.CaptureFixture[str]) -> None:
    seconds = count(step=4)
    reporter = LineReporter(lambda: next(seconds))
    for report in [STARTED, *(progress(done) for done in range(1, 7))]:
        reporter.fieldfare_step_report(report)
    assert capsys.readouterr().err.splitlines()[1:] == [
        "Quantize vectors: 3/1,000,000 docs",
        "Quantize vectors: 6/1,000,000 docs",
    ]


def test_a_log_shows_skipped_and_failed_work(capsys: pytest.CaptureFixture[str]) -> None:
    reporter = LineReporter()
    reporter.fieldfare_step_report(evolve(STARTED, moment=Moment.SKIPPED))
    reporter.fieldfare_step_report(evolve(STARTED, moment=Moment.FAILED, error="disk full"))
    assert capsys.readouterr().err.splitlines() == [
        "Quantize vectors: done by an earlier run",
        "Quantize vectors: failed: disk full",
    ]


def test_a_terminal_gets_one_bar_per_activity() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120, color_system=None)
    drop = StepReport("idx", "drop", Moment.STARTED, step="drop-1", title="Drop [the] index")
    reporter = BarReporter(console)
    with reporter.display:
        for report in [STARTED, progress(450_000), FINISHED, drop, evolve(drop, moment=Moment.FINISHED)]:
            reporter.fieldfare_step_report(report)
    final = screen.getvalue().rpartition("\x1b[2K")[2]
    assert "1,000,000/1,000,000 docs" in final
    assert "Drop [the] index" in final


def test_a_bar_shows_skipped_and_failed_work() -> None:
    screen = io.StringIO()
    reporter = BarReporter(Console(file=screen, force_terminal=True, width=120, color_system=None))
    with reporter.display:
        reporter.fieldfare_step_report(evolve(STARTED, moment=Moment.SKIPPED))
        reporter.fieldfare_step_report(evolve(STARTED, activity="drop", title="Drop", moment=Moment.FAILED))
    final = screen.getvalue()
    assert "Quantize vectors (done earlier)" in final
    assert "Drop (failed)" in final


def test_the_reporter_is_registered_only_during_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    plugins = load_plugins()
    before = plugins.names
    for _ in range(2):
        with show_progress(plugins):
            plugins.manager.hook.fieldfare_step_report(report=STARTED)
    assert plugins.names == before
    assert capsys.readouterr().err == "Quantize vectors ...\n" * 2
