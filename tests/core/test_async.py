"""Migrations under an event loop: it goes on, it hears of progress, and cancelling leaves what can be resumed."""

from __future__ import annotations

import asyncio
import gc
import inspect
import struct
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from fieldfare import hookimpl
from fieldfare.api import MigrationExecutor, MigrationPlanner, MigrationValidator
from fieldfare.api.asynchronous import AsyncMigrationExecutor, AsyncMigrationPlanner, AsyncMigrationValidator
from fieldfare.engine.stop import StopRequest
from fieldfare.errors import BackupDirectoryRequired, IndexNotFound, Interrupted
from fieldfare.hooks.manager import Plugins, load_plugins
from fieldfare.plan import MigrationPlan
from fieldfare.report import Result, StepReport
from fieldfare.server import Server
from fieldfare.testing.digest import database_digest, index_state
from fieldfare.testing.indexing import wait_until_indexed

COUNT = 120
BATCH = 10
PATCH = {"version": 1, "changes": {"update_fields": [{"name": "embedding", "attrs": {"datatype": "float16"}}]}}
PAIRS: list[tuple[type[Any], type[Any]]] = [
    (MigrationPlanner, AsyncMigrationPlanner),
    (MigrationExecutor, AsyncMigrationExecutor),
    (MigrationValidator, AsyncMigrationValidator),
]


def load(server: Server, index: str = "articles", prefix: str = "doc:", count: int = COUNT) -> None:
    server.bulk([("HSET", f"{prefix}{row}", "embedding", struct.pack("<2f", row, 1)) for row in range(count)])
    server.command(
        *("FT.CREATE", index, "PREFIX", 1, prefix, "SCHEMA", "embedding", "VECTOR", "FLAT", 6),
        *("TYPE", "FLOAT32", "DIM", 2, "DISTANCE_METRIC", "L2"),
    )
    wait_until_indexed(server, index)


@pytest.fixture
def articles(server: Server) -> Server:
    load(server)
    return server


def state(server: Server) -> tuple[object, object]:
    return database_digest(server), index_state(server)


def make_plan(server: Server, index: str = "articles") -> MigrationPlan:
    return MigrationPlanner().create_plan_from_patch(index, schema_patch=PATCH, server=server)


class OnLoop:
    """A plugin that holds the run at the third batch of an activity, until the loop has carried something out."""

    def __init__(self, activity: str, action: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self.loop = asyncio.get_running_loop()
        self.activity = activity
        self.action = action
        self.seen = 0

    @hookimpl
    def fieldfare_step_report(self, report: StepReport) -> None:
        """Hold the run, once."""
        if (report.activity, report.moment) == (self.activity, "progress"):
            self.seen += 1
            if self.seen == 3:
                asyncio.run_coroutine_threadsafe(self.action(), self.loop).result(timeout=300)


def plugins_with(observer: object) -> Plugins:
    plugins = load_plugins()
    plugins.register(observer, "observer")
    return plugins


# ------------------------------------------------------------ the same as the plain ones


@pytest.mark.parametrize(("plain", "asynchronous"), PAIRS, ids=lambda kind: kind.__name__)
def test_methods_and_their_arguments_are_those_of_the_plain_class(plain: type[Any], asynchronous: type[Any]) -> None:
    names = [name for name in vars(plain) if not name.startswith("_")]
    assert names
    for name in names:
        assert inspect.signature(getattr(asynchronous, name)) == inspect.signature(getattr(plain, name)), name


def test_plan_apply_validate_roll_back(articles: Server, redis_url: str, tmp_path: Path) -> None:
    before = state(articles)

    async def migrate() -> list[Result]:
        planner, executor = AsyncMigrationPlanner(), AsyncMigrationExecutor()
        plan = await planner.create_plan_from_patch("articles", schema_patch=PATCH, redis_url=redis_url)
        planner.write_plan(plan, tmp_path / "plan.yaml")
        applied = await executor.apply(plan, redis_url=redis_url, backup_dir=tmp_path)
        assert articles.command("HGET", "doc:7", "embedding") == struct.pack("<2e", 7, 1)
        validated = await AsyncMigrationValidator().validate(plan, redis_url=redis_url)
        assert executor.status(tmp_path)[0]["phase"] == "validated"
        back = await executor.rollback(redis_url=redis_url, backup_dir=tmp_path)
        return [applied.result, validated.result, back.result]

    assert asyncio.run(migrate()) == [Result.SUCCEEDED, Result.SUCCEEDED, Result.ROLLED_BACK]
    assert (tmp_path / "plan.yaml").exists()
    assert state(articles) == before


def test_errors_are_those_of_the_plain_classes(articles: Server, redis_url: str) -> None:
    plan = make_plan(articles)
    with pytest.raises(BackupDirectoryRequired):
        asyncio.run(AsyncMigrationExecutor().apply(plan, redis_url=redis_url))
    with pytest.raises(IndexNotFound):
        asyncio.run(AsyncMigrationPlanner().create_plan_from_patch("nope", schema_patch=PATCH, redis_url=redis_url))


# ------------------------------------------------------------ the loop goes on


def test_the_loop_works_between_two_batches(articles: Server, tmp_path: Path) -> None:
    plan = make_plan(articles)
    beats = 0

    async def migrate() -> Result:
        async def beat() -> None:
            nonlocal beats
            for _ in range(5):
                await asyncio.sleep(0)
                beats += 1

        plugins = plugins_with(OnLoop("rewrite", beat))
        executor = AsyncMigrationExecutor(plugins=plugins)
        return (await executor.apply(plan, server=articles, backup_dir=tmp_path, batch_size=BATCH)).result

    assert asyncio.run(migrate()) is Result.SUCCEEDED
    assert beats == 5


def test_no_thread_of_the_loops_own_pool_is_taken(articles: Server) -> None:
    gate = threading.Event()

    async def migrate() -> bool:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))
        busy = loop.run_in_executor(None, gate.wait)
        planner = AsyncMigrationPlanner()
        plan = await planner.create_plan_from_patch("articles", schema_patch=PATCH, server=articles)
        gate.set()
        await busy
        return plan.supported

    assert asyncio.run(migrate())


def test_context_variables_are_seen_by_plugins(articles: Server, tmp_path: Path) -> None:
    plan = make_plan(articles)
    request: ContextVar[str] = ContextVar("request", default="none")
    seen: set[str] = set()

    class Reader:
        @hookimpl
        def fieldfare_step_report(self, report: StepReport) -> None:
            del report
            seen.add(request.get())

    async def migrate() -> None:
        request.set("request 17")
        await AsyncMigrationExecutor(plugins=plugins_with(Reader())).apply(plan, server=articles, backup_dir=tmp_path)

    asyncio.run(migrate())
    assert seen == {"request 17"}


# ------------------------------------------------------------ progress


def test_progress_is_told_on_the_loop(articles: Server, tmp_path: Path) -> None:
    plan = make_plan(articles)
    told: list[tuple[str, str]] = []

    def listen(step: str, detail: str) -> None:
        assert threading.current_thread() is threading.main_thread()
        told.append((step, detail))

    async def migrate() -> None:
        await AsyncMigrationExecutor().apply(
            plan, server=articles, backup_dir=tmp_path, batch_size=BATCH, progress_callback=listen
        )

    asyncio.run(migrate())
    assert ("dump", f"{BATCH}/{COUNT} docs") in told
    assert ("rewrite", f"{COUNT}/{COUNT} docs") in told
    assert [step for step, detail in told if detail.startswith("done")][-1] == "validate"


def test_runs_at_the_same_time_don_t_hear_of_each_other(server: Server, tmp_path: Path) -> None:
    load(server, "small", "small:", 20)
    load(server, "large", "large:", 70)
    plans = [make_plan(server, "small"), make_plan(server, "large")]
    executor = AsyncMigrationExecutor()

    async def migrate(plan: MigrationPlan) -> set[str]:
        totals: set[str] = set()

        def listen(_step: str, detail: str) -> None:
            if detail.endswith(" docs"):
                totals.add(detail.removesuffix(" docs").rpartition("/")[2])

        await executor.apply(plan, server=server, backup_dir=tmp_path, batch_size=BATCH, progress_callback=listen)
        return totals

    async def both() -> list[set[str]]:
        return await asyncio.gather(*map(migrate, plans))

    assert asyncio.run(both()) == [{"20"}, {"70"}]
    assert server.command("HGET", "large:69", "embedding") == struct.pack("<2e", 69, 1)


def test_the_collector_leaves_the_program_alone_meanwhile(articles: Server, tmp_path: Path) -> None:
    frozen: list[int] = []

    class Watcher:
        """Looks while the run works."""

        @hookimpl
        def fieldfare_step_report(self, report: StepReport) -> None:
            del report
            frozen.append(gc.get_freeze_count())

    plugins = load_plugins()
    plugins.register(Watcher(), "watcher")
    plan = make_plan(articles)
    asyncio.run(AsyncMigrationExecutor(plugins=plugins).apply(plan, server=articles, backup_dir=tmp_path))
    assert frozen
    assert all(frozen)
    assert gc.get_freeze_count() == 0


def test_a_callback_that_raises_does_not_harm_the_run(articles: Server, tmp_path: Path) -> None:
    plan = make_plan(articles)
    failures: list[object] = []

    def fail(step: str, _detail: str) -> None:
        raise ValueError(step)

    async def migrate() -> Result:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context["exception"]))
        executor = AsyncMigrationExecutor()
        return (await executor.apply(plan, server=articles, backup_dir=tmp_path, progress_callback=fail)).result

    assert asyncio.run(migrate()) is Result.SUCCEEDED
    assert failures
    with capture_logs() as logs:
        plain = MigrationExecutor().rollback(server=articles, backup_dir=tmp_path, progress_callback=fail)
    assert plain.result is Result.ROLLED_BACK
    assert {entry["event"] for entry in logs} == {"observer_failed"}


# ------------------------------------------------------------ cancelling


async def cancel_at(
    activity: str, start: Callable[[AsyncMigrationExecutor, StopRequest], Coroutine[Any, Any, object]], times: int = 1
) -> asyncio.CancelledError:
    """Cancel a run at its third batch of an activity, and return what its task raised."""
    stop = StopRequest()

    async def cancel() -> None:
        for _ in range(times):
            task.cancel()
            await asyncio.sleep(0)
        while not stop.is_set:  # noqa: ASYNC110 - a request to stop has no event of a loop
            await asyncio.sleep(0)
        assert not task.done(), "it must wait for the batch"

    executor = AsyncMigrationExecutor(plugins=plugins_with(OnLoop(activity, cancel)))
    task = asyncio.create_task(start(executor, stop))
    with pytest.raises(asyncio.CancelledError) as raised:
        await task
    assert task.cancelled()
    return raised.value


@pytest.mark.parametrize("times", [1, 3])
def test_cancelled_while_documents_are_rewritten(articles: Server, tmp_path: Path, times: int) -> None:
    before, plan = state(articles), make_plan(articles)
    MigrationExecutor().apply(plan, server=articles, backup_dir=tmp_path / "clean")
    clean = state(articles)
    MigrationExecutor().rollback(server=articles, backup_dir=tmp_path / "clean")

    error = asyncio.run(
        cancel_at(
            "rewrite",
            lambda executor, stop: executor.apply(
                plan, server=articles, backup_dir=tmp_path, batch_size=BATCH, stop=stop
            ),
            times,
        )
    )
    assert isinstance(error.__cause__, Interrupted)
    assert "fieldfare apply" in error.__cause__.resume
    [status] = AsyncMigrationExecutor().status(tmp_path)
    assert status["phase"] == "active"
    rewritten = [articles.command("HSTRLEN", f"doc:{row}", "embedding") for row in range(COUNT)].count(4)
    assert 0 < rewritten < COUNT
    assert articles.command("EXISTS", "fieldfare:lock:articles") == 0, "a lock is left"

    again = asyncio.run(AsyncMigrationExecutor().apply(plan, server=articles, backup_dir=tmp_path))
    assert again.result is Result.SUCCEEDED
    assert state(articles) == clean
    MigrationExecutor().rollback(server=articles, backup_dir=tmp_path)
    assert state(articles) == before


def test_cancelled_before_anything_is_changed(articles: Server, tmp_path: Path) -> None:
    before, plan = state(articles), make_plan(articles)
    error = asyncio.run(
        cancel_at(
            "dump",
            lambda executor, stop: executor.apply(
                plan, server=articles, backup_dir=tmp_path, batch_size=BATCH, stop=stop
            ),
        )
    )
    assert "Nothing was changed" in str(error.__cause__)
    assert state(articles) == before
    assert asyncio.run(AsyncMigrationExecutor().apply(plan, server=articles, backup_dir=tmp_path)).result == "succeeded"


def test_cancelled_rollback_is_run_again(articles: Server, tmp_path: Path) -> None:
    before, plan = state(articles), make_plan(articles)
    MigrationExecutor().apply(plan, server=articles, backup_dir=tmp_path, batch_size=BATCH)
    asyncio.run(
        cancel_at("restore", lambda executor, stop: executor.rollback(server=articles, backup_dir=tmp_path, stop=stop))
    )
    assert state(articles) != before
    asyncio.run(AsyncMigrationExecutor().rollback(server=articles, backup_dir=tmp_path))
    assert state(articles) == before


def test_a_request_to_stop_is_no_cancellation(articles: Server, tmp_path: Path) -> None:
    plan, stop = make_plan(articles), StopRequest()
    stop.set()
    with pytest.raises(Interrupted):
        asyncio.run(AsyncMigrationExecutor().apply(plan, server=articles, backup_dir=tmp_path, stop=stop))


def test_planning_is_left_at_once(articles: Server) -> None:
    waiting, gate = threading.Event(), threading.Event()

    class Slow:
        @hookimpl
        def fieldfare_classify(self, change: object, live: object) -> None:
            del change, live
            waiting.set()
            gate.wait()

    async def plan() -> None:
        planner = AsyncMigrationPlanner(plugins=plugins_with(Slow()))
        task = asyncio.create_task(planner.create_plan_from_patch("articles", schema_patch=PATCH, server=articles))
        await asyncio.to_thread(waiting.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        gate.set()

    asyncio.run(plan())
