"""Run a command with its output in a file, and print what it took as JSON.

A process of its own that imports next to nothing: Linux counts the memory of the process that starts a command as
memory of that command, too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time


def main() -> None:
    """Read the path of the output file and the command from the command line."""
    path, *command = sys.argv[1:]
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    started = time.perf_counter()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=descriptor, stderr=descriptor)  # noqa: S603
    _, status, usage = os.wait4(process.pid, 0)
    figures = {
        "wall_seconds": time.perf_counter() - started,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_mib": usage.ru_maxrss / 1024,
        "exit_code": os.waitstatus_to_exitcode(status),
    }
    sys.stdout.write(json.dumps(figures))


if __name__ == "__main__":
    main()
