"""Vectors of documents in a cluster."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fieldfare.server import Server
from fieldfare.server.inspect import read_definition
from fieldfare.testing.commandline import CommandLine

COUNT = 100
CHANGES = {
    "update_fields": [{"name": "embedding", "attrs": {"dims": 320}}],
    "index": {"name": "idx{b}", "prefix": "{b}doc:"},
}


def vectors(cluster: Server, prefix: str) -> list[bytes]:
    found: list[bytes] = cluster.bulk([("HGET", f"{prefix}{row}", "embedding") for row in range(COUNT)])
    return found


def test_vectors_are_truncated_and_move_to_another_node(
    cluster: Server, cluster_urls: list[str], tmp_path: Path, rotated: NDArray[np.float32]
) -> None:
    cluster.bulk([("HSET", f"{{a}}doc:{row}", "embedding", rotated[row].tobytes()) for row in range(COUNT)])
    vector = ("VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", 384, "DISTANCE_METRIC", "COSINE")
    cluster.command("FT.CREATE", "idx{a}", "PREFIX", 1, "{a}doc:", "SCHEMA", "embedding", *vector)
    before = vectors(cluster, "{a}doc:")
    (tmp_path / "patch.yaml").write_text(json.dumps({"version": 1, "changes": CHANGES}))
    fieldfare = CommandLine(cluster_urls[0], tmp_path)
    planned = fieldfare("plan", "--index", "idx{a}", "--schema-patch", "patch.yaml", "--plan-out", "plan.yaml")
    assert planned.code == 0, planned.stderr
    apply = ("apply", "--plan", "plan.yaml", "--backup-dir", "backup", "--batch-size", "20")

    assert fieldfare(*apply, crash_at="rewrite:progress:3").code == -9
    applied = fieldfare(*apply, "--workers", "2")
    assert applied.code == 0, applied.stderr
    assert read_definition(cluster, "idx{b}").fields[0].attrs["dims"] == 320
    assert {len(each) for each in vectors(cluster, "{b}doc:")} == {320 * 4}

    rolled_back = fieldfare("rollback", "--backup-dir", "backup")
    assert rolled_back.code == 0, rolled_back.stderr
    assert vectors(cluster, "{a}doc:") == before
    assert read_definition(cluster, "idx{a}").fields[0].attrs["dims"] == 384
