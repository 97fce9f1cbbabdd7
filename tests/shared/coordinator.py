"""A cluster with a coordinator, made of servers without one: each has a proxy, which does the coordinator's work.

As in search 8, the commands that change an index or its names go to all servers that answer, whatever the others are
doing. Queries go to the last one: it has the slot of ``{a}``, and so the documents; FT.INFO is answered when that one
has indexed them. Everything else goes to the server behind the proxy. ``FIELDFARE_TEST_SEARCH_MODULE`` names a search
module with a coordinator, for a real cluster in place of this one.
"""

from __future__ import annotations

import os
import re
import signal
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from threading import Thread
from time import sleep
from typing import BinaryIO, Final

from fieldfare.server.embedded import EmbeddedServer
from fieldfare.testing.servers import start_cluster_nodes

MODULE: Final = os.environ.get("FIELDFARE_TEST_SEARCH_MODULE")
SLOTS: Final = 16384
DURABLE: Final = ("--appendonly", "yes", "--appendfsync", "always")
FANNED_OUT: Final = frozenset(
    b"FT.CREATE FT.ALTER FT.DROPINDEX FT.ALIASADD FT.ALIASUPDATE FT.ALIASDEL FT.SYNUPDATE".split()
)
QUERIES: Final = frozenset({b"FT.SEARCH", b"FT.AGGREGATE", b"FT.CURSOR"})
INDEXING: Final = b"+indexing\r\n:1\r\n"
COMMAND: Final = re.compile(rb"\*\d+\r\n\$\d+\r\n([^\r]+)\r\n(?:\$\d+\r\n([^\r]+)\r\n)?")
NEXT_COMMAND: Final = re.compile(rb"(?<=\r\n)(?=\*\d+\r\n\$\d+\r\nFT\.)")


class Node:
    """A server that keeps its data."""

    def __init__(self, server: EmbeddedServer) -> None:
        self.server = server

    @property
    def url(self) -> str:
        """The URL for clients."""
        return self.server.url

    def kill(self) -> None:
        """Kill the server."""
        os.kill(self.server.pid or 0, signal.SIGKILL)

    def restart(self) -> None:
        """Start the server again, with its data."""
        self.server.restart()


class ProxiedNode(Node):
    """A server and the proxy in front of it."""

    def __init__(self, server: EmbeddedServer, peers: list[ProxiedNode]) -> None:
        super().__init__(server)
        self.peers = peers
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """The URL of the proxy."""
        return f"redis://127.0.0.1:{self.port}"

    def ask(self, request: bytes) -> bytes:
        """Return the reply of the server behind the proxy."""
        with socket.socket(socket.AF_UNIX) as backend:
            backend.connect(str(self.server.socket))
            backend.sendall(request)
            return _read_reply(backend.makefile("rb"))

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as backend, suppress(OSError):
            backend.connect(str(self.server.socket))
            Thread(target=_forward, args=(backend, client), daemon=True).start()
            while data := client.recv(1 << 16):
                reply = self._answer(data)
                if reply is None:
                    backend.sendall(data)
                else:
                    client.sendall(reply)

    def _answer(self, request: bytes) -> bytes | None:
        """Return the reply to a command that concerns the cluster; None for any other."""
        match = COMMAND.match(request)
        name, argument = (match[1].upper(), (match[2] or b"").upper()) if match else (b"", b"")
        if name == b"INFO":
            reply = self.ask(request)
            if reply.startswith(b"-"):
                return reply
            text = reply.partition(b"\r\n")[2]
            text = text[:-2].replace(b"cluster_enabled:0", b"cluster_enabled:1")
            text = re.sub(rb"(name=search,ver=)\d+", rb"\g<1>80000", text)
            return b"$%d\r\n%b\r\n" % (len(text), text)
        if (name, argument) == (b"CLUSTER", b"SLOTS"):
            return self._slots()
        if name not in FANNED_OUT | QUERIES | {b"FT.INFO"}:
            return None
        return b"".join(map(self._answer_search, NEXT_COMMAND.split(request)))

    def _answer_search(self, request: bytes) -> bytes:
        match = COMMAND.match(request)
        name = match[1].upper() if match else b""
        if name in FANNED_OUT:
            return self._fan_out(name, request)
        if name == b"FT.INFO":
            with suppress(OSError):
                while INDEXING in self.peers[-1].ask(request):
                    sleep(0.005)
        return (self.peers[-1] if name in QUERIES else self).ask(request)

    def _slots(self) -> bytes:
        size = len(self.peers)
        ranges = [
            b"*3\r\n:%d\r\n:%d\r\n*3\r\n$9\r\n127.0.0.1\r\n:%d\r\n$40\r\n%040d\r\n"
            % (place * SLOTS // size, (place + 1) * SLOTS // size - 1, peer.port, place)
            for place, peer in enumerate(self.peers)
        ]
        return b"*%d\r\n%b" % (size, b"".join(ranges))

    def _fan_out(self, name: bytes, request: bytes) -> bytes:
        own = self.ask(request)
        if own.startswith(b"-") and name != b"FT.CREATE":
            return own  # search 8 looks at home for the rights on the index
        replies = [own]
        for peer in self.peers:
            if peer is not self:
                with suppress(OSError):
                    replies.append(peer.ask(request))
        return next((reply for reply in replies if reply.startswith(b"-")), own)


def _read_reply(replies: BinaryIO) -> bytes:
    """Read one reply of RESP2."""
    line = replies.readline()
    if not line:
        raise ConnectionError
    size = int(line[1:]) if line[:1] in b"$*" else -1
    if line[:1] == b"*":
        return line + b"".join(_read_reply(replies) for _ in range(size))
    return line + (replies.read(size + 2) if size >= 0 else b"")


def _forward(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


@contextmanager
def start_coordinated(size: int = 3) -> Iterator[Sequence[Node]]:
    """Start a cluster whose nodes keep their data."""
    with ExitStack() as stack:
        if MODULE:
            arguments = [*DURABLE, "--loadmodule", MODULE]
            yield [*map(Node, stack.enter_context(start_cluster_nodes(size, arguments, search=False)))]
            return
        nodes: list[ProxiedNode] = []
        for _ in range(size):
            nodes.append(ProxiedNode(stack.enter_context(EmbeddedServer(DURABLE)), nodes))
            stack.callback(nodes[-1].listener.close)
        yield nodes
