"""A server that is some milliseconds away: a process that hands bytes on, in both directions, only after a delay."""

from __future__ import annotations

import multiprocessing
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from threading import Thread
from typing import Final

__all__ = ["delayed"]

CHUNK: Final = 256 * 1024


@contextmanager
def delayed(port: int, seconds: float) -> Iterator[int]:
    """Give a port that leads to another one of this machine, each way with a delay."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = multiprocessing.Process(target=_serve, args=(listener, port, seconds), daemon=True)
        process.start()
        try:
            yield listener.getsockname()[1]
        finally:
            process.terminate()
            process.join()


def _serve(listener: socket.socket, port: int, seconds: float) -> None:
    while True:
        near, _ = listener.accept()
        far = socket.create_connection(("127.0.0.1", port))
        for source, sink in ((near, far), (far, near)):
            source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            chunks: SimpleQueue[tuple[float, bytes]] = SimpleQueue()
            Thread(target=_take, args=(source, chunks, seconds), daemon=True).start()
            Thread(target=_give, args=(sink, chunks), daemon=True).start()


def _take(source: socket.socket, chunks: SimpleQueue[tuple[float, bytes]], seconds: float) -> None:
    chunk = b"start"
    while chunk:
        chunk = source.recv(CHUNK)
        chunks.put((time.monotonic() + seconds, chunk))


def _give(sink: socket.socket, chunks: SimpleQueue[tuple[float, bytes]]) -> None:
    chunk = b"start"
    while chunk:
        due, chunk = chunks.get()
        time.sleep(max(due - time.monotonic(), 0))
        sink.sendall(chunk)
    sink.shutdown(socket.SHUT_WR)
