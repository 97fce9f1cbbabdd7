"""Load on the server: limits, pauses, and changing them while a run is under way."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from fieldfare import hookimpl
from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.cli.app import run
from fieldfare.cli.report_text import report_text
from fieldfare.engine.load import Limits
from fieldfare.engine.load.latency import probe_latency
from fieldfare.engine.load.pace import Backoff, Speed, TokenBucket
from fieldfare.engine.stop import StopRequest
from fieldfare.errors import BackupUnusable, Interrupted, StepFailed, UsageError
from fieldfare.hooks.manager import load_plugins
from fieldfare.plan import MigrationPlan
from fieldfare.plan.file import write_plan
from fieldfare.report import MigrationReport, Moment, Result, StepReport
from fieldfare.report.benchmark import benchmark_to_dict
from fieldfare.report.file import report_to_dict
from fieldfare.report.latency import LatencyHistogram
from fieldfare.server import Server, connect
from fieldfare.testing.commandline import CommandLine
from fieldfare.testing.digest import database_digest, index_state

COUNT, DIMS, BATCH = 60, 4, 10
PATCH = {
    "version": 1,
    "changes": {"update_fields": [{"name": "v", "attrs": {"datatype": "float16"}}], "index": {"name": "new"}},
}
ENDLESS = 0.001
"""Documents per second: no run of a test comes to its end with it."""

EXCEEDED = 1e-6
"""Milliseconds: no server answers within it."""


@pytest.fixture
def plan(server: Server) -> MigrationPlan:
    vectors = np.random.default_rng(4).standard_normal((COUNT, DIMS)).astype("<f4")
    server.bulk([("HSET", f"d:{row:02}", "v", vectors[row].tobytes()) for row in range(COUNT)])
    server.command(
        *("FT.CREATE", "old", "PREFIX", 1, "d:", "SCHEMA"),
        *("v", "VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "L2"),
    )
    return MigrationPlanner().create_plan_from_patch("old", schema_patch=PATCH, server=server)


class ActionFailed(BaseException):
    """No plain exception: a run takes no notice of those of its observers, and would stay paused."""


class Observer:
    """Records the reports of a run, and acts when an activity begins and when a pause does."""

    def __init__(self) -> None:
        self.reports: list[StepReport] = []
        self.on_rewrite: Callable[[], object] = lambda: None
        self.on_pause: Callable[[], object] = lambda: None

    @property
    def pauses(self) -> list[str]:
        """The reasons of pauses so far."""
        return [str(each.error) for each in self.reports if each.moment is Moment.STALLED]

    def progress(self, activity: str) -> list[int]:
        """The counts that were reported of an activity."""
        found = [each for each in self.reports if (each.activity, each.moment) == (activity, Moment.PROGRESS)]
        return [each.documents_done for each in found]

    @hookimpl
    def fieldfare_step_report(self, report: StepReport) -> None:  # noqa: D102 - as the hook says
        self.reports.append(report)
        try:
            if (report.activity, report.moment) in {("rewrite", Moment.STARTED), ("restore", Moment.STARTED)}:
                self.on_rewrite()
            if report.moment is Moment.STALLED:
                self.on_pause()
        except Exception as error:
            raise ActionFailed from error


@pytest.fixture
def observer() -> Observer:
    return Observer()


@pytest.fixture
def executor(observer: Observer) -> MigrationExecutor:
    plugins = load_plugins()
    plugins.register(observer, "observer")
    return MigrationExecutor(plugins=plugins)


def speed(executor: MigrationExecutor, directory: Path) -> Any:
    [migration] = executor.status(directory)
    return migration["speed"]


def converted(server: Server) -> int:
    return sum(length == 2 * DIMS for length in server.bulk([("HSTRLEN", f"d:{row:02}", "v") for row in range(COUNT)]))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_makes_no_progress_while_the_pause_file_exists(  # noqa: PLR0913, PLR0917 - a run and its observer
    plan: MigrationPlan, server: Server, tmp_path: Path, executor: MigrationExecutor, observer: Observer, workers: int
) -> None:
    pause, seen = tmp_path / "pause", []

    def look() -> None:
        seen.append((observer.progress("rewrite"), converted(server) < COUNT))
        pause.unlink()

    observer.on_rewrite, observer.on_pause = pause.touch, look
    report = executor.apply(
        plan, server=server, backup_dir=tmp_path, batch_size=BATCH, num_workers=workers, pause_file=pause
    )
    assert report.result is Result.SUCCEEDED
    assert observer.pauses == [f"paused: the file {pause} exists"]
    assert seen == [([0, BATCH], True)]
    assert report.timings.throttled_duration_seconds > 0
    assert converted(server) == COUNT


def test_status_says_that_a_run_is_paused_and_why(
    plan: MigrationPlan, server: Server, tmp_path: Path, executor: MigrationExecutor, observer: Observer
) -> None:
    pause = tmp_path / "pause"
    pause.touch()
    with under_way(executor, plan, server=server, backup_dir=tmp_path, pause_file=pause) as running:
        wait_for(running, lambda: (speed_if_any(executor, tmp_path) or {}).get("pace") == "paused")
        found = speed(executor, tmp_path)
        pause.unlink()
        assert running.result().result is Result.SUCCEEDED
    assert found["reason"] == f"the file {pause} exists"
    assert (found["activity"], found["documents_per_second"]) == ("enumerate", None)
    assert speed(executor, tmp_path) is None
    assert observer.pauses


@contextmanager
def under_way(executor: MigrationExecutor, plan: MigrationPlan, **options: Any) -> Iterator[Future[MigrationReport]]:
    """A run in another thread, which ends with the body."""
    stop = StopRequest()
    with ThreadPoolExecutor(1) as pool:
        try:
            yield pool.submit(executor.apply, plan, stop=stop, **options)
        finally:
            stop.set()


def speed_if_any(executor: MigrationExecutor, directory: Path) -> Any:
    try:
        found = executor.status(directory)
    except BackupUnusable:
        return None
    return found[0]["speed"] if found else None


def wait_for(running: Any, is_there: Callable[[], bool]) -> None:
    """Look until something is there; the run must still be under way then."""
    while not is_there():
        assert not running.done(), running.result()


def test_a_pause_obeys_ctrl_c_and_the_run_can_be_resumed(
    plan: MigrationPlan, server: Server, tmp_path: Path, executor: MigrationExecutor, observer: Observer
) -> None:
    stop, pause = StopRequest(), tmp_path / "pause"
    observer.on_rewrite, observer.on_pause = pause.touch, stop.set
    with pytest.raises(Interrupted):
        executor.apply(plan, server=server, backup_dir=tmp_path, batch_size=BATCH, pause_file=pause, stop=stop)
    assert observer.progress("rewrite") == [0, BATCH]
    report = MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path)  # its own limits: none
    assert (report.result, converted(server)) == (Result.SUCCEEDED, COUNT)
    assert report.timings.throttled_duration_seconds > 0  # over all attempts


def test_a_pause_ends_when_the_lock_is_lost(
    plan: MigrationPlan, server: Server, tmp_path: Path, executor: MigrationExecutor, observer: Observer
) -> None:
    pause = tmp_path / "pause"
    observer.on_rewrite, observer.on_pause = pause.touch, lambda: server.command("DEL", "fieldfare:lock:old")
    with pytest.raises(StepFailed, match="lost"):
        executor.apply(plan, server=server, backup_dir=tmp_path, batch_size=BATCH, pause_file=pause)
    assert observer.progress("rewrite") == [0, BATCH]


def test_a_run_is_paused_and_resumed_from_outside(
    plan: MigrationPlan, server: Server, tmp_path: Path, executor: MigrationExecutor, observer: Observer
) -> None:
    before = database_digest(server), index_state(server)
    observer.on_rewrite = lambda: executor.throttle(tmp_path, paused=True, max_rate=1e6)
    changed: list[Any] = []
    observer.on_pause = lambda: changed.append(executor.throttle(tmp_path, "new", paused=False))
    report = executor.apply(plan, server=server, backup_dir=tmp_path, batch_size=BATCH)
    assert report.result is Result.SUCCEEDED
    assert observer.pauses == ["paused: 'fieldfare throttle --pause' was given"]
    assert changed == [{"old": Limits(max_rate=1e6)}]
    report = executor.rollback(server=server, backup_dir=tmp_path)
    assert (report.result, len(changed)) == (Result.ROLLED_BACK, 2)
    assert (database_digest(server), index_state(server)) == before


def test_a_rate_is_kept_until_it_is_changed(
    plan: MigrationPlan, server: Server, tmp_path: Path, executor: MigrationExecutor
) -> None:
    with under_way(executor, plan, server=server, backup_dir=tmp_path, max_rate=ENDLESS) as running:
        wait_for(running, lambda: (speed_if_any(executor, tmp_path) or {}).get("pace") == "throttled")
        found = speed(executor, tmp_path)
        assert executor.throttle(tmp_path, off=True) == {"old": Limits()}
        report: MigrationReport = running.result()
    assert (found["activity"], found["documents_done"], found["documents_total"]) == ("dump", COUNT, COUNT)
    assert found["reason"] == "0.001 documents per second are allowed"
    assert report.result is Result.SUCCEEDED
    assert report.timings.throttled_duration_seconds > 0


def test_batches_of_an_earlier_attempt_are_not_waited_for(
    plan: MigrationPlan, server: Server, tmp_path: Path, executor: MigrationExecutor, observer: Observer
) -> None:
    stop = StopRequest()
    observer.on_rewrite, observer.on_pause = lambda: executor.throttle(tmp_path, paused=True), stop.set
    with pytest.raises(Interrupted):
        executor.apply(plan, server=server, backup_dir=tmp_path, batch_size=BATCH, stop=stop)
    observer.reports.clear()
    observer.on_rewrite = lambda: None
    with under_way(executor, plan, server=server, backup_dir=tmp_path, max_rate=ENDLESS) as running:
        wait_for(running, lambda: (speed_if_any(executor, tmp_path) or {}).get("pace") == "throttled")
        assert observer.progress("rewrite") == [BATCH, 2 * BATCH]
        executor.throttle(tmp_path, off=True)
        assert running.result().result is Result.SUCCEEDED


def test_a_slow_server_slows_the_run_down_then_pauses_it(
    plan: MigrationPlan, server: Server, tmp_path: Path, executor: MigrationExecutor, observer: Observer
) -> None:
    observer.on_pause = lambda: executor.throttle(tmp_path, off=True)
    report = executor.apply(plan, server=server, backup_dir=tmp_path, batch_size=1, max_latency=EXCEEDED)
    assert report.result is Result.SUCCEEDED
    [pause] = observer.pauses
    assert pause.startswith("paused: the server took ")
    assert pause.endswith(" ms to answer; 1e-06 ms are allowed")


def test_a_fast_server_is_not_waited_for(plan: MigrationPlan, server: Server, tmp_path: Path) -> None:
    report = MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path, max_latency=1e6, max_rate=1e9)
    assert report.timings.throttled_duration_seconds == 0


def test_the_report_says_how_long_the_server_took_to_answer(
    plan: MigrationPlan, server: Server, tmp_path: Path
) -> None:
    executor = MigrationExecutor()
    report = executor.apply(plan, server=server, backup_dir=tmp_path, max_latency=1e6)
    assert report.latency["probes"] >= 4, "enumerate, dump, rewrite and index"
    assert 0 < report.latency["median_ms"] <= report.latency["p99_ms"] <= report.latency["worst_ms"]
    assert report_to_dict(report)["latency"] == benchmark_to_dict(report)["latency"] == report.latency
    shown = report_text(report)
    assert f"{report.latency['probes']} probes" in shown
    assert f"{report.latency['worst_ms']:.1f} ms" in shown
    rolled_back = executor.rollback(server=server, backup_dir=tmp_path)
    assert rolled_back.latency == {}, "it is about the rollback, which was not asked to measure"
    assert "probes" not in report_text(rolled_back)
    assert executor.apply(plan, server=server, backup_dir=tmp_path).latency == {}
    assert executor.rollback(server=server, backup_dir=tmp_path, max_latency=1e6).latency["probes"] > 0


@given(st.lists(st.floats(min_value=0.001, max_value=1e6), min_size=1, max_size=300), st.sampled_from([0.5, 0.99, 1.0]))
def test_a_percentile_is_at_most_five_percent_too_high(times: list[float], share: float) -> None:
    histogram = LatencyHistogram()
    for each in times:
        histogram = histogram.add(each)
    exact = sorted(times)[math.ceil(share * len(times)) - 1]
    assert exact * 0.999 <= histogram.percentile(share) <= exact * 1.051
    assert (histogram.count, histogram.worst) == (len(times), max(times))


def test_without_a_probe_there_is_no_percentile() -> None:
    with pytest.raises(ValueError, match="no latency was measured"):
        LatencyHistogram().percentile(0.5)
    assert LatencyHistogram().add(0.0).percentile(0.5) == 0


def test_latency_is_that_of_the_server(server: Server, redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as other:
        other.execute_command("CLIENT", "PAUSE", 60, "ALL")
    assert probe_latency(server) > 0


def test_latency_needs_no_right(server: Server, redis_url: str) -> None:
    server.command("ACL", "SETUSER", "guest", "on", "nopass", "~*", "+@all", "-ping")
    try:
        with connect(redis_url.replace("redis://", "redis://guest:x@")) as guest:
            assert probe_latency(guest) > 0
    finally:
        server.command("ACL", "DELUSER", "guest")


def test_latency_of_a_cluster_is_that_of_its_slowest_primary(cluster: Server) -> None:
    assert probe_latency(cluster) > 0


@pytest.mark.parametrize("name", ["max_rate", "max_latency"])
@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_a_limit_that_is_none_is_refused(
    plan: MigrationPlan, server: Server, tmp_path: Path, name: str, value: float
) -> None:
    for call in (
        lambda **limit: MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path, **limit),
        lambda **limit: MigrationExecutor().rollback(server=server, backup_dir=tmp_path, **limit),
        lambda **limit: MigrationExecutor().throttle(tmp_path, **limit),
    ):
        with pytest.raises(UsageError, match=f"{name}=.* above 0"):
            call(**{name: value})


def test_a_pause_file_in_no_directory_is_refused(plan: MigrationPlan, server: Server, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path, pause_file=tmp_path / "no" / "pause")


@pytest.mark.parametrize(
    "arguments", [("--max-rate", "0"), ("--max-rate", "nan"), ("--max-latency", "-3"), ("--pause-file", "no/pause"), ()]
)
def test_bad_limits_end_with_2(tmp_path: Path, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    command = "apply" if "--pause-file" in arguments else "throttle"
    assert run([command, "--backup-dir", str(tmp_path), *arguments]) == 2
    assert "above 0" in (error := capsys.readouterr().err) or "does not exist" in error or "Nothing to change" in error


def test_throttle_says_that_no_run_is_under_way(
    plan: MigrationPlan, server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = str(tmp_path)
    assert run(["throttle", "--backup-dir", directory, "--pause"]) == 4
    MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path)
    assert run(["throttle", "--backup-dir", directory, "--pause"]) == 4
    assert run(["throttle", "--backup-dir", directory, "--index", "old", "--pause"]) == 4
    assert capsys.readouterr().err.count("is active") == 3


def test_a_killed_run_is_not_under_way(plan: MigrationPlan, redis_url: str, tmp_path: Path) -> None:
    write_plan(plan, tmp_path / "plan.yaml")
    fieldfare = CommandLine(redis_url, tmp_path)
    backup = ("--backup-dir", "backup")
    apply = ("apply", "--plan", "plan.yaml", *backup, "--batch-size", str(BATCH))
    assert fieldfare(*apply, "--max-rate", "1000000", crash_at="rewrite:progress:2").code == -9
    assert "Running" not in fieldfare("status", *backup).stdout
    assert fieldfare("throttle", *backup, "--off").code == 4
    assert fieldfare(*apply).code == 0
    assert not list((tmp_path / "backup").glob("*.throttle.json"))
    assert not list((tmp_path / "backup").glob("*.running.json"))


def test_the_commands_change_and_show_a_run(  # noqa: PLR0913, PLR0917 - a run and its observer
    plan: MigrationPlan,
    server: Server,
    tmp_path: Path,
    executor: MigrationExecutor,
    observer: Observer,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shown: list[str] = []
    backup = ("--backup-dir", str(tmp_path))

    def change() -> None:
        assert run(["throttle", *backup, "--index", "old", "--max-rate", "500", "--pause"]) == 0
        shown.append(capsys.readouterr().out)

    def look() -> None:
        assert run(["throttle", *backup, "--off", "--max-latency", "50000", "--json"]) == 0
        shown.append(capsys.readouterr().out)

    observer.on_rewrite, observer.on_pause = change, look
    executor.apply(plan, server=server, backup_dir=tmp_path, batch_size=BATCH)
    assert shown[0] == "old: paused, 500 documents per second at most\n"
    assert json.loads(shown[1]) == {"limits": {"old": {"max_rate": None, "max_latency": 50000.0, "paused": False}}}


def test_status_shows_rate_and_time_left(
    plan: MigrationPlan, server: Server, tmp_path: Path, executor: MigrationExecutor, capsys: pytest.CaptureFixture[str]
) -> None:
    with under_way(executor, plan, server=server, backup_dir=tmp_path, batch_size=BATCH, max_rate=ENDLESS) as running:
        wait_for(running, lambda: (speed_if_any(executor, tmp_path) or {}).get("documents_per_second") is not None)
        assert run(["status", "--backup-dir", str(tmp_path)]) == 0
        executor.throttle(tmp_path, off=True)
        running.result()
    out = capsys.readouterr().out
    assert f"dump: {BATCH} of {COUNT} documents, " in out
    assert "throttled: 0.001 documents per second are allowed" in out


def test_a_token_bucket_gives_the_rate_that_it_is_filled_with() -> None:
    now, done, bucket = 100.0, 0, TokenBucket(filled_at=100.0)
    while done < 5_000:
        bucket = bucket.fill(1_000, now).take(50)
        done += 50
        now += bucket.wait(1_000) + 0.001  # the wait, and what the batch itself takes
    assert now - 100.0 == pytest.approx(5.0, abs=0.1)


def test_a_token_bucket_saves_up_little() -> None:
    bucket = TokenBucket().fill(1_000, now=3_600.0)
    assert bucket.tokens == 100
    assert bucket.take(600).wait(1_000) == pytest.approx(0.5)
    assert bucket.take(600).wait(100) == pytest.approx(5.0)  # the rate was lowered in the meantime


def test_a_backoff_doubles_up_to_a_pause_and_is_halved() -> None:
    backoff, delays = Backoff(), []
    while not backoff.pauses:
        backoff = backoff.probed(is_slow=True)
        delays.append(backoff.delay)
    assert delays == [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.0]
    for _ in delays:
        backoff = backoff.probed(is_slow=False)
    assert backoff.delay == 0
    assert not Backoff(1.0).probed(is_slow=False).pauses


def test_speed_is_that_of_the_last_seconds() -> None:
    speed = Speed()
    assert speed.rate is None
    for second in range(30):
        speed = speed.add(float(second), 100 * min(second, 15) + 10 * max(second - 15, 0))
    assert speed.rate == pytest.approx(10)
    assert speed.seconds_left(200) == pytest.approx(20)
    assert Speed().add(0.0, 5).add(60.0, 5).rate == 0
    assert Speed().add(0.0, 5).add(60.0, 5).seconds_left(10) is None
