"""A TCP server of tests, on a port of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread

__all__ = ["listening"]


class Listener(ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@contextmanager
def listening(handler: type[BaseRequestHandler]) -> Iterator[int]:
    """Give the port; each connection is handled in a thread."""
    with Listener(("127.0.0.1", 0), handler) as listener:
        Thread(target=listener.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield listener.server_address[1]
        finally:
            listener.shutdown()
