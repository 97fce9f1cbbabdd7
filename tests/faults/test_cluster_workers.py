"""Several workers in a cluster: killed in the middle, resumed with another number of workers, or rolled back."""

from __future__ import annotations

import signal
from pathlib import Path

import numpy as np
import pytest

from fieldfare.server import Server
from fieldfare.testing.commandline import CommandLine
from fieldfare.testing.digest import read_state
from fieldfare.testing.faults import Fault, FaultContext
from fieldfare.testing.indexing import wait_until_indexed

COUNT, DIMS = 60, 4
INDEX = "idx{a}"
PATCH = "version: 1\nchanges:\n  update_fields: [{name: v, attrs: {datatype: float16}}]\n  index: {prefix: 'new:'}\n"
VECTORS = np.random.default_rng(4).standard_normal((COUNT, DIMS)).astype("<f4")
APPLY = ("apply", "--plan", "plan.yaml", "--backup-dir", "backup", "--batch-size", "5")
ROLLBACK = ("rollback", "--backup-dir", "backup", "--yes")


@pytest.fixture
def fieldfare(cluster: Server, cluster_urls: list[str], tmp_path: Path) -> CommandLine:
    """Sixty documents on one node, where their index is, and a plan."""
    cluster.bulk([("HSET", f"doc:{row}{{a}}", "v", VECTORS[row].tobytes()) for row in range(COUNT)])
    cluster.command("PEXPIREAT", "doc:1{a}", 4102444800123)
    cluster.command(
        *("FT.CREATE", INDEX, "PREFIX", 1, "doc:", "SCHEMA", "v", "VECTOR", "FLAT", 6),
        *("TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "L2"),
    )
    wait_until_indexed(cluster)
    (tmp_path / "patch.yaml").write_text(PATCH)
    command = CommandLine(cluster_urls[0], tmp_path)
    planned = command("plan", "--index", INDEX, "--schema-patch", "patch.yaml", "--plan-out", "plan.yaml")
    assert planned.code == 0, planned.stderr
    return command


def values(cluster: Server, prefix: str) -> list[bytes]:
    return cluster.bulk([("HGET", f"{prefix}{row}{{a}}", "v") for row in range(COUNT)])


@pytest.mark.parametrize(
    ("point", "later"),
    [("dump:file.append:after:5", 2), *(("rewrite:server.send:after:5", workers) for workers in (1, 2, 4))],
)
def test_killed_and_resumed_with_other_numbers_of_workers(
    point: str, later: int, fieldfare: CommandLine, cluster: Server
) -> None:
    before = read_state(cluster)
    fault = Fault.parse(f"{point}=kill"), FaultContext(fieldfare.url, fieldfare.directory / "backup")
    assert fieldfare(*APPLY, "--workers", "4", fault=fault).code == -signal.SIGKILL

    resumed = fieldfare(*APPLY, "--workers", str(later))

    assert resumed.code == 0, resumed.stderr
    assert values(cluster, "new:") == [vector.astype("<f2").tobytes() for vector in VECTORS]
    assert values(cluster, "doc:") == [None] * COUNT
    assert cluster.command("PEXPIRETIME", "new:1{a}") == 4102444800123
    undone = fieldfare(*ROLLBACK, "--workers", str(later))
    assert undone.code == 0, undone.stderr
    assert read_state(cluster) == before


def test_killed_rollback_is_resumed(fieldfare: CommandLine, cluster: Server) -> None:
    before = read_state(cluster)
    assert fieldfare(*APPLY, "--workers", "4").code == 0
    fault = Fault.parse("restore:server.send:after:4=kill"), FaultContext(fieldfare.url, fieldfare.directory / "backup")
    assert fieldfare(*ROLLBACK, "--workers", "4", fault=fault).code == -signal.SIGKILL
    assert fieldfare(*ROLLBACK).code == 0
    assert read_state(cluster) == before
