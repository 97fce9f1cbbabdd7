"""Where and of what a comparison is made: the machine, the commit, the versions."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from pathlib import Path
from tempfile import gettempdir
from typing import Final

from comparison.results import Machine
from fieldfare.server import Server
from fieldfare.server.capabilities import format_version

__all__ = ["describe_machine", "describe_server", "read_commit"]

ROOT: Final = Path(__file__).parents[2]


def describe_machine() -> Machine:
    """Return this machine."""
    model = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return Machine(
        processor=model[1] if model else platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        memory_mib=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        file_system=_output("stat", "--file-system", "--format=%T", gettempdir()),
        python=platform.python_version(),
        load_average=round(os.getloadavg()[0], 2),
    )


def describe_server(server: Server) -> str:
    """Return the versions of a server."""
    capabilities = server.capabilities
    return f"Redis {format_version(capabilities.redis_version)}, search {format_version(capabilities.search_version)}"


def read_commit() -> str:
    """Return the commit of the working tree, with ``+`` if files differ from it."""
    changed = _output("git", "status", "--porcelain", "--untracked-files=no")
    return _output("git", "rev-parse", "--short=12", "HEAD") + "+" * bool(changed)


def _output(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - fixed commands
    return done.stdout.strip()
