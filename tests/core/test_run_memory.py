"""Commands on large documents take little memory: each in a process of its own, whose peak the system tells."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from comparison.measure import launch
from fieldfare.server import Server
from fieldfare.testing.indexing import wait_until_indexed
from fieldfare.testing.installation import install_plugin

MOST_MIB = 150
MIB = 1 << 20

FLOAT16 = "update_fields: [{name: v, attrs: {datatype: float16}}]"
UPPER = "custom: [{kind: test.upper, field: t}]"
PLUGIN = """
from fieldfare import hookimpl
from fieldfare.changes import CustomChange
from fieldfare.plan import Claim, Step


@hookimpl
def fieldfare_classify(change, live):
    if isinstance(change, CustomChange) and change.kind == "test.upper":
        return Claim.supported(rewrites_documents=True, lossy=True)


@hookimpl
def fieldfare_plan_steps(change, claim, live):
    return [Step.rewrite(kind=change.kind, fields=[change.params["field"]])]


@hookimpl
def fieldfare_transform(step, batch):
    [field] = step.fields
    return batch.replace(field, [None if value is None else value.upper() for value in batch[field]])
"""


def peaks(server: Server, url: str, directory: Path, changes: str) -> dict[str, float]:
    """Plan, apply and roll back; return the MiB that each took."""
    (directory / "patch.yaml").write_text(f"version: 1\nchanges:\n  {changes}\n")
    commands = {
        "plan": ("--index", "i", "--schema-patch", "patch.yaml", "--plan-out", "plan.yaml"),
        "apply": ("--plan", "plan.yaml", "--backup-dir", "backup"),
        "rollback": ("--backup-dir", "backup"),
    }
    wait_until_indexed(server, "i")
    return {
        name: launch([sys.executable, "-m", "fieldfare", name, *arguments, "--url", url], directory).peak_mib
        for name, arguments in commands.items()
    }


def test_vectors_of_4096_dims(server: Server, redis_url: str, tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    for start in range(0, 1500, 250):
        vectors = random.standard_normal((250, 4096)).astype("<f4")
        server.bulk([("HSET", f"d:{start + row}", "v", vectors[row].tobytes()) for row in range(250)])
    vector = ("v", "VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", 4096, "DISTANCE_METRIC", "COSINE")
    server.command("FT.CREATE", "i", "PREFIX", 1, "d:", "SCHEMA", *vector)
    found = peaks(server, redis_url, tmp_path, FLOAT16)
    assert max(found.values()) < MOST_MIB, found


def test_documents_of_20_mib_are_not_held_together(
    server: Server, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugins = tmp_path / "plugins"
    install_plugin(plugins, "upper_plugin")
    (plugins / "upper_plugin.py").write_text(PLUGIN)
    monkeypatch.setenv("PYTHONPATH", str(plugins), prepend=":")
    for row in range(100):
        server.command("HSET", f"d:small{row}", "t", "word")
    for row in range(8):
        server.command("HSET", f"d:large{row}", "t", b"word " * (4 * MIB))
    server.command("FT.CREATE", "i", "PREFIX", 1, "d:", "SCHEMA", "n", "NUMERIC")
    found = peaks(server, redis_url, tmp_path, UPPER)
    # a batch of all of them would take 160 MiB for each copy of it, and a run has several
    assert found["apply"] < 240, found
    assert found["rollback"] < 280, found
    assert {server.command("HSTRLEN", f"d:large{row}", "t") for row in range(8)} == {20 * MIB}
    assert server.command("HGET", "d:small1", "t") == b"word"
