"""The files of a run that is active."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from fieldfare.engine.load import files
from fieldfare.engine.load.limits import Limits, write_limits
from fieldfare.engine.load.state import RunState, write_state
from fieldfare.errors import BackupUnusable
from fieldfare.hooks.run_options import RunOptions
from fieldfare.server.process import this_process
from fieldfare.storage import BackupPath

__all__ = ["loaded_session"]


@contextmanager
def loaded_session(prefix: BackupPath, options: RunOptions) -> Iterator[None]:
    """Let ``throttle`` change the limits of the run in the body, and ``status`` show its speed.

    Args:
        prefix: the prefix of its backup, whose lock it holds.
        options: with the limits that it starts with.
    """
    files.remove(prefix)  # of a run that was killed
    with suppress(OSError, BackupUnusable):  # then the limits cannot be changed, but they hold
        write_limits(prefix, Limits.of(options))
    write_state(prefix, RunState(this_process()))
    try:
        yield
    finally:
        files.remove(prefix)
