"""Masks passwords in the command line that other users of the machine see."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

__all__ = ["mask_secrets"]

STAT: Final = Path("/proc/self/stat")
ARGUMENTS: Final = Path("/proc/self/cmdline")
MEMORY: Final = Path("/proc/self/mem")
START: Final = 45
"""Fields 48 and 49 of ``stat``, ``arg_start`` and ``arg_end``, counted from behind the program's name
(https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html)."""


def mask_secrets(secrets: Iterable[str]) -> None:
    """Overwrite secrets in this process's arguments, which ``ps`` shows to everybody.

    Only on Linux can a process do so. Elsewhere, and until this is called, only FIELDFARE_URL hides a password.
    """
    with suppress(OSError, ValueError, IndexError):
        shown = ARGUMENTS.read_bytes()
        masked = shown
        for secret in sorted(secrets, key=len, reverse=True):
            raw = secret.encode("utf-8", "surrogateescape")
            masked = masked.replace(raw, b"*" * len(raw))
        stat = STAT.read_bytes()
        start, end = map(int, stat[stat.rindex(b")") + 2 :].split()[START : START + 2])
        if masked != shown and end - start == len(shown):
            with MEMORY.open("r+b", buffering=0) as memory:
                memory.seek(start)
                memory.write(masked)
