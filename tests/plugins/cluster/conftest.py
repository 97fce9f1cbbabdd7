"""A cluster of three nodes, and a plugin that kills the process between two commands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from signal import SIGKILL
from typing import Any

import pytest
from attrs import evolve

from fieldfare.server import Server
from fieldfare.testing.commandline import CommandLine
from fieldfare.testing.installation import install_plugin

CRASHING_PLUGIN = """
import os, signal
from fieldfare.server import Server

bulk = Server.bulk
count = 0

def crashing_bulk(self, commands):
    global count
    if commands and commands[0][0] == os.environ["CRASH_BEFORE"].encode():
        count += 1
        if count == int(os.environ["CRASH_AT"]):
            os.kill(os.getpid(), signal.SIGKILL)
    return bulk(self, commands)

Server.bulk = crashing_bulk
"""


@pytest.fixture
def fieldfare(cluster: Server, cluster_urls: list[str], tmp_path: Path) -> CommandLine:
    """The command line, on an empty cluster."""
    del cluster
    return CommandLine(cluster_urls[0], tmp_path)


@pytest.fixture
def crash_before(fieldfare: CommandLine, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Runs a command in a process that kills itself before it sends the n-th batch of some Redis command."""
    plugin = install_plugin(fieldfare.directory / "crashing-plugin", "crashing", "crashing_plugin")
    (plugin / "crashing_plugin.py").write_text(CRASHING_PLUGIN)

    def run_and_crash(command: str, number: int, *arguments: str) -> None:
        monkeypatch.setenv("CRASH_BEFORE", command)
        monkeypatch.setenv("CRASH_AT", str(number))
        crashed = evolve(fieldfare, plugins=plugin)(*arguments)
        assert crashed.code == -SIGKILL, crashed.stderr

    return run_and_crash


@pytest.fixture
def contents(cluster: Server) -> Callable[[], dict[bytes, Any]]:
    """Gives what each key of the cluster holds, and when it and its fields expire, to the millisecond."""

    def read() -> dict[bytes, Any]:
        keys = [key for node in cluster.nodes() for key in cluster.command_at(node, "KEYS", "*")]
        keys = [key for key in keys if not key.startswith(b"fieldfare:")]
        assert len(keys) == len(set(keys))
        types = cluster.bulk([("TYPE", key) for key in keys])
        expiries = cluster.bulk([("PEXPIRETIME", key) for key in keys])
        read_as = {b"hash": "HGETALL", b"ReJSON-RL": "JSON.GET", b"string": "GET"}
        values = cluster.bulk([(read_as[kind], key) for key, kind in zip(keys, types, strict=True)])
        hashes = {key: sorted(value) for key, value in zip(keys, values, strict=True) if isinstance(value, Mapping)}
        asked = cluster.bulk([("HPEXPIRETIME", key, "FIELDS", len(each), *each) for key, each in hashes.items()])
        fields = dict(zip(hashes, asked, strict=True))
        return {
            key: (expires, value, fields.get(key)) for key, expires, value in zip(keys, expiries, values, strict=True)
        }

    return read
