"""Pipelines of commands: packed in bulk, sent in one write, replies read in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any, Final, TypeAlias

from redis import Redis
from redis.connection import Connection
from redis.exceptions import (
    ConnectionError,  # noqa: A004 - redis-py's, which is no OSError
    ResponseError,
    TimeoutError,  # noqa: A004 - as above
)

from fieldfare.support.fault_points import reach
from fieldfare.support.redaction import without_arguments

try:
    import hiredis
except ImportError:  # a redis-py without its hiredis extra
    hiredis = None  # type: ignore[assignment]  # a module or nothing

__all__ = [
    "Argument",
    "Command",
    "acquire_connection",
    "address_of",
    "checked",
    "encode",
    "exchange",
    "pack",
    "pack_slowly",
    "receive",
    "receive_parts",
    "send",
    "send_packed",
    "size_of",
]

WRITE_BYTES: Final = 1 << 20
FEW_ARGUMENTS: Final = 64

Argument: TypeAlias = bytes | bytearray | memoryview | str | int | float
Command: TypeAlias = Sequence[Argument]

_pack: Final[Callable[..., bytes] | None] = getattr(hiredis, "pack_command", None)


def encode(argument: Argument) -> bytes:
    """Return an argument as bytes; text as UTF-8 with ``surrogateescape``."""
    if isinstance(argument, bytes):
        return argument
    if isinstance(argument, memoryview | bytearray):
        return bytes(argument)
    if isinstance(argument, str):
        return argument.encode("utf-8", "surrogateescape")
    return repr(argument).encode()


def pack_slowly(command: Command) -> bytes:
    """Pack one command in pure Python (https://redis.io/docs/latest/develop/reference/protocol-spec/)."""
    arguments = [encode(argument) for argument in command]
    parts = [b"*%d\r\n" % len(arguments)]
    parts += [b"$%d\r\n%b\r\n" % (len(argument), argument) for argument in arguments]
    return b"".join(parts)


def pack(command: Command) -> bytes:
    """Pack one command, with hiredis where it is installed."""
    if _pack is None:
        return pack_slowly(command)
    try:
        return _pack(tuple(command))
    except (TypeError, ValueError):  # memoryviews, and text that is not UTF-8
        return pack_slowly(command)


def packed_parts(command: Command) -> Iterator[bytes]:
    """Pack one command as :func:`pack` does, in parts: what is large is not copied."""
    yield b"*%d\r\n" % len(command)
    for argument in command:
        encoded = encode(argument)
        yield b"$%d\r\n" % len(encoded)
        yield encoded
        yield b"\r\n"


def send(connection: Connection, commands: Sequence[Command]) -> int:
    """Send commands, as many in one write as have about :data:`WRITE_BYTES`.

    Returns:
        How many bytes were sent.

    Raises:
        redis.exceptions.ConnectionError: the connection broke.
    """
    # large values are in batches with few arguments
    few = sum(map(len, commands)) <= FEW_ARGUMENTS
    return send_packed(connection, chain.from_iterable(map(packed_parts, commands)) if few else map(pack, commands))


def send_packed(connection: Connection, parts: Iterable[bytes]) -> int:
    """Send commands that are packed, or parts of them, as :func:`send` does."""
    sent = 0

    def writes() -> Iterator[bytes]:
        nonlocal sent
        pieces: list[bytes] = []
        size = 0
        for part in parts:
            pieces.append(part)
            size += len(part)
            if size >= WRITE_BYTES:
                sent += size
                yield from pieces if len(part) >= WRITE_BYTES else [b"".join(pieces)]
                pieces, size = [], 0
        sent += size
        yield b"".join(pieces)

    reach("server.send:before")
    with _naming(_peer(connection)):
        connection.send_packed_command(writes())  # type: ignore[no-untyped-call]  # redis-py's own gap
    reach("server.send:after")
    return sent


def receive(connection: Connection, count: int) -> list[Any]:
    """Read the replies to ``count`` commands that were sent before.

    Returns:
        One raw reply per command. An error reply is a ``redis.exceptions.ResponseError`` instance.

    Raises:
        redis.exceptions.ConnectionError: the connection broke.
    """
    [replies] = receive_parts(connection, count)
    return replies


def receive_parts(
    connection: Connection, count: int, *, width: int = 1, most_bytes: int | None = None
) -> Iterator[list[Any]]:
    """Read replies as :func:`receive` does, and yield them in parts. The server keeps what is not read yet.

    Args:
        connection: to which the commands were sent.
        count: the number of commands.
        width: how many replies must stay together.
        most_bytes: a part ends with the reply with which its values have as many bytes; None for one part.
    """
    reach("server.receive:before")
    read = connection.read_response
    replies: list[Any] = []
    size = 0
    with _naming(_peer(connection)):
        for number in range(1, count + 1):
            try:
                replies.append(read())
            except ResponseError as error:
                error.args = tuple(without_arguments(each) if isinstance(each, str) else each for each in error.args)
                replies.append(error)
            if most_bytes is not None:
                size += size_of(replies[-1])
                if size >= most_bytes and number < count and number % width == 0:
                    yield replies
                    replies, size = [], 0
    reach("server.receive:after")
    yield replies


def size_of(reply: Any) -> int:
    """Return the bytes of the value, or the values, in a reply."""
    if isinstance(reply, list):
        if len(reply) != 1:
            return sum(map(len, filter(None, reply)))
        [reply] = reply  # most often: asked for each document that is read
    return len(reply) if isinstance(reply, bytes) else 0


@contextmanager
def acquire_connection(node: Redis) -> Iterator[Connection]:
    """Take a connection from a node's pool, and release it.

    After an exception the connection may have unread replies, so it is closed.
    """
    pool = node.connection_pool
    with _naming(address_of(node)):
        connection = pool.get_connection()
    try:
        yield connection
    except BaseException:
        connection.disconnect()  # type: ignore[no-untyped-call]  # redis-py's own gap
        raise
    finally:
        pool.release(connection)


def address_of(node: Redis) -> str:
    """Return ``host:port`` of a node; "" if it has none, but a socket."""
    options = node.connection_pool.connection_kwargs
    return f"{options['host']}:{options['port']}" if "host" in options and "port" in options else ""


@contextmanager
def _naming(address: str) -> Iterator[None]:
    """Have the message of a lost connection name the node: in a cluster there are several."""
    try:
        yield
    except (ConnectionError, TimeoutError) as error:
        if not address or address in str(error):
            raise
        raise type(error)(f"{address}: {error}") from error


def _peer(connection: Connection) -> str:
    return f"{connection.host}:{connection.port}" if hasattr(connection, "port") else ""


def checked(reply: Any) -> Any:
    """Return a reply.

    Raises:
        redis.exceptions.ResponseError: the reply is this error.
    """
    if isinstance(reply, ResponseError):
        raise reply
    return reply


def exchange(node: Redis, commands: Sequence[Command]) -> list[Any]:
    """Send commands to one node and return their replies; see :func:`receive`."""
    with acquire_connection(node) as connection:
        send(connection, commands)
        return receive(connection, len(commands))
