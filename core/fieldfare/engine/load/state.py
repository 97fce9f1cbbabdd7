"""How fast a run is, for ``fieldfare status``."""

from __future__ import annotations

from contextlib import suppress
from enum import StrEnum
from typing import Final

from attrs import frozen

from fieldfare.engine.load import files
from fieldfare.errors import BackupUnusable
from fieldfare.server.process import Process
from fieldfare.storage import BackupPath, StoragePath
from fieldfare.support.interval import Interval
from fieldfare.support.structure import StructureError, make_converter, structure

__all__ = ["STORAGE_SECONDS", "Pace", "RunState", "read_state", "state_interval", "write_state"]

STATE_SECONDS: Final = 0.5
"""How often the state is written."""

STORAGE_SECONDS: Final = 5.0
"""How often in a storage, where it takes a request."""

_CONVERTER: Final = make_converter()


class Pace(StrEnum):
    """Whether a run waits between batches."""

    FULL_SPEED = "full speed"
    THROTTLED = "throttled"
    PAUSED = "paused"


@frozen
class RunState:
    """How fast a run is.

    Attributes:
        process: that carries it out.
        activity: what it works on, as in step reports; "" before the first batch.
        documents_done: documents that this activity has processed.
        documents_total: documents of this activity in all; 0 if it is not known.
        documents_per_second: the pace of the last seconds; None while it is not known.
        seconds_left: how long this activity will take; None while it is not known.
        pace: whether it waits between batches.
        reason: why it waits.
        lag_keys: of ``sync --watch``: keys that were changed, and are not looked at yet; None for other commands.
        lag_seconds: since the server has told of the first of them.
    """

    process: Process
    activity: str = ""
    documents_done: int = 0
    documents_total: int = 0
    documents_per_second: float | None = None
    seconds_left: float | None = None
    pace: Pace = Pace.FULL_SPEED
    reason: str = ""
    lag_keys: int | None = None
    lag_seconds: float | None = None


def write_state(prefix: BackupPath, state: RunState) -> None:
    """Write it where ``status`` looks for it. A disk that refuses does not matter to the run."""
    with suppress(OSError, BackupUnusable):
        files.write(prefix, files.RUNNING, _CONVERTER.unstructure(state))


def state_interval(prefix: BackupPath | None) -> Interval:
    """Return when the state of a run is due again."""
    return Interval(STORAGE_SECONDS if isinstance(prefix, StoragePath) else STATE_SECONDS)


def read_state(prefix: BackupPath) -> RunState | None:
    """Return the state of a run; None if none is active."""
    try:
        state = structure(_CONVERTER, files.read(prefix, files.RUNNING), RunState)
    except StructureError:
        return None
    return None if state.process.is_dead() else state
