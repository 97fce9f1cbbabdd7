"""Runs a case once with one participant, and measures every command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from attrs import define, evolve, field, frozen

from comparison.cases import COMMANDS, Case
from comparison.documents import Load
from comparison.query_client import count_documents
from comparison.results import Figures
from comparison.tools import REDISVL, Tool, arguments
from fieldfare.definition.create import create_arguments
from fieldfare.server import Server
from fieldfare.server.inspect import read_definition
from fieldfare.support.yamlfile import load_yaml
from fieldfare.testing.indexing import wait_until_indexed

__all__ = ["CommandFailed", "Observer", "build", "launch", "load", "measure_case"]

LAUNCH: Final = Path(__file__).with_name("launch.py")
QUERY_CLIENT: Final = Path(__file__).with_name("query_client.py")
POLL_SECONDS: Final = 0.01
SHOWN: Final = 2000


class CommandFailed(Exception):
    """A command that is measured did not do what it should."""


@define
class Observer:
    """A process that queries the indexes while a command runs.

    Attributes:
        figures: what it found: attributes of :class:`~comparison.results.Figures`.
    """

    figures: dict[str, float | None] = field(factory=dict)


@contextmanager
def observed(url: str, counts: Mapping[str, int]) -> Iterator[Observer]:
    """Query the indexes until the block ends."""
    command = [sys.executable, str(QUERY_CLIENT), url, json.dumps(dict(counts))]
    observer = Observer()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - ours
        if process.stdout is None or process.stdout.readline() != "ready\n":
            raise CommandFailed("the client that queries the indexes did not start")
        yield observer
        output, _ = process.communicate()
        observer.figures = json.loads(output)


def measure_case(case: Case, tool: Tool, server: Server, url: str) -> tuple[dict[str, Figures], float]:
    """Load a case on an empty server, and plan, apply and roll back.

    Args:
        case: the migration.
        tool: carries it out.
        server: to load it on.
        url: the URL of the same server.

    Returns:
        The figures of each command, and the seconds that the server took to build the target again.

    Raises:
        CommandFailed: a command failed, or the index did not find all documents afterwards.
    """
    load(case.load, server)
    figures = {}
    seconds = 0.0
    with TemporaryDirectory(prefix="fieldfare-bench-") as name:
        directory = Path(name)
        (directory / "patch.yaml").write_text(f"version: 1\nchanges:\n  {case.patch}\n")
        for command in COMMANDS if tool.name != REDISVL else case.redisvl:
            figures[command] = Trial(case, tool, server, url, directory).measure(command)
            if command == "apply":
                seconds = build(case, server)
    return figures, seconds


def load(documents: Load, server: Server) -> None:
    """Load documents and indexes, and wait until the server has nothing left to do."""
    documents(server)
    wait_until_indexed(server)


@frozen
class Trial:
    """One case with one participant, on a loaded server.

    Attributes:
        case: the migration.
        tool: carries it out.
        server: the server.
        url: the URL of the same server.
        directory: with the patch; for plan and backups.
    """

    case: Case
    tool: Tool
    server: Server
    url: str
    directory: Path

    def measure(self, command: str) -> Figures:
        """Run one command in a process of its own."""
        line = arguments(self.case, self.tool, command, self.url)
        before = server_seconds(self.server)
        if command == "plan":
            figures = launch(line, self.directory)
        else:
            with observed(self.url, self.case.counts) as observer:
                figures = launch(line, self.directory)
            figures = evolve(
                figures,
                outage_seconds=observer.figures["outage_seconds"],
                query_p99_ms=observer.figures["query_p99_ms"],
            )
        figures = evolve(figures, server_seconds=server_seconds(self.server) - before)
        if command == "apply":
            self.check(figures)
        return figures

    def check(self, figures: Figures) -> None:
        """Make sure that the migration succeeded."""
        report = self.directory / "report.yaml"
        if report.exists() and (result := load_yaml(report).data["result"]) != "succeeded":
            raise CommandFailed(f"{self.tool.name}: {self.case.name}: the report says '{result}'")
        counts = self.case.counts
        found = {name: count_documents(self.server, name) for name in counts}
        if found != dict(counts) or figures.outage_seconds is None:
            complaint = f"the indexes find {sum(found.values())} of {sum(counts.values())} documents"
            raise CommandFailed(f"{self.tool.name}: {self.case.name}: {complaint}")


def launch(line: list[str], directory: Path) -> Figures:
    """Run a command line, and return what it took."""
    output = directory / "output.txt"
    launcher = [sys.executable, "-S", "-I", str(LAUNCH), str(output), *line]
    # installed programs have their bytecode
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment = {**inherited, "NO_COLOR": "1", "COLUMNS": "120"}
    done = subprocess.run(  # noqa: S603 - the command lines that are compared
        launcher, cwd=directory, env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    figures: dict[str, Any] = json.loads(done.stdout)
    if (code := figures.pop("exit_code")) != 0:
        raise CommandFailed(f"exit code {code}: {' '.join(line)}\n{output.read_text()[-SHOWN:]}")
    return Figures(**figures, server_seconds=0.0)


def build(case: Case, server: Server) -> float:
    """Drop the indexes of a case, create them again, and return the seconds until they find all documents."""
    total = 0.0
    for name, count in case.counts.items():
        create = create_arguments(read_definition(server, name))
        server.command("FT.DROPINDEX", name)
        started = time.perf_counter()
        server.command(*create)
        while count_documents(server, name) < count:
            time.sleep(POLL_SECONDS)
        total += time.perf_counter() - started
    return total


def server_seconds(server: Server) -> float:
    """Return the processor time of all nodes."""
    usages: list[Any] = [node.info("cpu") for node in server.nodes()]
    return float(sum(usage["used_cpu_user"] + usage["used_cpu_sys"] for usage in usages))
