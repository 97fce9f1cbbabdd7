"""The limits of a run: those that it started with, until ``fieldfare throttle`` changes them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Final, Self

from attrs import asdict, evolve, frozen

from fieldfare.engine.load import files
from fieldfare.engine.load.state import read_state
from fieldfare.errors import BackupUnusable, UsageError
from fieldfare.hooks.run_options import RunOptions
from fieldfare.storage import BackupPath
from fieldfare.support.structure import StructureError, make_converter, structure

__all__ = ["Limits", "change_limits", "read_limits", "require_limits", "write_limits"]

_CONVERTER: Final = make_converter()


@frozen
class Limits:
    """What a run does to the server at most.

    Attributes:
        max_rate: documents per second; None for no limit.
        max_latency: milliseconds that the server may take to answer another connection; None for no limit.
        paused: whether the run waits until it is told to resume.
    """

    max_rate: float | None = None
    max_latency: float | None = None
    paused: bool = False

    @classmethod
    def of(cls, options: RunOptions) -> Self:
        """Return the limits that a run starts with."""
        return cls(options.max_rate, options.max_latency)


def require_limits(max_rate: float | None, max_latency: float | None, pause_file: Path | None = None) -> None:
    """Check the limits that a user gave.

    Raises:
        UsageError: a limit is not a number above 0, or the directory of the pause file does not exist.
    """
    for name, value, unit in (("max_rate", max_rate, "documents per second"), ("max_latency", max_latency, "ms")):
        if value is not None and not (math.isfinite(value) and value > 0):
            raise UsageError(f"{name}={value:g}: it is a number of {unit} above 0. Nothing was changed.")
    if pause_file is not None and not pause_file.absolute().parent.is_dir():
        parent = pause_file.absolute().parent
        raise UsageError(f"pause_file={str(pause_file)!r}: the directory {parent} does not exist. Nothing was changed.")


def change_limits(prefix: BackupPath, index: str, *, off: bool = False, **changes: Any) -> Limits:
    """Change the limits of a run that is active.

    Args:
        prefix: the prefix of its backup.
        index: its name, for messages.
        off: remove every limit first, and a pause.
        changes: attributes of :class:`Limits`; those that are None stay as they are.

    Returns:
        The limits that the run has from now on.

    Raises:
        BackupUnusable: no run is active, or the file cannot be written.
    """
    current = read_limits(prefix) if read_state(prefix) is not None else None
    if current is None:
        reason = f"no run of {index!r} is active. Give the limits to the command that starts it: --max-rate, ..."
        raise BackupUnusable(prefix, reason)
    given = {name: value for name, value in changes.items() if value is not None}
    limits = evolve(Limits() if off else current, **given)
    try:
        write_limits(prefix, limits)
    except OSError as error:
        raise BackupUnusable(prefix, f"its limits cannot be written: {error.strerror}") from error
    return limits


def write_limits(prefix: BackupPath, limits: Limits) -> None:
    """Write the limits where the run looks for them.

    Raises:
        OSError: the file cannot be written.
    """
    files.write(prefix, files.THROTTLE, asdict(limits))


def read_limits(prefix: BackupPath) -> Limits | None:
    """Return the limits of a run; None if they are not there, or cannot be read."""
    try:
        limits = structure(_CONVERTER, files.read(prefix, files.THROTTLE), Limits)
        require_limits(limits.max_rate, limits.max_latency)
    except (StructureError, UsageError):
        return None
    return limits
