"""A server that speaks RESP2 and RESP3, and answers what a test says: for servers that cannot be started here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from socketserver import StreamRequestHandler
from typing import Any, TypeAlias

from tcp_listener import listening

__all__ = ["Answer", "serve"]

Answer: TypeAlias = Callable[[list[str], int], Any]
"""Takes the words of a command and the protocol, and returns the reply; an Exception becomes an error reply."""


RESP3 = 3


@contextmanager
def serve(answer: Answer, hello: Mapping[str, Any]) -> Iterator[str]:
    """Start the server, and give its URL.

    Args:
        answer: the answer of every command but HELLO and CLIENT.
        hello: what HELLO answers, besides the protocol.
    """

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            protocol = 2
            while words := _read(self.rfile):
                reply: Any = "OK"
                if words[0].upper() == "HELLO":
                    protocol = int(words[1]) if len(words) > 1 else protocol
                    reply = {**hello, "proto": protocol}
                elif words[0].upper() != "CLIENT":
                    reply = answer(words, protocol)
                self.wfile.write(_encode(reply, protocol))

    with listening(Handler) as port:
        yield f"redis://127.0.0.1:{port}"


def _read(stream: Any) -> list[str]:
    line = stream.readline()
    if not line:
        return []
    words = []
    for _ in range(int(line[1:])):
        length = int(stream.readline()[1:])
        words.append(stream.read(length + 2)[:-2].decode("utf-8", "surrogateescape"))
    return words


def _encode(value: Any, protocol: int) -> bytes:
    newer = protocol >= RESP3
    if value is None:
        return b"_\r\n" if newer else b"$-1\r\n"
    if isinstance(value, Exception):
        return f"-{value}\r\n".encode()
    if isinstance(value, int):
        return b":%d\r\n" % value
    if isinstance(value, float):
        return b",%r\r\n" % value if newer else _bulk(repr(value).encode())
    if isinstance(value, str | bytes):
        return _bulk(value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value)
    return _collection(value, protocol, newer=newer)


def _bulk(data: bytes) -> bytes:
    return b"$%d\r\n%s\r\n" % (len(data), data)


def _collection(value: Any, protocol: int, *, newer: bool) -> bytes:
    parts = [part for pair in value.items() for part in pair] if isinstance(value, dict) else list(value)
    mark = b"%" if isinstance(value, dict) else b"~" if isinstance(value, set) else b"*"
    head = (mark, len(value)) if newer else (b"*", len(parts))
    return b"%s%d\r\n" % head + b"".join(_encode(part, protocol) for part in parts)
