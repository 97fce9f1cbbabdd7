"""The keys of the indexes of a batch are listed together."""

from __future__ import annotations

from typing import Any

from fieldfare.api import MigrationPlanner
from fieldfare.plan.file import fingerprint
from fieldfare.server import Server
from fieldfare.testing.commandline import CommandLine
from fieldfare_batch.plan_file import load_batch_plan

NAMES = ("books", "films", "games", "songs")


def test_an_index_gets_the_same_plan_in_a_batch_as_alone(fieldfare: CommandLine, server: Server, load: Any) -> None:
    for name in NAMES:
        load(name, [f"{name}:", f"old:{name}:"], count=300)
    load("plain", vector=False)
    server.command("CONFIG", "RESETSTAT")
    planned = fieldfare("batch-plan", "--schema-patch", "patch.yaml", "--indexes", f"missing,plain,{','.join(NAMES)}")
    scans = server.nodes()[0].info("commandstats")["cmdstat_scan"]["calls"]

    assert planned.code == 0, planned.stderr
    assert scans == 1, "the server looked at its keys once for all indexes"
    made = {each.name: each for each in load_batch_plan(fieldfare.directory / "batch_plan.yaml").indexes}
    assert not made["missing"].applicable
    assert not made["plain"].applicable
    for name in NAMES:
        alone = MigrationPlanner().create_plan(
            name, server=server, schema_patch_path=fieldfare.directory / "patch.yaml"
        )
        assert made[name].fingerprint == fingerprint(alone)
