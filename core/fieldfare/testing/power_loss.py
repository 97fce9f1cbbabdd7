"""A power loss: files go back to what was synced."""

from __future__ import annotations

import os
import shutil
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

__all__ = ["PowerLoss"]


class PowerLoss:
    """Records what this process has made durable in a directory, and removes the rest.

    A file's content is durable as of its last ``fsync``; a name, whether created, renamed or removed, as of the last
    ``fsync`` of its directory. That is all that POSIX promises: a real disk may keep more.
    See https://man7.org/linux/man-pages/man2/fsync.2.html .

    Args:
        directory: the directory. Its present files are durable.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory.resolve()
        self._fsync = os.fsync
        self._guard = threading.Lock()
        self._contents: dict[int, bytes] = {}
        self._descriptors: list[int] = []  # open, so that no inode number is used twice
        self._names = self._list()
        for name, inode in self._names.items():
            self._record(self._directory / name, inode)

    def record_syncs(self) -> None:
        """Record every ``os.fsync`` from now on."""
        os.fsync = self._record_sync

    def discard_unsynced(self) -> None:
        """Leave in the directory only what is durable."""
        for path in self._directory.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        for name, inode in self._names.items():
            (self._directory / name).write_bytes(self._contents.get(inode, b""))

    def _record_sync(self, fd: Any) -> None:
        self._fsync(fd)
        descriptor = fd if isinstance(fd, int) else fd.fileno()
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        with self._guard:
            if path == self._directory:
                self._names = self._list()
            elif path.parent == self._directory:
                self._record(path, os.fstat(descriptor).st_ino)

    def _record(self, path: Path, inode: int) -> None:
        self._descriptors.append(os.open(path, os.O_RDONLY))
        self._contents[inode] = path.read_bytes()

    def _list(self) -> dict[str, int]:
        names = {}
        for path in self._directory.iterdir():
            with suppress(FileNotFoundError):  # another worker's temporary file
                names[path.name] = path.stat().st_ino
        return names
