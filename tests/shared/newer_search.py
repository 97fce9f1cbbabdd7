"""A server whose search module has ``search-workers``, as that of Redis 8 does: for tests of that setting.

It is the one of the ``embedded`` extra behind a proxy, which gives another version and another name to what passes
through. ``lfu-decay-time`` stands for the setting: an integer that no test needs, with as long a name.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socketserver import BaseRequestHandler
from threading import Thread
from typing import Final

from fieldfare.server.embedded import EmbeddedServer
from tcp_listener import listening

__all__ = ["STAND_IN", "newer_search"]

SETTING: Final = b"search-workers"
STAND_IN: Final = "lfu-decay-time"
CHUNK: Final = 1 << 16
VERSION: Final = re.compile(rb"(name=search,ver=)\d+")


@contextmanager
def newer_search(upstream: EmbeddedServer, *, number: int = 80207) -> Iterator[str]:
    """Give the URL of the proxy.

    Args:
        upstream: the server, which listens on a port.
        number: version of its search module, as MODULE LIST gives it: 80207 is 8.2.7.
    """
    stand_in = STAND_IN.encode()

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection(("127.0.0.1", upstream.port)) as server:
                back = Thread(target=_pass_on, args=(server, self.request, stand_in, SETTING), daemon=True)
                back.start()
                _pass_on(self.request, server, SETTING, stand_in)
                back.join()

    def _pass_on(source: socket.socket, target: socket.socket, old: bytes, new: bytes) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK):
                target.sendall(VERSION.sub(rb"\g<1>%d" % number, data.replace(old, new)))
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    with listening(Handler) as port:
        yield f"redis://127.0.0.1:{port}"
