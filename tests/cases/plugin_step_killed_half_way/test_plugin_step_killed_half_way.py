"""A plugin's own step was killed in the middle: it goes on, nothing is counted twice, and undo reaches every key."""

from __future__ import annotations

import json
from pathlib import Path
from shutil import copy

import pytest

from fieldfare.server import Server
from fieldfare.testing.commandline import CommandLine
from fieldfare.testing.installation import install_plugin

COUNT = 47
PATCH = "version: 1\nchanges:\n  custom:\n    - {kind: acme.upper, field: city}\n  index: {name: people2}\n"
APPLY = ("apply", "--plan", "plan.yaml", "--backup-dir", "backup", "--batch-size", "10", "--json")
ROLLBACK = ("rollback", "--backup-dir", "backup", "--json")


@pytest.fixture
def fieldfare(redis_url: str, server: Server, tmp_path: Path) -> CommandLine:
    server.bulk([("HSET", f"p:{row}", "city", f"city {row}") for row in range(COUNT)])
    server.bulk([("HSET", f"p:none{row}", "name", "nobody") for row in range(3)])
    server.command("FT.CREATE", "people", "PREFIX", 1, "p:", "SCHEMA", "city", "TAG")
    plugins = install_plugin(tmp_path / "plugins", "acme_upper")
    copy(Path(__file__).with_name("acme_upper.py"), plugins)
    (tmp_path / "patch.yaml").write_text(PATCH)
    command = CommandLine(redis_url, tmp_path, plugins)
    planned = command("plan", "--index", "people", "--schema-patch", "patch.yaml", "--plan-out", "plan.yaml")
    assert planned.code == 0, planned.stderr
    return command


def cities(server: Server) -> list[bytes]:
    found: list[bytes] = server.bulk([("HGET", f"p:{row}", "city") for row in range(COUNT)])
    return found


@pytest.mark.parametrize("moment", ["acme.upper:started:1", "acme.upper:progress:3", "acme.upper:finished:1"])
def test_step_goes_on_and_is_undone(moment: str, fieldfare: CommandLine, server: Server) -> None:
    before = cities(server)

    assert fieldfare(*APPLY, crash_at=moment).code == -9
    resumed = fieldfare(*APPLY)

    assert resumed.code == 0, resumed.stderr
    assert cities(server) == [value.upper() for value in before]
    [note] = json.loads(resumed.stdout)["notes"]
    assert (note["kind"], note["count"]) == ("without", 3)

    assert fieldfare(*ROLLBACK, crash_at="acme.upper:progress:2").code == -9
    undone = fieldfare(*ROLLBACK)
    assert undone.code == 0, undone.stderr
    assert cities(server) == before
    assert server.bulk([("HGET", f"p:{row}", "undone") for row in range(COUNT)]) == [b"1"] * COUNT


def test_originals_that_a_plugin_saved_are_missed(fieldfare: CommandLine, server: Server) -> None:
    assert fieldfare(*APPLY).code == 0
    half_way = cities(server)
    [data] = (fieldfare.directory / "backup").glob("*.data")
    data.unlink()
    refused = fieldfare(*ROLLBACK)
    assert refused.code == 4
    assert "0 of 5 batches" in refused.stdout + refused.stderr
    assert cities(server) == half_way
