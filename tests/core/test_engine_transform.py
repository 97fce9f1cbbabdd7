"""What a transform must not do, found in the rehearsal: while nothing has been changed."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from fieldfare import hookimpl
from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.changes import Change, CustomChange
from fieldfare.documents import Batch, Column
from fieldfare.errors import InvalidHookResult, PluginBroken, StepFailed
from fieldfare.hooks.manager import Plugins, load_plugins
from fieldfare.plan import Claim, MigrationPlan, Step
from fieldfare.report import MigrationReport
from fieldfare.server import Server
from fieldfare.testing.digest import database_digest, index_state

COUNT = 23
Transform = Callable[[Batch], Any]


class Plugin:
    """Rewrites two fields, in whatever way a test says."""

    def __init__(self, transform: Transform, fields: tuple[str, ...]) -> None:
        self.transform = transform
        self.fields = fields

    @hookimpl
    def fieldfare_classify(self, change: Change) -> Claim | None:  # noqa: D102 - as the hook says
        return Claim.supported(rewrites_documents=True) if isinstance(change, CustomChange) else None

    @hookimpl
    def fieldfare_plan_steps(self) -> list[Step]:  # noqa: D102 - as the hook says
        return [Step.rewrite("test.rewrite", self.fields)]

    @hookimpl
    def fieldfare_transform(self, batch: Batch) -> Any:  # noqa: D102 - as the hook says
        return self.transform(batch)


def prepare(
    server: Server, transform: Transform, *fields: str, index: tuple[str, ...]
) -> tuple[Plugins, MigrationPlan]:
    server.command("FT.CREATE", "i", *index)
    plugins = load_plugins(blocked=["acme_redact"])
    plugins.register(Plugin(transform, fields), "test", "1")
    patch = {"version": 1, "changes": {"custom": [{"kind": "test.rewrite"}]}}
    return plugins, MigrationPlanner(plugins=plugins).create_plan_from_patch("i", schema_patch=patch, server=server)


def on_hashes(server: Server, tmp_path: Path, transform: Transform) -> MigrationReport:
    server.bulk([("HSET", f"d:{row}", "a", f"a{row}", "b", f"b{row}") for row in range(COUNT)])
    server.command("HDEL", "d:7", "b")
    plugins, plan = prepare(server, transform, "a", "b", index=("PREFIX", "1", "d:", "SCHEMA", "a", "TEXT"))
    return MigrationExecutor(plugins=plugins).apply(plan, server=server, backup_dir=tmp_path, batch_size=10)


def on_json(server: Server, tmp_path: Path, transform: Transform) -> MigrationReport:
    server.bulk([("JSON.SET", f"d:{row}", "$", json.dumps({"a": f"ä {row}", "b": {"c": 1.0}})) for row in range(COUNT)])
    index = ("ON", "JSON", "PREFIX", "1", "d:", "SCHEMA", "$.a", "AS", "name", "TEXT")
    plugins, plan = prepare(server, transform, "$.a", "$.b", index=index)
    return MigrationExecutor(plugins=plugins).apply(plan, server=server, backup_dir=tmp_path, batch_size=10)


def raise_at_the_end(batch: Batch) -> Batch:
    if b"a22" in list(batch["a"]):
        raise ZeroDivisionError
    return batch


def raise_for_several(batch: Batch) -> Batch:
    if len(batch) > 1:
        raise ZeroDivisionError
    return batch


def defer(make: Callable[[], bytes]) -> Transform:
    """Return a transform of the first field whose values are made later, one byte for each document."""
    return lambda batch: batch.replace("a", Column.deferred(make, (1,) * len(batch)))


def raise_with_a_value() -> bytes:
    raise ValueError("ann@b.c")


WRONG: list[tuple[str, Transform]] = [
    ("returned None", lambda _: None),
    ("which documents", lambda batch: evolve(batch, keys=batch.keys[::-1])),
    ("which documents", lambda batch: evolve(batch, keys=(*batch.keys[1:], b"d:other"))),
    ("or fields there are", lambda batch: Batch(batch.keys, {"a": batch["a"]})),
    ("9 values of 'a' for 10", lambda batch: Batch(batch.keys, {**batch.columns, "a": Column.of([b"x"] * 9)})),
    ("9 values for 10", lambda batch: batch.replace("a", [b"x"] * 9)),
    ("'b' of d:7, which has no such field", lambda batch: batch.replace("b", [b"x"] * len(batch))),
    ("ZeroDivisionError in test_engine_transform.py, line .* for d:22", raise_at_the_end),
    ("ZeroDivisionError .* for 2 documents together, the first is d:", raise_for_several),
    ("2 bytes for lengths that add up to 10", defer(lambda: b"xx")),
    ("fieldfare_transform raised ValueError in test_engine_transform.py, line", defer(raise_with_a_value)),
]


@pytest.mark.parametrize(("words", "transform"), WRONG)
def test_wrong_transform_is_found_before_anything_is_changed(
    words: str, transform: Transform, server: Server, tmp_path: Path
) -> None:
    states = []

    def remember(batch: Batch) -> Any:
        states.append((database_digest(server), index_state(server)))
        return transform(batch)

    with pytest.raises((InvalidHookResult, PluginBroken), match=words):
        on_hashes(server, tmp_path, remember)
    assert (database_digest(server), index_state(server)) == states[0]


def test_what_fails_later_names_the_next_commands_and_no_value(server: Server, tmp_path: Path) -> None:
    made = 0

    def make() -> bytes:
        nonlocal made
        made += 1
        return b"x" * 10 if made == 1 else raise_with_a_value()

    with pytest.raises(StepFailed, match="ValueError") as failed:
        on_hashes(server, tmp_path, defer(make))
    assert "rollback" in str(failed.value)
    assert "ann@b.c" not in str(failed.value)


def test_a_rehearsal_that_fails_leaves_no_thread(server: Server, tmp_path: Path) -> None:
    before = threading.active_count()
    with pytest.raises(PluginBroken) as failed:
        on_hashes(server, tmp_path, raise_at_the_end)
    assert failed.value.__traceback__
    assert threading.active_count() == before


def test_json_has_to_stay_json(server: Server, tmp_path: Path) -> None:
    with pytest.raises(InvalidHookResult, match=r"value for '\$.a' of d:.* is not JSON"):
        on_json(server, tmp_path, lambda batch: batch.replace("$.a", [b"ann@b.c"] * len(batch)))
    assert list(index_state(server)) == ["i"]


def test_json_that_redis_spells_anew_is_nobody_elses(server: Server, tmp_path: Path) -> None:
    def spell(batch: Batch) -> Batch:
        return batch.replace("$.b", [b' { "d" : 1.50, "e": "\\u00e4" } '] * len(batch))

    report = on_json(server, tmp_path, spell)
    assert report.notes == ()
    assert json.loads(server.command("JSON.GET", "d:1", "$.b")) == [{"d": 1.5, "e": "ä"}]

    plugins = load_plugins(blocked=["acme_redact"])
    plugins.register(Plugin(spell, ("$.a", "$.b")), "test", "1")
    undone = MigrationExecutor(plugins=plugins).rollback(server=server, backup_dir=tmp_path)
    assert undone.notes == ()
    assert json.loads(server.command("JSON.GET", "d:1", "$")) == [{"a": "ä 1", "b": {"c": 1.0}}]


def test_two_fields_are_written_where_one_is_missing(server: Server, tmp_path: Path) -> None:
    def shout(batch: Batch) -> Batch:
        for name in ("a", "b"):
            batch = batch.replace(name, [None if value is None else value.upper() for value in batch[name]])
        return batch

    report = on_hashes(server, tmp_path, shout)
    assert server.command("HMGET", "d:7", "a", "b") == [b"A7", None]
    assert server.command("HMGET", "d:8", "a", "b") == [b"A8", b"B8"]
    assert [step["documents"] for step in report.steps.values()] == [0, COUNT, COUNT]
