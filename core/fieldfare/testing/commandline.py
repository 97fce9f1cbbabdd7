"""The real command line in a separate process.

Processes come from a fork server that has imported fieldfare: to start Python and import everything takes far longer
than most commands do.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import pkgutil
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import entry_points
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Final

from attrs import frozen

from fieldfare.testing.crash import VARIABLE, install_crash_plugin
from fieldfare.testing.faults import Fault, FaultContext, inject

__all__ = ["CommandLine", "Outcome"]

EXTRA_MODULES: Final = (
    "encodings.utf_8_sig",
    "fieldfare_vectors.recall_check",
    "fieldfare_vectors.vector_reader",
    "fsspec.implementations.local",
    "numpy.ma",
    "pydantic",
    "rich.live",
    "rich.progress",
)
"""Modules that commands import besides fieldfare and its plugins. The fork server skips those that are not there."""

NOT_PRELOADED: Final = ("__main__", "testing.fixtures", "testing.conformance", "testing.warm_up")
"""Modules that run a program when imported, or need pytest."""

WARM_UP: Final = "fieldfare.testing.warm_up"
"""The module that is imported last."""


@frozen
class Outcome:
    """The result of a command.

    Attributes:
        code: the exit code; negative for the signal that ended the process.
        stdout: the standard output.
        stderr: the standard error.
    """

    code: int
    stdout: str
    stderr: str


@frozen
class CommandLine:
    """``fieldfare``, against one server, in one directory.

    Attributes:
        url: the URL of the server.
        directory: the working directory; plans and backups are relative to it.
        plugins: a directory with further plugins, from :func:`~fieldfare.testing.installation.install_plugin`.
    """

    url: str
    directory: Path
    plugins: Path | None = None

    def __call__(
        self,
        *arguments: str,
        crash_at: str | None = None,
        fault: tuple[Fault, FaultContext] | None = None,
        timeout: float = 300,
    ) -> Outcome:
        """Run a command.

        Args:
            arguments: the arguments.
            crash_at: the moment at which the process kills itself, as ``activity:moment:number``.
            fault: the fault to inject into the process.
            timeout: seconds after which the process is killed and the test fails.

        Raises:
            TimeoutError: the command did not end in time.
        """
        environment = {**os.environ, "FIELDFARE_URL": self.url, "NO_COLOR": "1"}
        plugins = [] if self.plugins is None else [self.plugins]
        if crash_at is not None:
            plugins.append(self.directory / "crash-plugin")
            if not plugins[-1].exists():
                install_crash_plugin(plugins[-1])
            environment[VARIABLE] = crash_at
        process = _context().Process(target=_run, args=(arguments, self.directory, environment, plugins, fault))
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise TimeoutError(f"fieldfare {' '.join(arguments)} still ran after {timeout:g} s")
        return Outcome(process.exitcode, _output(self.directory, 1), _output(self.directory, 2))


def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_preloaded())
    return context


@cache
def _preloaded() -> list[str]:
    """Return every module of fieldfare and of the installed plugins, and the one that runs a first command."""
    packages = {"fieldfare", *(point.module.partition(".")[0] for point in entry_points(group="fieldfare"))}
    names = list(EXTRA_MODULES)
    for name in sorted(packages):
        path = getattr(importlib.import_module(name), "__path__", ())
        names += [name, *(each.name for each in pkgutil.walk_packages(path, f"{name}."))]
    return [*(name for name in names if not name.endswith(NOT_PRELOADED)), WARM_UP]


def _run(
    arguments: tuple[str, ...],
    directory: Path,
    environment: Mapping[str, str],
    plugins: Sequence[Path],
    fault: tuple[Fault, FaultContext] | None,
) -> None:
    """Run the command in this process: in its directory, with its environment, its output in files."""
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:0] = map(str, plugins)
    for stream in (1, 2):
        descriptor = os.open(_output_path(directory, stream), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(descriptor, stream)
        os.close(descriptor)

    if fault is not None:
        inject(*fault)

    from fieldfare.cli.app import run  # noqa: PLC0415 - after the environment is set

    code = run(arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    sys.exit(code)


def _output_path(directory: Path, stream: int) -> Path:
    return directory / f".fieldfare-{'stdout' if stream == 1 else 'stderr'}"


def _output(directory: Path, stream: int) -> str:
    return _output_path(directory, stream).read_text(errors="surrogateescape")
