"""A server for faults: it is started again when it ends, and made good when it was harmed."""

from __future__ import annotations

import os
import signal
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Final, Self

from fieldfare.server import Server, connect
from fieldfare.server.embedded import EmbeddedServer

__all__ = ["Patient"]

ARGUMENTS: Final = [
    # while it reads its data the server answers LOADING, for a moment at least
    *("--key-load-delay", "2000", "--loading-process-events-interval-bytes", "1024"),
    # a replica that waits for its primary should not wait long
    *("--repl-timeout", "1"),
]
LOOK_SECONDS: Final = 0.01


class Patient:
    """A server and its nurse, as a context manager.

    Attributes:
        embedded: the server's process.
        cared_for: whether the server is started again as soon as it ends; else by :meth:`heal`.
    """

    def __init__(self) -> None:
        self.embedded = EmbeddedServer(ARGUMENTS)
        self.cared_for = False
        self._guard = Lock()
        self._over = Event()
        self._nurse = Thread(target=self._look_after, name="nurse", daemon=True)

    def __enter__(self) -> Self:
        """Start the server."""
        self.embedded.start()
        self._nurse.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop the server."""
        self._over.set()
        self._nurse.join()
        self._wake_up()
        self.embedded.stop()

    @property
    def pid(self) -> int:
        """The server's process."""
        return self.embedded.pid or 0

    def connect(self) -> Server:
        """Return a new connection."""
        return connect(self.embedded.url)

    def heal(self) -> None:
        """Make the server good again, whatever was done to it; its data are what they are."""
        self._wake_up()
        self.cared_for = False
        self._restart()
        with self.connect() as server:
            server.command("REPLICAOF", "NO", "ONE")
            server.command("CONFIG", "SET", "maxmemory", 0)

    def _wake_up(self) -> None:
        if not self.embedded.has_ended:
            os.kill(self.pid, signal.SIGCONT)

    def _look_after(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            if self.cared_for:
                self._restart()

    def _restart(self) -> None:
        with self._guard:
            if self.embedded.has_ended:
                self.embedded.restart()
