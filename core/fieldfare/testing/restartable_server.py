"""A server for fault tests: it is restarted when it ends, and repaired after a fault."""

from __future__ import annotations

import os
import signal
from threading import Event, Lock, Thread
from typing import Final, Self

from fieldfare.server import Server, connect
from fieldfare.server.embedded import EmbeddedServer

__all__ = ["RestartableServer"]

ARGUMENTS: Final = [
    # while it reads its data the server answers LOADING, for a moment at least
    *("--key-load-delay", "2000", "--loading-process-events-interval-bytes", "1024"),
    # a replica that waits for its primary should not wait long
    *("--repl-timeout", "1"),
]
POLL_SECONDS: Final = 0.01


class RestartableServer:
    """A server and a thread that restarts it, as a context manager.

    Attributes:
        embedded: the server's process.
        restarts_automatically: whether the server is restarted as soon as it ends; else by :meth:`repair`.
    """

    def __init__(self) -> None:
        self.embedded = EmbeddedServer(ARGUMENTS)
        self.restarts_automatically = False
        self._guard = Lock()
        self._stopped = Event()
        self._watcher = Thread(target=self._watch, name="restart", daemon=True)

    def __enter__(self) -> Self:
        """Start the server."""
        self.embedded.start()
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the server."""
        self._stopped.set()
        self._watcher.join()
        self._continue()
        self.embedded.stop()

    @property
    def pid(self) -> int:
        """The server's process."""
        return self.embedded.pid or 0

    def connect(self) -> Server:
        """Return a new connection."""
        return connect(self.embedded.url)

    def repair(self) -> None:
        """Make the server run, as a primary with enough memory. Its data stay as they are."""
        self._continue()
        self.restarts_automatically = False
        self._restart()
        with self.connect() as server:
            server.command("REPLICAOF", "NO", "ONE")
            server.command("CONFIG", "SET", "maxmemory", 0)

    def _continue(self) -> None:
        if not self.embedded.has_ended:
            os.kill(self.pid, signal.SIGCONT)

    def _watch(self) -> None:
        while not self._stopped.wait(POLL_SECONDS):
            if self.restarts_automatically:
                self._restart()

    def _restart(self) -> None:
        with self._guard:
            if self.embedded.has_ended:
                self.embedded.restart()
