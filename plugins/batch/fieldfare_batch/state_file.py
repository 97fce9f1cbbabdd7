"""The state file of a batch: YAML, written atomically after every transition, so that it can be read at any time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, Final

from attrs import evolve

from fieldfare.backup import lock_backup, write_durably
from fieldfare.errors import BackupUnusable, FileError, LockHeld
from fieldfare.storage import is_storage_url
from fieldfare.support.structure import StructureError, make_converter, structure
from fieldfare.support.yamlfile import Problem, dump_yaml, load_yaml
from fieldfare_batch.errors import BatchStateUnusable
from fieldfare_batch.redisvl import is_redisvl_state, read_state
from fieldfare_batch.state import BatchState, IndexState, Status
from fieldfare_batch.timestamp import utc_timestamp

__all__ = ["VERSION", "StateFile", "load_state", "lock_state", "state_to_dict"]

VERSION: Final = 1
LARGEST: Final = 16 * 2**20
"""Bytes: enough for thousands of indexes, each with a failure reason."""

COMMENT: Final = """\
# The state of a batch, written by 'fieldfare batch-apply'. Keep it until the batch is finished. Next:
#   fieldfare batch-status --state THIS_FILE
#   fieldfare batch-resume --state THIS_FILE
#   fieldfare batch-rollback --state THIS_FILE
"""

_CONVERTER: Final = make_converter(sparse={IndexState})


class StateFile:
    """A batch state that is written to its file at every change. Threads may share it.

    Args:
        path: the path of the file; its directory must exist.
        state: the initial content.
    """

    def __init__(self, path: Path, state: BatchState) -> None:
        self.path = path.absolute()
        self.state = state
        self._earlier_seconds = state.elapsed_seconds
        self._opened = time.monotonic()
        self._lock = Lock()

    def update(self, **changes: Any) -> None:
        """Change the state, and write it.

        Raises:
            FileError: the file cannot be written; it keeps its old content.
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
        elapsed = self._earlier_seconds + time.monotonic() - self._opened
        state = evolve(state, updated_at=utc_timestamp(), elapsed_seconds=round(elapsed, 3))
        try:
            write_durably(self.path, _text(state).encode())
        except OSError as error:
            raise FileError(self.path, [f"cannot be written: {error.strerror or error}"]) from error
        self.state = state


def load_state(path: Path) -> BatchState:
    """Read a state file, ours or one of RedisVL.

    Raises:
        BatchStateUnusable: there is no such file.
        FileError: it is invalid; with all problems and their line numbers.
    """
    if not path.exists():
        raise BatchStateUnusable(path, "there is no such file. Use the --state of 'fieldfare batch-apply'.")
    file = load_yaml(path, largest=LARGEST)
    foreign = is_redisvl_state(file.data)
    try:
        if foreign:
            state = read_state(file.data, version=VERSION, report_dir=path.absolute().parent / "reports")
        else:
            state = structure(_CONVERTER, file.data, BatchState)
    except StructureError as error:
        raise file.error(error.problems) from error
    problems = list(_problems(state, foreign=foreign))
    if problems:
        raise file.error(problems)
    return state


def _problems(state: BatchState, *, foreign: bool) -> Iterator[Problem]:
    """Yield problems that no written state can have: the state decides which files are read and written."""
    if state.version != VERSION:
        yield ("version",), f"format {state.version}; this fieldfare reads {VERSION}"
    for key in ("backup_dir", "report_dir"):
        directory = getattr(state, key)
        is_url = key == "backup_dir" and is_storage_url(directory)
        if not (is_url or Path(directory).is_absolute() or (foreign and not directory)) or "\0" in directory:
            yield (key,), "must be an absolute path"
    if state.settings.on_conflict not in {None, "keep-old", "keep-new"}:
        yield ("settings", "on_conflict"), "must be keep-old or keep-new"
    seen: set[str] = set()
    unfinished = {Status.PENDING, Status.IN_PROGRESS, Status.BUILT}
    for number, each in enumerate(state.indexes):
        if each.name in seen:
            yield ("indexes", number, "name"), f"{each.name!r} is listed twice"
        seen.add(each.name)
        planned = bool(each.plan_path and each.fingerprint)
        if not planned and (each.plan_path or each.fingerprint or (not foreign and each.status in unfinished)):
            yield ("indexes", number), "an index that is migrated needs plan_path and fingerprint"


def state_to_dict(state: BatchState) -> dict[str, Any]:
    """Return the content of the file, as plain values."""
    plain: dict[str, Any] = _CONVERTER.unstructure(state)
    return plain


@contextmanager
def lock_state(path: Path) -> Iterator[None]:
    """Lock a state file, so that no other process writes it.

    Raises:
        LockHeld: another process has locked it.
        BatchStateUnusable: its directory is missing, or cannot be written.
    """
    path = path.absolute()
    if not path.parent.is_dir():
        raise BatchStateUnusable(path, f"the directory {path.parent} does not exist")
    with ExitStack() as stack:
        try:
            stack.enter_context(lock_backup(path))
        except LockHeld as error:
            raise LockHeld(f"the batch state {path}", error.holder) from error
        except BackupUnusable as error:
            raise BatchStateUnusable(path, error.reason) from error
        yield


def _text(state: BatchState) -> str:
    head = _CONVERTER.unstructure(evolve(state, indexes=()))
    del head["indexes"]
    # the YAML of unchanged indexes is cached
    return "".join([COMMENT, dump_yaml(head), "indexes:\n", *map(_index_text, state.indexes)])


@lru_cache(maxsize=10_000)
def _index_text(index: IndexState) -> str:
    return dump_yaml({"indexes": [_CONVERTER.unstructure(index)]}).partition("\n")[2]
