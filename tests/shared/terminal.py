"""Commands in a real terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

__all__ = ["read_screen", "run_in_terminal"]


def run_in_terminal(
    *arguments: str, environment: Mapping[str, str], directory: Path | None = None, typed: str | None = None
) -> tuple[int, str]:
    """Run a command of fieldfare whose messages go to a terminal.

    Args:
        arguments: the arguments of the command.
        environment: the environment of the process.
        directory: in which it runs; this one if it is None.
        typed: at the terminal; if it is None, the command has no terminal to read from.

    Returns:
        The exit code, and what was drawn.
    """
    screen, terminal = pty.openpty()
    os.write(screen, (typed or "").encode())
    with subprocess.Popen(
        [sys.executable, "-m", "fieldfare", *arguments],
        cwd=directory,
        env={"COLUMNS": "80", **environment, "TERM": "xterm", "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL if typed is None else terminal,
        stdout=subprocess.DEVNULL,
        stderr=terminal,
    ) as process:
        os.close(terminal)
        drawn = b""
        while chunk := read_screen(screen):
            drawn += chunk
    os.close(screen)
    return process.returncode, drawn.decode()


def read_screen(screen: int) -> bytes:
    """Return what was drawn since the last call, as soon as there is something; nothing at the end."""
    try:
        return os.read(screen, 65536)
    except OSError:  # Linux says so when the other end is closed
        return b""
