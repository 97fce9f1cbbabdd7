"""Running the real command line in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from attrs import frozen

from fieldfare.testing.crash import VARIABLE, install_crash_plugin

__all__ = ["CommandLine", "Outcome"]


@frozen
class Outcome:
    """What a command did.

    Attributes:
        code: exit code; negative for the signal that ended it.
        stdout: its output.
        stderr: its messages.
    """

    code: int
    stdout: str
    stderr: str


@frozen
class CommandLine:
    """``fieldfare``, against one server, in one directory.

    Attributes:
        url: of the server.
        directory: the working directory; plans and backups are relative to it.
    """

    url: str
    directory: Path

    def __call__(self, *arguments: str, crash_at: str | None = None, timeout: float = 120) -> Outcome:
        """Run a command.

        Args:
            arguments: as typed.
            crash_at: moment at which the process kills itself, as ``activity:moment:number``.
            timeout: seconds after which the test fails.
        """
        environment = {**os.environ, "FIELDFARE_URL": self.url, "NO_COLOR": "1"}
        if crash_at is not None:
            plugins = self.directory / "crash-plugin"
            if not plugins.exists():
                install_crash_plugin(plugins)
            environment |= {VARIABLE: crash_at, "PYTHONPATH": str(plugins)}
        process = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "fieldfare", *arguments],
            cwd=self.directory,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Outcome(process.returncode, process.stdout, process.stderr)
