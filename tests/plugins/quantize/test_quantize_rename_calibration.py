"""A published calibration follows its index and its field when they are renamed, and no two fields share a key."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from attrs import evolve

import fieldfare
from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.backup import BackupStore
from fieldfare.backup.journal import Journal
from fieldfare.backup.progress import Progress, RunPhase
from fieldfare.changes import Change, RenameField, RenameIndex
from fieldfare.definition import Field, IndexStats
from fieldfare.engine.run import ActiveRun
from fieldfare.hooks.live_index import LiveIndex
from fieldfare.hooks.manager import load_plugins
from fieldfare.plan import Claim, ClaimedChange, MigrationPlan, Phase, Step
from fieldfare.server import Server
from fieldfare_quantize import plugin
from fieldfare_quantize.published_calibration import calibration_key, former_key, read_calibration

CALIBRATION = {
    "version": 1,
    "index": "products",
    "field": "embedding",
    "datatype": "int8",
    "metric": "l2",
    "dims": 8,
    "scale": 0.5,
    "offset": 0.0,
    "clip": None,
    "plan": "0" * 64,
}

Start = Callable[..., tuple[ActiveRun, Step]]


def stored(index: str, field: str) -> bytes:
    return json.dumps(CALIBRATION | {"index": index, "field": field}, sort_keys=True).encode()


@pytest.fixture
def start(
    live: Callable[..., LiveIndex], embedding: Callable[..., Field], server: Server, tmp_path: Path
) -> Iterator[Start]:
    """Begins a run that renames; gives it and the step for the calibration."""
    stores: list[BackupStore] = []

    def begin(*changes: Change) -> tuple[ActiveRun, Step]:
        index = live(embedding(dims=8, distance_metric="l2", datatype="int8"), documents=[])
        source = index.snapshot
        claims = tuple(ClaimedChange(each, "fields", Claim.supported()) for each in changes)
        for each in changes:
            index = index.after(each)
        (step,) = plugin.fieldfare_plan_further_steps(evolve(index, previous_changes=claims))
        step = step.owned_by("quantize")
        plan = MigrationPlan(1, "drop_recreate", source, index.definition, {}, claims, (step,), {"quantize": "1"})
        stores.append(BackupStore(tmp_path / "migration_backup"))
        progress = Progress(RunPhase.DUMP, 100, "2026-03-20T10:00:00+00:00", IndexStats(num_docs=0))
        run = ActiveRun(
            server, plan, load_plugins(), journal=Journal(tmp_path / "journal", plan, progress), store=stores[-1]
        )
        plugin.fieldfare_backup(step, run)
        return run, step

    yield begin
    for store in stores:
        store.close()


def values(server: Server) -> dict[bytes, bytes]:
    return {key: server.command("GET", key) for key in server.command("KEYS", "*")}


RENAMES: dict[str, tuple[tuple[Change, ...], tuple[str, str]]] = {
    "index": ((RenameIndex("products", "goods"),), ("goods", "embedding")),
    "field": ((RenameField("embedding", "vec"),), ("products", "vec")),
    "both": ((RenameField("embedding", "a:b"), RenameIndex("products", "c:d")), ("c:d", "a:b")),
}


@pytest.mark.parametrize("what", RENAMES)
def test_a_calibration_follows_a_rename_and_its_undo(what: str, start: Start, server: Server) -> None:
    changes, names = RENAMES[what]
    before = {calibration_key("products", "embedding"): stored("products", "embedding")}
    server.command("MSET", *next(iter(before.items())))
    run, step = start(*changes)
    assert plugin.fieldfare_execute_step(step, run) == plugin.fieldfare_execute_step(step, run)
    assert values(server) == {calibration_key(*names): stored(*names)}
    assert plugin.fieldfare_verify_step(step, plugin.fieldfare_execute_step(step, run), run)
    for _ in range(2):
        plugin.fieldfare_undo_step(step, run)
        assert values(server) == before


def test_an_index_that_answers_until_the_switch_keeps_its_calibration(start: Start, server: Server) -> None:
    before = {calibration_key("products", "embedding"): stored("products", "embedding")}
    server.command("MSET", *next(iter(before.items())))
    run, step = start(RenameField("embedding", "vec", logical=True))
    switch = Step.new("index.switch", Phase.SWITCH, params={"names": ["products"], "index": "products__v2"})
    target = evolve(run.plan.target, name="products__v2")
    run = evolve(run, plan=evolve(run.plan, mode="shadow", target=target, steps=(step, switch)))
    plugin.fieldfare_backup(step, run)
    plugin.fieldfare_execute_step(step, run)
    assert values(server) == before | {calibration_key("products__v2", "vec"): stored("products__v2", "vec")}
    assert plugin.fieldfare_verify_step(step, plugin.fieldfare_execute_step(step, run), run)
    for _ in range(2):
        plugin.fieldfare_undo_step(step, run)
        assert values(server) == before


@pytest.mark.parametrize("content", [None, b"somebody else's"])
def test_what_is_no_calibration_stays(content: bytes | None, start: Start, server: Server) -> None:
    if content is not None:
        server.command("SET", calibration_key("products", "embedding"), content)
    before = values(server)
    run, step = start(RenameIndex("products", "goods"))
    receipt = plugin.fieldfare_execute_step(step, run)
    assert plugin.fieldfare_verify_step(step, receipt, run)
    assert values(server) == before


def test_no_two_fields_share_a_key(server: Server) -> None:
    names = [("a:b", "c"), ("a", "b:c"), ("a%3Ab", "c"), ("a", "b%3Ac")]
    assert len({calibration_key(*each) for each in names}) == len(names)
    assert former_key("a:b", "c") == former_key("a", "b:c")
    server.command("SET", former_key("a:b", "c"), stored("a:b", "c"))
    assert read_calibration(server, "a:b", "c") == stored("a:b", "c")
    assert read_calibration(server, "a", "b:c") is None
    server.command("SET", calibration_key("a:b", "c"), b"newer")
    assert read_calibration(server, "a:b", "c") == b"newer"


def test_a_field_of_floats_has_no_such_step(live: Callable[..., LiveIndex]) -> None:
    change = RenameIndex("products", "goods")
    claimed = ClaimedChange(change, "fields", Claim.supported())
    assert plugin.fieldfare_plan_further_steps(evolve(live().after(change), previous_changes=(claimed,))) == []


def test_queries_are_encoded_after_the_index_was_renamed(server: Server, tmp_path: Path) -> None:
    if not server.capabilities.indexes("int8"):
        pytest.skip("this server has no int8 vectors")
    vectors = np.random.default_rng(3).standard_normal((50, 8)).astype("<f4")
    server.bulk([("HSET", f"word:{row}", "vec", vector.tobytes()) for row, vector in enumerate(vectors)])
    fields = ("vec", "VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", 8, "DISTANCE_METRIC", "L2")
    server.command("FT.CREATE", "words", "PREFIX", 1, "word:", "SCHEMA", *fields)
    to_integers = {"update_fields": [{"name": "vec", "attrs": {"datatype": "int8"}}]}
    for number, changes in enumerate((to_integers, {"index": {"name": "words:2"}})):
        patch = {"version": 1, "changes": changes}
        plan = MigrationPlanner(min_recall=0.1).create_plan_from_patch("words", schema_patch=patch, server=server)
        MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path / str(number))
    assert server.client.keys("fieldfare:calibration:*") == [b"fieldfare:calibration:words%3A2:vec"]
    query = fieldfare.encode_query(vectors[5], server.client, "vec", index="words:2")
    assert query == server.command("HGET", "word:5", "vec")
    MigrationExecutor().rollback(backup_dir=tmp_path / "1", server=server)
    assert server.client.keys("fieldfare:calibration:*") == [b"fieldfare:calibration:words:vec"]
