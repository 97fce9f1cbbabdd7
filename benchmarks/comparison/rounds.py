"""Runs all rounds of a case: the participants take turns, each with a server that has just been started."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from attrs import frozen

from comparison.cases import COMMANDS, Case
from comparison.floor import measure_floor
from comparison.machine import describe_server
from comparison.measure import CommandFailed, load, measure_case
from comparison.results import CaseResult
from comparison.tools import REDISVL, Tool, participants
from fieldfare.server import Server, connect
from fieldfare.server.embedded import EmbeddedServer
from fieldfare.testing.servers import clear, start_cluster

__all__ = ["Setting", "run_case"]

FLOOR_DIMS: Final = 768


@frozen
class Setting:
    """What all cases share.

    Attributes:
        fieldfare: our command line.
        redisvl: RedisVL's.
        rounds: how often each case is run.
        newer_server: URL of a server for cases that the private one cannot run.
    """

    fieldfare: Tool
    redisvl: Tool
    rounds: int
    newer_server: str | None = None


class NoServer(Exception):
    """No server can run a case."""


def run_case(case: Case, setting: Setting) -> CaseResult | None:
    """Return the figures of all rounds; None if no server can run the case.

    Raises:
        CommandFailed: a command of fieldfare failed. If one of RedisVL's fails, the case has only our figures.
    """
    tools = participants(case, setting.fieldfare, setting.redisvl)
    result = CaseResult(
        name=case.name,
        documents=sum(case.counts.values()),
        baseline=tools[-1].name if len(tools) > 1 else None,
        runs={command: {tool.name: [] for tool in tools} for command in COMMANDS},
        notes=[case.note] if case.note else [],
    )
    try:
        for number in range(setting.rounds):
            for tool in reversed(tools) if number % 2 else tools:
                progress(f"{case.name}: {tool.name}, round {number + 1} of {setting.rounds}")
                run_round(case, tool, result, setting)
            if case.floor:
                run_floor(case, result)
    except NoServer:
        progress(f"{case.name}: left out, for it needs a server with search {case.search[0]}; see --newer-server")
        return None
    return result


def run_round(case: Case, tool: Tool, result: CaseResult, setting: Setting) -> None:
    """Run a case once, and add the figures."""
    if result.baseline is None and tool.name == REDISVL:
        return  # it failed before
    with open_server(case, setting.newer_server) as (server, url):
        result.server = describe_server(server)
        try:
            figures, seconds = measure_case(case, tool, server, url)
        except CommandFailed as error:
            if tool.name != REDISVL:
                raise
            progress(str(error))
            result.baseline = None
            result.notes.append(f"RedisVL failed: {str(error).splitlines()[-1]}")
            for runs in result.runs.values():
                runs[tool.name].clear()
            return
    for command, measured in figures.items():
        result.runs[command][tool.name].append(measured)
    if tool.name != REDISVL:
        result.build_seconds.append(seconds)


def run_floor(case: Case, result: CaseResult) -> None:
    """Run the hand-packed commands once, and add their figures."""
    progress(f"{case.name}: hand-packed commands")
    with EmbeddedServer(tcp=True) as embedded, connect(embedded.url) as server:
        load(case.load, server)
        result.floor.append(measure_floor(server, embedded.port, result.documents, FLOOR_DIMS))


@contextmanager
def open_server(case: Case, newer_server: str | None) -> Iterator[tuple[Server, str]]:
    """Give an empty server that can run the case, and its URL.

    Raises:
        NoServer: none can.
    """
    if case.cluster:
        with start_cluster() as urls, connect(urls[0]) as server:
            yield server, urls[0]
            return
    with EmbeddedServer(tcp=True) as embedded, connect(embedded.url) as server:
        if server.capabilities.search_version >= case.search:
            yield server, embedded.url
            return
    if newer_server is None:
        raise NoServer
    with connect(newer_server) as server:
        if server.capabilities.search_version < case.search:
            raise NoServer
        clear(server)
        yield server, newer_server


def progress(message: str) -> None:
    """Tell what is being done."""
    sys.stderr.write(f"{message}\n")
