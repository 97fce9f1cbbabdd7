"""On a replica a plan says that it must be applied elsewhere; apply and rollback refuse before anything happens."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from fieldfare.server import Server, connect
from fieldfare.server.embedded import EmbeddedServer
from fieldfare.testing.commandline import CommandLine
from fieldfare.testing.fixtures import PrivateServer
from fieldfare.testing.indexing import wait_until_indexed

PATCH = {"version": 1, "changes": {"update_fields": [{"name": "n", "attrs": {"sortable": True}}]}}


@pytest.fixture
def primary(private_server: PrivateServer) -> EmbeddedServer:
    """Give a primary with an index."""
    embedded = private_server(["--repl-diskless-sync-delay", "0"], tcp=True)
    with connect(embedded.url) as server:
        server.command("FT.CREATE", "idx", "PREFIX", 1, "d:", "SCHEMA", "n", "NUMERIC")
        server.bulk([("HSET", f"d:{row}", "n", row) for row in range(5)])
        wait_until_indexed(server, "idx")
    return embedded


@pytest.fixture
def replica(private_server: PrivateServer, primary: EmbeddedServer) -> Iterator[Server]:
    """Give a replica of it that has everything."""
    embedded = private_server(tcp=True)
    with connect(embedded.url) as server:
        server.command("REPLICAOF", "127.0.0.1", primary.port)
        with connect(primary.url) as source:
            while True:  # WAIT ends when a replica has what was written, or after a second
                source.command("SET", "written", "before")
                if source.command("WAIT", 1, 1000):
                    break
        wait_until_indexed(server, "idx")
        yield server


def test_a_replica_is_named_at_plan_time_and_refused_afterwards(
    primary: EmbeddedServer, replica: Server, tmp_path: Path
) -> None:
    (tmp_path / "patch.yaml").write_text(json.dumps(PATCH))
    there, here = CommandLine(replica.url, tmp_path), CommandLine(primary.url, tmp_path)
    planned = there("plan", "--index", "idx", "--schema-patch", "patch.yaml", "--plan-out", "plan.yaml")
    assert planned.code == 0, planned.stderr
    assert f"This server is a replica of 127.0.0.1:{primary.port}" in planned.stdout

    apply = ("apply", "--plan", "plan.yaml", "--backup-dir", "backup")
    refused = there(*apply)
    assert refused.code == 4
    assert f"replica of 127.0.0.1:{primary.port}" in refused.stderr
    assert "Nothing was changed. Give --url of the primary" in refused.stderr
    assert not (tmp_path / "backup").exists()

    assert here(*apply).code == 0
    assert there("rollback", "--backup-dir", "backup").code == 4
    assert here("rollback", "--backup-dir", "backup").code == 0


def test_a_user_without_info_is_told_as_well(replica: Server) -> None:
    replica.command("ACL", "SETUSER", "limited", "on", ">pw", "~*", "+@all", "-info")
    with connect(replica.url.replace("redis://", "redis://limited:pw@")) as limited:
        assert limited.capabilities.replica_of == "another server"
