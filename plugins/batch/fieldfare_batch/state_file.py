"""The state file of a batch: YAML, written whole after every transition, so that anybody may read it meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, Final

from attrs import evolve

from fieldfare.backup import hold_backup, write_durably
from fieldfare.errors import BackupUnusable, FileError, LockHeld
from fieldfare.structure import Misfit, make_converter, structure
from fieldfare.yamlfile import Problem, dump_yaml, load_yaml
from fieldfare_batch.clock import now
from fieldfare_batch.errors import BatchStateUnusable
from fieldfare_batch.state import BatchState, IndexState, Status

__all__ = ["VERSION", "StateFile", "hold_state", "load_state", "state_to_dict"]

VERSION: Final = 1
LARGEST: Final = 16 * 2**20
"""Bytes: of thousands of indexes, each with the reason why it failed."""

COMMENT: Final = """\
# How far a batch got, written by 'fieldfare batch-apply'. Keep it until the batch is over. Next:
#   fieldfare batch-status --state THIS_FILE
#   fieldfare batch-resume --state THIS_FILE
#   fieldfare batch-rollback --state THIS_FILE
"""

_CONVERTER: Final = make_converter(sparse={IndexState})


class StateFile:
    """A state, and its file, which is always up to date. Threads may share it.

    Args:
        path: of the file; its directory must exist.
        state: what it holds.
    """

    def __init__(self, path: Path, state: BatchState) -> None:
        self.path = path.absolute()
        self.state = state
        self._earlier = state.elapsed_seconds
        self._opened = time.monotonic()
        self._lock = Lock()

    def update(self, **changes: Any) -> None:
        """Change the state, and write it.

        Raises:
            FileError: the file cannot be written; the old content stands.
        """
        with self._lock:
            self._write(evolve(self.state, **changes))

    def update_index(self, name: str, **changes: Any) -> None:
        """Change the state of one index, and write it.

        Raises:
            FileError: as :meth:`update`.
        """
        with self._lock:
            indexes = (evolve(each, **changes) if each.name == name else each for each in self.state.indexes)
            self._write(evolve(self.state, indexes=tuple(indexes)))

    def _write(self, state: BatchState) -> None:
        elapsed = self._earlier + time.monotonic() - self._opened
        state = evolve(state, updated_at=now(), elapsed_seconds=round(elapsed, 3))
        try:
            write_durably(self.path, _text(state).encode())
        except OSError as error:
            raise FileError(self.path, [f"cannot be written: {error.strerror or error}"]) from error
        self.state = state


def load_state(path: Path) -> BatchState:
    """Read a state file.

    Raises:
        BatchStateUnusable: there is none.
        FileError: it is damaged; all problems at once, with line numbers.
    """
    if not path.exists():
        raise BatchStateUnusable(path, "there is no such file. Give the --state of 'fieldfare batch-apply'.")
    file = load_yaml(path, largest=LARGEST)
    try:
        state = structure(_CONVERTER, file.data, BatchState)
    except Misfit as error:
        raise file.error(error.problems) from error
    problems = list(_problems(state))
    if problems:
        raise file.error(problems)
    return state


def _problems(state: BatchState) -> Iterator[Problem]:
    """Yield what no batch can have written: the record decides where files are read and written."""
    if state.version != VERSION:
        yield ("version",), f"format {state.version}; this fieldfare reads {VERSION}"
    for key in ("backup_dir", "report_dir"):
        directory = getattr(state, key)
        if not Path(directory).is_absolute() or "\0" in directory:
            yield (key,), "must be an absolute path"
    if state.settings.on_conflict not in {None, "keep-old", "keep-new"}:
        yield ("settings", "on_conflict"), "must be keep-old or keep-new"
    seen: set[str] = set()
    for number, each in enumerate(state.indexes):
        if each.name in seen:
            yield ("indexes", number, "name"), f"{each.name!r} is there twice"
        seen.add(each.name)
        if each.status is not Status.SKIPPED and not (each.plan_path and each.fingerprint):
            yield ("indexes", number), "an index that is migrated needs plan_path and fingerprint"


def state_to_dict(state: BatchState) -> dict[str, Any]:
    """Return what the file holds, as plain values."""
    plain: dict[str, Any] = _CONVERTER.unstructure(state)
    return plain


@contextmanager
def hold_state(path: Path) -> Iterator[None]:
    """Be the only one who writes a state file.

    Raises:
        LockHeld: another process holds it.
        BatchStateUnusable: its directory is missing, or cannot be written.
    """
    path = path.absolute()
    if not path.parent.is_dir():
        raise BatchStateUnusable(path, f"the directory {path.parent} does not exist")
    with ExitStack() as stack:
        try:
            stack.enter_context(hold_backup(path))
        except LockHeld as error:
            raise LockHeld(f"the batch state {path}", error.holder) from error
        except BackupUnusable as error:
            raise BatchStateUnusable(path, error.reason) from error
        yield


def _text(state: BatchState) -> str:
    head = _CONVERTER.unstructure(evolve(state, indexes=()))
    del head["indexes"]
    # of many indexes one has changed: the others are not spelled again
    return "".join([COMMENT, dump_yaml(head), "indexes:\n", *map(_index_text, state.indexes)])


@lru_cache(maxsize=10_000)
def _index_text(index: IndexState) -> str:
    return dump_yaml({"indexes": [_CONVERTER.unstructure(index)]}).partition("\n")[2]
