"""A power cut: files go back to what was synced."""

from __future__ import annotations

import os
import shutil
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

__all__ = ["PowerSupply"]


class PowerSupply:
    """Keeps account of what this process has made durable in a directory, and takes the rest away.

    A file's content is durable as of its last ``fsync``; a name, whether created, renamed or removed, as of the last
    ``fsync`` of its directory. That is all that POSIX promises: a real disk may keep more.
    See https://man7.org/linux/man-pages/man2/fsync.2.html .

    Args:
        directory: whose files count. What is there already is durable.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory.resolve()
        self._sync = os.fsync
        self._guard = threading.Lock()
        self._contents: dict[int, bytes] = {}
        self._kept: list[int] = []  # descriptors, so that no inode number is used twice
        self._names = self._listed()
        for name, inode in self._names.items():
            self._remember(self._directory / name, inode)

    def plug_in(self) -> None:
        """Keep account of every ``os.fsync`` from now on."""
        os.fsync = self._note

    def cut(self) -> None:
        """Leave in the directory only what is durable."""
        for path in self._directory.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        for name, inode in self._names.items():
            (self._directory / name).write_bytes(self._contents.get(inode, b""))

    def _note(self, fd: Any) -> None:
        self._sync(fd)
        descriptor = fd if isinstance(fd, int) else fd.fileno()
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        with self._guard:
            if path == self._directory:
                self._names = self._listed()
            elif path.parent == self._directory:
                self._remember(path, os.fstat(descriptor).st_ino)

    def _remember(self, path: Path, inode: int) -> None:
        self._kept.append(os.open(path, os.O_RDONLY))
        self._contents[inode] = path.read_bytes()

    def _listed(self) -> dict[str, int]:
        names = {}
        for path in self._directory.iterdir():
            with suppress(FileNotFoundError):  # another worker's temporary file
                names[path.name] = path.stat().st_ino
        return names
