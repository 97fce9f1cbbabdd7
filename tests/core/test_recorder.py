"""The hook recorder, and the order in which a migration calls every hook."""

from __future__ import annotations

import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from fieldfare import hookimpl
from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.changes import CustomChange
from fieldfare.documents import Batch
from fieldfare.errors import PluginBroken
from fieldfare.hooks import specs
from fieldfare.hooks.manager import Plugins, load_plugins
from fieldfare.plan import Claim, Estimate, Phase, Receipt, Step
from fieldfare.report import Finding, Moment
from fieldfare.server import Server
from fieldfare.testing.fixtures import RecordHooks

HOOKS: Final = {name for name in vars(specs) if name.startswith("fieldfare_")}

LATER: Final = {
    "fieldfare_add_commands",
    "fieldfare_encode_query",
    "fieldfare_examine",
    "fieldfare_executor",
    "fieldfare_name_keys",
    "fieldfare_report_page",
    "fieldfare_shard_report",
    "fieldfare_transform_back",
}
"""Hooks that this migration does not call: tests of plugins, comparison, executors, and of the mode ``shadow`` do."""


class Everything:
    """Implements every hook of a migration: with a rewrite step, and a step of its own."""

    @hookimpl
    def fieldfare_classify(self, change: object) -> Claim | None:
        """Claim what is asked for under ``custom``."""
        return Claim.supported(rewrites_documents=True) if isinstance(change, CustomChange) else None

    @hookimpl
    def fieldfare_plan_steps(self) -> list[Step]:
        """One of each kind."""
        return [Step.rewrite("acme.upper", ["t"]), Step.new("acme.greet", Phase.REWRITE)]

    @hookimpl
    def fieldfare_plan_further_steps(self) -> None:
        """Nothing more."""

    @hookimpl
    def fieldfare_estimate(self) -> Estimate:
        """Nothing much."""
        return Estimate(lines=("nothing much",))

    @hookimpl
    def fieldfare_rehearse_step(self, run: Any) -> None:
        """Nothing to try."""
        del run

    @hookimpl
    def fieldfare_backup(self, run: Any) -> None:
        """Nothing to keep."""
        del run

    @hookimpl
    def fieldfare_transform(self, batch: Batch) -> Batch:
        """Capitals."""
        return batch.replace("t", [value and value.upper() for value in batch["t"]])

    @hookimpl
    def fieldfare_execute_step(self, step: Step, run: Any) -> Receipt:
        """Greet."""
        run.redis.set("greeting", "hello")
        return Receipt(step.id)

    @hookimpl
    def fieldfare_verify_step(self, run: Any) -> bool:
        """Look for the greeting."""
        return bool(run.redis.exists("greeting"))

    @hookimpl
    def fieldfare_undo_step(self, run: Any) -> None:
        """Delete the greeting."""
        run.redis.delete("greeting")

    @hookimpl
    def fieldfare_validate(self) -> list[Finding]:
        """All is well."""
        return [Finding("acme.well", passed=True)]

    @hookimpl
    def fieldfare_watch_dump(self) -> None:
        """Rather make a backup."""

    @hookimpl
    def fieldfare_step_report(self, report: object) -> None:
        """Listen."""

    @hookimpl
    def fieldfare_run_report(self, report: object) -> None:
        """Listen."""

    @hookimpl
    def fieldfare_move_keys(self, pairs: Any) -> None:
        """Leave it to the next one."""


@pytest.fixture
def plugins() -> Plugins:
    loaded = load_plugins(blocked=["acme_redact"])
    loaded.register(Everything(), "acme", "1.0")
    return loaded


def test_every_hook_is_called_in_the_order_of_the_protocol(
    plugins: Plugins, record_hooks: RecordHooks, server: Server, tmp_path: Path
) -> None:
    server.bulk([("HSET", f"d:{row}", "t", "text") for row in range(10)])
    server.command("FT.CREATE", "i", "PREFIX", 1, "d:", "SCHEMA", "t", "TAG")
    recorder = record_hooks(plugins)

    patch = {"version": 1, "changes": {"custom": [{"kind": "acme.all"}], "index": {"prefix": "e:"}}}
    plan = MigrationPlanner(plugins=plugins).create_plan_from_patch("i", schema_patch=patch, server=server)
    plugins.call_each("fieldfare_estimate", plan=plan)
    executor = MigrationExecutor(plugins=plugins)
    executor.apply(plan, server=server, backup_dir=tmp_path)
    executor.rollback(server=server, backup_dir=tmp_path)

    observers = {"fieldfare_run_report", "fieldfare_step_report"}
    calls = [call for call in recorder.calls if "acme" in call.plugins and call.hook not in observers]
    order = list(dict.fromkeys(call.hook.removeprefix("fieldfare_") for call in calls))
    assert order == [
        *("classify", "plan_steps", "plan_further_steps", "estimate", "rehearse_step", "watch_dump"),
        *("transform", "backup"),
        *("execute_step", "verify_step", "move_keys", "validate", "undo_step"),
    ]
    assert {call.hook for call in recorder.calls} == HOOKS - LATER
    reports = [call.arguments["report"] for call in recorder.of("run_report", "acme")]
    assert [(each.command, each.moment) for each in reports] == [
        *(("apply", Moment.STARTED), ("apply", Moment.FINISHED)),
        *(("rollback", Moment.STARTED), ("rollback", Moment.FINISHED)),
    ]
    assert {call.owner for call in recorder.of("execute_step")} == {"index", "acme", "prefix"}
    assert [call.arguments["step"].kind for call in recorder.of("execute_step", "acme")] == ["acme.greet"]
    undone = recorder.of("undo_step")
    assert [call.owner for call in undone] == ["index", "prefix", "acme", "index"]
    assert undone[2].arguments["receipt"] == Receipt(undone[2].arguments["step"].id)


def module(**hooks: Callable[..., Any]) -> types.ModuleType:
    made = types.ModuleType("made")
    for name, function in hooks.items():
        setattr(made, name, hookimpl(function))
    return made


def test_results_and_errors_are_recorded(record_hooks: RecordHooks) -> None:
    plugins = load_plugins()
    recorder = record_hooks(plugins)
    step = Step.new("acme.thing", Phase.EXPAND)
    plugins.register(module(fieldfare_plan_steps=lambda: [step], fieldfare_estimate=lambda: 1 / 0), "acme")
    plugins.call("acme", "fieldfare_plan_steps", change=None, claim=None, live=None)
    with pytest.raises(PluginBroken):
        plugins.call("acme", "fieldfare_estimate", plan=None)
    planned, estimated = recorder.calls
    assert (planned.owner, planned.result, planned.error) == ("acme", [step], None)
    assert isinstance(estimated.error, ZeroDivisionError)
    assert recorder.hooks == ["fieldfare_plan_steps", "fieldfare_estimate"]
