"""Finds the few among many keys that a command answers in another way than the rest."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from redis.exceptions import ResponseError

from fieldfare.server.connection import Server
from fieldfare.server.permissions import require_allowed
from fieldfare.server.pipeline import Argument, Command
from fieldfare.server.script import ScriptCall, evalsha_command, resend_unknown_scripts
from fieldfare.server.transaction import forbids_scripts

__all__ = ["find_other_replies"]

SCRIPT: Final = b"""\
local others = {}
for row, key in ipairs(KEYS) do
  local reply = redis.pcall(ARGV[2], key, unpack(ARGV, 3))
  if type(reply) == 'table' then reply = reply.ok or reply.err end
  reply = tostring(reply)
  if reply ~= ARGV[1] then
    others[#others + 1] = row
    others[#others + 1] = reply
  end
end
return others
"""
"""Returns row, reply, row, reply, ... for the keys with another reply than the first argument."""


def find_other_replies(
    server: Server, key_batches: Iterable[Sequence[bytes]], command: str, *arguments: Argument, usual: bytes
) -> Iterator[tuple[Sequence[bytes], dict[bytes, bytes]]]:
    """Ask a command about many keys, and return the unusual answers.

    A script asks on the server, so that one reply for each batch is sent. In a cluster, and for users who may not run
    scripts, the command is sent for each key.

    Args:
        server: where the keys are.
        key_batches: the keys.
        command: takes a key as its first argument, only reads, and answers with a number or a status: ``TYPE``.
        arguments: those after the key.
        usual: the answer that most keys have, as text: ``b"hash"``, ``b"0"``.

    Yields:
        Each batch, with the answers of the keys that have another one; that of an error is its message.

    Raises:
        CommandNotAllowed: the user may not run the command.
        redis.exceptions.ConnectionError: the server did not answer.
    """
    sent: deque[tuple[Sequence[bytes], ScriptCall]] = deque()

    def calls() -> Iterator[list[Command]]:
        for keys in key_batches:
            sent.append((keys, ScriptCall(SCRIPT, keys, (usual, command, *arguments))))
            yield [evalsha_command(sent[-1][1])]

    if server.capabilities.cluster:
        for keys in key_batches:
            yield keys, _one_by_one(server, keys, (command, *arguments), usual)
        return
    for replies in server.bulk_stream(calls()):
        keys, call = sent.popleft()
        [reply] = resend_unknown_scripts(server, [call], replies)
        if isinstance(reply, ResponseError) and not forbids_scripts(reply):
            raise reply
        if isinstance(reply, ResponseError) or any(map(_is_refusal, reply[1::2])):
            yield keys, _one_by_one(server, keys, (command, *arguments), usual)
        else:
            yield keys, {keys[row - 1]: answer for row, answer in zip(reply[::2], reply[1::2], strict=True)}


def _is_refusal(answer: bytes) -> bool:
    """Whether a command was refused within a script: sent by itself, the refusal names the right that is missing."""
    return b"NOPERM" in answer or b"ACL" in answer


def _one_by_one(server: Server, keys: Sequence[bytes], command: Command, usual: bytes) -> dict[bytes, bytes]:
    name, *arguments = command
    replies = require_allowed(server, [(name, key, *arguments) for key in keys])
    answers = zip(keys, map(_text, replies), strict=True)
    return {key: answer for key, answer in answers if answer != usual}


def _text(reply: Any) -> bytes:
    return reply if isinstance(reply, bytes) else str(reply).encode("utf-8", "surrogateescape")
