"""Progress in a log and in a terminal."""

from __future__ import annotations

import io
import re
import struct
import time
from collections import Counter
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from rich.console import Console

from fieldfare import hookimpl
from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.cli.overall_progress import OverallProgress, at_rate
from fieldfare.cli.progress import LineReporter, show_progress
from fieldfare.cli.progress_bars import BarReporter
from fieldfare.hooks.manager import load_plugins
from fieldfare.planning.passes import document_passes
from fieldfare.report import Moment, StepReport
from fieldfare.server import Server

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


def drawn(reporter: BarReporter, screen: io.StringIO) -> list[str]:
    """Return what the screen shows now, line by line."""
    screen.truncate(0)
    screen.seek(0)
    reporter.display.refresh()
    return [line.rstrip() for line in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", screen.getvalue()).splitlines()]


def console(screen: io.StringIO) -> Console:
    return Console(file=screen, force_terminal=True, width=80, color_system=None)


def test_a_terminal_gets_a_bar_for_the_activity_and_one_for_all() -> None:
    screen, long = io.StringIO(), "Quantize " + "very long vectors " * 6
    reporter = BarReporter(console(screen), {"rewrite": [20.0], "index": [100.0]})
    with reporter.display:
        reporter.fieldfare_step_report(evolve(STARTED, title=long))
        half = evolve(progress(500_000), title=long, seconds=10.0, unavailable_since=time.time() - 7.2)
        reporter.fieldfare_step_report(half)
        lines = drawn(reporter, screen)
        reporter.fieldfare_step_report(evolve(FINISHED, title=long))
        after = drawn(reporter, screen)
    assert lines[:2] == [
        "Quantize very long vectors very long vectors very long vectors very long vectors",
        "  very long vectors very long vectors",
    ]
    assert re.fullmatch(r"  +\S+ +500,000/1,000,000 docs  50,000/s  10 s left", lines[2])
    assert re.fullmatch(r"All steps +\S* *less than 1 s, about 1 min 50 s left", lines[3])
    assert lines[4] == "Index unavailable for 7 s"
    assert all(len(line) <= 80 for line in lines)
    assert after == [], "the index answers, and nothing runs"


def test_what_has_ended_stays_on_the_screen() -> None:
    screen = io.StringIO()
    reporter = BarReporter(console(screen))
    with reporter.display:
        reporter.fieldfare_step_report(evolve(STARTED, moment=Moment.SKIPPED))
        reporter.fieldfare_step_report(
            evolve(STARTED, title="Drop [the] index", moment=Moment.FAILED, error="no\nmore")
        )
        reporter.fieldfare_step_report(evolve(STARTED, moment=Moment.STALLED, error="no progress for 30 s"))
        reporter.fieldfare_step_report(FINISHED)
    shown = screen.getvalue()
    assert "Quantize vectors: done by an earlier run\n" in shown
    assert "Drop [the] index: failed: no\n" in shown
    assert "Quantize vectors: no progress for 30 s\n" in shown
    assert "Quantize vectors: done, 1,000,000 docs in 12.3 s\n" in shown


def test_a_limit_of_documents_per_second_is_expected_to_take_its_time() -> None:
    expected, passes = {"dump": 3.0, "rewrite": 0.0, "index": 2.0}, {"dump": 2, "rewrite": 1, "index": 0, "catch_up": 1}
    limited = {"dump": (10.0, 10.0), "rewrite": (10.0,), "index": (2.0,), "catch_up": (10.0,)}
    assert at_rate(expected, 1_000, 100, passes) == limited
    assert at_rate(expected, 1_000, None, {}) == {"dump": (3.0,), "rewrite": (0.0,), "index": (2.0,)}


def test_the_end_of_a_run_follows_from_what_was_expected_and_from_its_pace() -> None:
    now = 0.0
    overall = OverallProgress({"dump": [10.0], "rewrite": [20.0], "index": [30.0]}, lambda: now)
    overall.add(evolve(STARTED, activity="dump"))
    assert overall.seconds_left == 60
    now = 5.0
    overall.add(evolve(STARTED, activity="dump", moment=Moment.FINISHED))
    overall.add(STARTED)
    now = 9.0
    overall.add(evolve(progress(TOTAL // 4), seconds=4.0))
    assert overall.seconds_left == 12 + 30, "at its pace, the rewriting takes 16 s"
    assert overall.share == 9 / (9 + 42)
    assert OverallProgress().seconds_left is None


def test_the_end_of_a_run_counts_each_pass_over_the_documents() -> None:
    now = 0.0
    overall = OverallProgress({"dump": [10.0, 10.0], "rewrite": [20.0]}, lambda: now)
    dump = evolve(STARTED, activity="dump")
    overall.add(dump)
    now = 4.0
    overall.add(evolve(progress(TOTAL // 2), activity="dump", seconds=4.0))
    assert overall.seconds_left == 4 + 10 + 20
    overall.add(evolve(dump, moment=Moment.FINISHED))
    assert overall.seconds_left == 10 + 20
    overall.add(dump)
    overall.add(evolve(dump, moment=Moment.FAILED))
    assert overall.seconds_left == 10 + 20, "it is done once more"
    overall.add(STARTED)
    assert overall.seconds_left == 20, "what came before is not done again"


@pytest.mark.parametrize("mode", ["shadow", "drop_recreate"])
@pytest.mark.parametrize(
    "changes",
    [
        {"rename_fields": [{"old_name": "v", "new_name": "w"}]},
        {"update_fields": [{"name": "v", "attrs": {"datatype": "float16"}}]},
        {
            "update_fields": [{"name": "v", "attrs": {"datatype": "float16"}}],
            "rename_fields": [{"old_name": "v", "new_name": "w"}],
        },
        {"index": {"prefix": "n:"}},
    ],
    ids=["rename", "float16", "rename and float16", "prefix"],
)
def test_the_passes_over_the_documents_are_known(
    changes: dict[str, Any], mode: str, server: Server, tmp_path: Path
) -> None:
    field = ("VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", 4, "DISTANCE_METRIC", "L2")
    server.bulk([("HSET", f"d:{row}", "v", struct.pack("<4f", row, 1, 2, 3)) for row in range(100)])
    server.command("FT.CREATE", "books", "PREFIX", 1, "d:", "SCHEMA", "v", *field)
    plugins, done = load_plugins(), Counter[str]()

    class Observer:
        @hookimpl
        def fieldfare_step_report(self, report: StepReport) -> None:
            if report.moment is Moment.FINISHED:
                done[report.activity] += report.documents_done

    plugins.register(Observer(), "observer", "1.0")
    planner = MigrationPlanner(plugins=plugins, accept_recall_loss=True)
    patch = {"version": 1, "changes": changes}
    plan = planner.create_plan_from_patch("books", schema_patch=patch, server=server, mode=mode)
    passes = document_passes(plugins, plan)
    expected = {name: 100 * number for name, number in passes.items() if name != "index"}
    MigrationExecutor(plugins=plugins).apply(plan, server=server, backup_dir=tmp_path)
    assert {name: done[name] for name in expected} == expected


def test_a_log_says_for_how_long_the_index_has_been_unavailable(capsys: pytest.CaptureFixture[str]) -> None:
    seconds = count(step=20)
    reporter = LineReporter(lambda: next(seconds))
    reporter.fieldfare_step_report(STARTED)
    reporter.fieldfare_step_report(evolve(progress(5), unavailable_since=time.time() - 65.2))
    assert capsys.readouterr().err.splitlines()[1] == (
        "Quantize vectors: 5/1,000,000 docs; index unavailable for 1 min 5 s"
    )


def test_the_reporter_is_registered_only_during_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    plugins = load_plugins()
    before = plugins.names
    for _ in range(2):
        with show_progress(plugins):
            plugins.manager.hook.fieldfare_step_report(report=STARTED)
    assert plugins.names == before
    assert capsys.readouterr().err == "Quantize vectors ...\n" * 2
