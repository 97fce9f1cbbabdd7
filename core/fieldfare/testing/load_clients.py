"""Clients that send prepared commands all the time: one process, one thread, plain sockets.

Commands are packed before. Between sending one and receiving its answer the process does nothing but wait for sockets,
so the time is the server's, and what the system needs to wake up this process. How late the process was to send a
command is noted, too: it tells how busy the machine was.

Standard input: the clients, in MessagePack; its end stops them. Standard output: ``ready`` when each has had an answer,
and at the end the answers of each: ``[sent, seconds, results, error, late]``.
"""

from __future__ import annotations

import os
import select
import socket
import sys
import time
from collections.abc import Sequence
from itertools import cycle
from typing import Any, Final

import hiredis
import msgpack

from fieldfare.server.query_reply import WRONG_VECTOR_LENGTH

CHUNK: Final = 1 << 16

MAX_BEHIND: Final = 1.0
"""How many seconds a client may be behind its schedule; it does not send more than that later."""


class Client:
    """One connection, and what it was answered.

    Args:
        address: the path of a socket, or host and port.
        login: packed commands that come first.
        commands: packed commands, sent one after the other over and over again.
        other_commands: what takes their place as soon as the server refuses the length of a vector, and what they take
            the place of when that happens again; empty if there are none.
        pause: seconds between an answer and the next command.
        keeps_schedule: whether ``pause`` is the time from one command to the next, however long answers take.
    """

    def __init__(  # noqa: PLR0913 - what a client is told
        self,
        address: Sequence[str | int],
        login: Sequence[bytes],
        commands: Sequence[bytes],
        other_commands: Sequence[bytes],
        pause: float,
        *,
        keeps_schedule: bool = False,
    ) -> None:
        is_path = len(address) == 1
        self.socket = socket.socket(socket.AF_UNIX if is_path else socket.AF_INET, socket.SOCK_STREAM)
        self.socket.connect(str(address[0]) if is_path else tuple(address))
        if not is_path:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.answers: list[tuple[float, float, int, str, float]] = []
        self.is_waiting = False
        self.due = time.monotonic()
        self._reader = hiredis.Reader()
        self._commands, self._other_commands = cycle(commands), cycle(other_commands)
        self._has_other = bool(other_commands)
        self._pause, self._keeps_schedule = pause, keeps_schedule
        self._sent = self._late = 0.0
        self._is_repeated = False
        for command in login:
            self.socket.sendall(command)
            self._read()

    def send(self) -> None:
        """Send the next command."""
        command = next(self._commands)
        self._sent = time.monotonic()
        self._late = self._sent - self.due
        self.socket.sendall(command)
        self.is_waiting = True

    def receive(self) -> None:
        """Take what has arrived; it may be part of an answer."""
        data = self.socket.recv(CHUNK)
        now = time.monotonic()
        if not data:
            message = "the server closed the connection"
            raise ConnectionError(message)
        self._reader.feed(data)
        reply = self._reader.gets()
        if reply is not False:
            is_error = isinstance(reply, Exception)
            if self._has_other and not self._is_repeated and is_error and WRONG_VECTOR_LENGTH in str(reply):
                # as an application does that encodes its query anew: the time counts
                self._commands, self._other_commands = self._other_commands, self._commands
                self._is_repeated = True
                self.socket.sendall(next(self._commands))
                return
            self._is_repeated = False
            found, error = (0, str(reply)) if is_error else (_count(reply), "")
            self.answers.append((self._sent, now - self._sent, found, error, self._late))
            self.is_waiting = False
            earliest = now - MAX_BEHIND
            self.due = max(self.due + self._pause, earliest) if self._keeps_schedule else now + self._pause

    def _read(self) -> None:
        while self._reader.gets() is False:
            self._reader.feed(self.socket.recv(CHUNK))


def _count(reply: Any) -> int:
    """Return the total of FT.SEARCH or FT.AGGREGATE, or the number that another command answers."""
    return int(reply[0] if isinstance(reply, list) else reply)


def run(clients: Sequence[Client]) -> None:
    """Send and receive until standard input ends, and every answer is there."""
    is_ready = has_ended = False
    while not has_ended or any(each.is_waiting for each in clients):
        now = time.monotonic()
        for client in clients:
            if not client.is_waiting and not has_ended and client.due <= now:
                client.send()
        waiting = [each for each in clients if each.is_waiting]
        due = min((each.due for each in clients if not each.is_waiting), default=now + 1) - time.monotonic()
        inputs: list[Any] = [] if has_ended else [sys.stdin]
        # select() waits for microseconds, where epoll rounds up to milliseconds
        readable = select.select([*inputs, *(each.socket for each in waiting)], [], [], max(0, due))[0]
        for client in waiting:
            if client.socket in readable:
                client.receive()
        has_ended = has_ended or sys.stdin in readable
        if not is_ready and all(each.answers for each in clients):
            is_ready = True
            sys.stdout.write("ready\n")
            sys.stdout.flush()


def main() -> None:
    """Run the clients of standard input."""
    unpacker = msgpack.Unpacker(max_buffer_size=0)
    while data := os.read(sys.stdin.fileno(), CHUNK):
        unpacker.feed(data)
        for described in unpacker:
            clients = [Client(**each) for each in described]
            run(clients)
            sys.stdout.buffer.write(msgpack.packb([each.answers for each in clients]))
            return


if __name__ == "__main__":
    main()
