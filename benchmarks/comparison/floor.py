"""The floor: float32 → float16 with hand-packed commands on one connection, and nothing that makes it safe.

Read all vectors, write them to a file and wait for the disk, drop the index, convert and write back, create the index.
"""

from __future__ import annotations

import os
import socket
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import IO, Any, Final

import hiredis
import numpy as np
from attrs import define, field

from comparison.documents import INDEX
from comparison.query_client import count_documents
from fieldfare.server import Server

__all__ = ["PARTS", "measure_floor"]

PARTS: Final = ("read", "back up", "convert", "write", "build")
BATCH: Final = 500
CHUNK: Final = 1 << 20
POLL_SECONDS: Final = 0.01


@define
class Clock:
    """Seconds of each part."""

    seconds: dict[str, float] = field(factory=lambda: defaultdict(float))

    @contextmanager
    def take(self, part: str) -> Iterator[None]:
        """Add the time of the block to a part."""
        started = time.perf_counter()
        yield
        self.seconds[part] += time.perf_counter() - started


@define
class Wire:
    """One connection, without a client library."""

    connection: socket.socket
    reader: Any = field(factory=hiredis.Reader)

    def exchange(self, commands: bytes, count: int) -> list[Any]:
        """Send packed commands, and return as many replies."""
        self.connection.sendall(commands)
        replies: list[Any] = []
        while len(replies) < count:
            reply = self.reader.gets()
            if reply is False:
                self.reader.feed(self.connection.recv(CHUNK))
            else:
                replies.append(reply)
        return replies


def pack(*arguments: bytes) -> bytes:
    """Return a command as the protocol has it."""
    return b"*%d\r\n" % len(arguments) + b"".join(b"$%d\r\n%s\r\n" % (len(each), each) for each in arguments)


def measure_floor(server: Server, port: int, count: int, dims: int) -> dict[str, float]:
    """Migrate the documents of ``load_vectors``, and return the seconds of each part."""
    clock = Clock()
    batches = [[b"doc:%d" % row for row in range(start, min(start + BATCH, count))] for start in range(0, count, BATCH)]
    with socket.create_connection(("127.0.0.1", port)) as connection, TemporaryFile() as file:
        wire = Wire(connection)
        dump(wire, batches, file, clock)
        server.command("FT.DROPINDEX", INDEX)
        rewrite(wire, batches, file, dims, clock)
    with clock.take("build"):
        server.command(
            *("FT.CREATE", INDEX, "PREFIX", 1, "doc:", "SCHEMA", "vec", "VECTOR", "FLAT", 6),
            *("TYPE", "FLOAT16", "DIM", dims, "DISTANCE_METRIC", "COSINE"),
        )
        while count_documents(server, INDEX) < count:
            time.sleep(POLL_SECONDS)
    return dict(clock.seconds)


def dump(wire: Wire, batches: Sequence[list[bytes]], file: IO[bytes], clock: Clock) -> None:
    """Read all vectors into a file, and wait until they are on disk."""
    for keys in batches:
        with clock.take("read"):
            values = wire.exchange(b"".join(pack(b"HGET", key, b"vec") for key in keys), len(keys))
        with clock.take("back up"):
            file.write(b"".join(values))
    with clock.take("back up"):
        file.flush()
        os.fsync(file.fileno())


def rewrite(wire: Wire, batches: Sequence[list[bytes]], file: IO[bytes], dims: int, clock: Clock) -> None:
    """Convert what is in the file, and write it back."""
    file.seek(0)
    for keys in batches:
        with clock.take("convert"):
            vectors = np.frombuffer(file.read(len(keys) * dims * 4), "<f4").reshape(-1, dims).astype("<f2")
        with clock.take("write"):
            commands = [pack(b"HSET", key, b"vec", row.tobytes()) for key, row in zip(keys, vectors, strict=True)]
            wire.exchange(b"".join(commands), len(keys))
