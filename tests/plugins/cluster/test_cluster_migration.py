"""Thousands of keys move across the slots of a cluster, through the command line, killed in the middle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from fieldfare.server import Server
from fieldfare.server.inspect import read_snapshot
from fieldfare.testing.commandline import CommandLine
from fieldfare.testing.digest import index_state
from fieldfare.testing.indexing import wait_until_indexed

COUNT: Final = 3000
SOURCE: Final = "idx{a}"
TARGET: Final = "idx{b}"
PATCH: Final = "version: 1\nchanges:\n  index:\n    name: 'idx{b}'\n    prefix: '{b}art:'\n"
PLAN: Final = ("plan", "--index", SOURCE, "--schema-patch", "patch.yaml", "--plan-out", "plan.yaml")
APPLY: Final = ("apply", "--plan", "plan.yaml", "--backup-dir", "backup")
ROLLBACK: Final = ("rollback", "--backup-dir", "backup")


@pytest.fixture
def source(cluster: Server) -> Server:
    """An index over 3,000 hashes of all kinds in one slot, and its name in the same one."""
    keys = [b"{a}doc:" + (b"%d" % row if row % 10 else b"\xff\x00\n%d" % row) for row in range(COUNT)]
    large = [part for n in range(1000) for part in (f"f{n}", n)]
    cluster.bulk([("HSET", key, "n", row, "raw", bytes([0, 255, row % 256])) for row, key in enumerate(keys)])
    cluster.bulk([("HSET", key, "vector", bytes([row % 256]) * 200_000) for row, key in enumerate(keys[::100])])
    cluster.bulk([("HSET", key, *large) for key in keys[::150]])
    cluster.bulk([("PEXPIREAT", key, 4102444800000 + row) for row, key in enumerate(keys[::3])])
    cluster.bulk([("HPEXPIREAT", key, 4102444900000 + row, "FIELDS", 1, "raw") for row, key in enumerate(keys[::7])])
    cluster.bulk([("SET", f"{{b}}other:{row}", row) for row in range(10)])
    return create(cluster, "{a}doc:")


def create(cluster: Server, prefix: str) -> Server:
    cluster.command("FT.CREATE", SOURCE, "PREFIX", 1, prefix, "SCHEMA", "n", "NUMERIC", "SORTABLE")
    wait_until_indexed(cluster, SOURCE)
    return cluster


def plan(fieldfare: CommandLine, patch: str = PATCH) -> None:
    (fieldfare.directory / "patch.yaml").write_text(patch)
    outcome = fieldfare(*PLAN)
    assert outcome.code == 0, outcome.stderr


def moved(contents: dict[bytes, Any]) -> dict[bytes, Any]:
    return {key.replace(b"{a}doc:", b"{b}art:"): each for key, each in contents.items()}


def test_no_key_is_lost_or_duplicated_when_killed_between_batches(
    source: Server, fieldfare: CommandLine, contents: Callable[[], dict[bytes, Any]]
) -> None:
    before, indexes = contents(), index_state(source)
    assert len(before) == COUNT + 10
    plan(fieldfare)
    assert fieldfare(*APPLY, crash_at="prefix.move:progress:3").code == -9
    assert len(contents()) == COUNT + 10
    outcome = fieldfare(*APPLY)
    assert outcome.code == 0, outcome.stderr
    assert contents() == moved(before)
    live = read_snapshot(source, TARGET)
    assert (live.definition.prefixes, live.stats.num_docs) == (("{b}art:",), COUNT)
    assert fieldfare(*ROLLBACK, crash_at="prefix.move:progress:3").code == -9
    outcome = fieldfare(*ROLLBACK)
    assert outcome.code == 0, outcome.stderr
    assert (contents(), index_state(source)) == (before, indexes)


@pytest.mark.parametrize("next_command", [APPLY, ROLLBACK])
def test_no_key_is_lost_or_duplicated_when_killed_with_keys_under_both_names(
    next_command: tuple[str, ...],
    source: Server,
    fieldfare: CommandLine,
    contents: Callable[[], dict[bytes, Any]],
    crash_before: Callable[..., None],
) -> None:
    before, indexes = contents(), index_state(source)
    plan(fieldfare)
    crash_before("EVALSHA", 3, *APPLY)
    assert len(contents()) > COUNT + 10
    outcome = fieldfare(*next_command)
    assert outcome.code == 0, outcome.stderr
    if next_command is ROLLBACK:
        assert (contents(), index_state(source)) == (before, indexes)
    else:
        assert contents() == moved(before)


def test_a_killed_rollback_duplicates_no_key(
    source: Server,
    fieldfare: CommandLine,
    contents: Callable[[], dict[bytes, Any]],
    crash_before: Callable[..., None],
) -> None:
    before, indexes = contents(), index_state(source)
    plan(fieldfare)
    assert fieldfare(*APPLY).code == 0
    crash_before("EVALSHA", 2, *ROLLBACK)
    assert len(contents()) > COUNT + 10
    assert fieldfare(*ROLLBACK).code == 0
    assert (contents(), index_state(source)) == (before, indexes)


def test_keys_move_within_their_slot_and_across_in_one_batch(
    cluster: Server, fieldfare: CommandLine, contents: Callable[[], dict[bytes, Any]]
) -> None:
    client: Any = cluster.client

    def stays_on_the_node(suffix: str) -> bool:
        names = (SOURCE, f"doc:{suffix}", f"art:{suffix}")
        return len({client.get_node_from_key(name).name for name in names}) == 1

    tagged = [f"{{a}}{row}" for row in range(50)]
    free = [str(row) for row in range(1000) if stays_on_the_node(str(row))]
    assert len(free) > 50
    cluster.bulk([("HSET", f"doc:{suffix}", "n", 1) for suffix in [*tagged, *free]])
    create(cluster, "doc:")
    before = contents()
    plan(fieldfare, "version: 1\nchanges: {index: {prefix: 'art:'}}\n")
    assert fieldfare(*APPLY, "--batch-size", "40", crash_at="prefix.move:progress:2").code == -9
    outcome = fieldfare(*APPLY, "--batch-size", "40")
    assert outcome.code == 0, outcome.stderr
    assert contents() == {key.replace(b"doc:", b"art:"): each for key, each in before.items()}
    assert read_snapshot(cluster, SOURCE).stats.num_docs == len(before)
    assert fieldfare(*ROLLBACK).code == 0
    assert contents() == before


def test_documents_that_would_leave_the_node_of_their_index_stop_the_run(
    cluster: Server, fieldfare: CommandLine, contents: Callable[[], dict[bytes, Any]]
) -> None:
    if cluster.capabilities.coordinator:
        pytest.skip("with a coordinator (search 8) an index covers all nodes")
    cluster.bulk([("HSET", f"{{a}}doc:{row}", "n", row) for row in range(20)])
    create(cluster, "{a}doc:")
    before, indexes = contents(), index_state(cluster)
    plan(fieldfare, "version: 1\nchanges: {index: {prefix: '{b}art:'}}\n")
    outcome = fieldfare(*APPLY)
    assert outcome.code == 4
    assert "would lose 20 documents, such as {a}doc:" in outcome.stderr
    assert (contents(), index_state(cluster)) == (before, indexes)


def test_without_its_plugin_nothing_moves_across_slots(
    cluster: Server, fieldfare: CommandLine, contents: Callable[[], dict[bytes, Any]]
) -> None:
    cluster.bulk([("HSET", f"{{a}}doc:{row}", "n", row) for row in range(20)])
    create(cluster, "{a}doc:")
    before, indexes = contents(), index_state(cluster)
    plan(fieldfare)
    outcome = fieldfare("-p", "no:cluster", *APPLY)
    assert outcome.code == 6
    assert "cluster: it moves keys between the slots of a cluster" in outcome.stderr
    assert (contents(), index_state(cluster)) == (before, indexes)
    assert fieldfare(*APPLY).code == 0
    assert contents() == moved(before)
