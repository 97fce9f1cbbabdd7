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

__all__ = ["GONE", "find_other_replies"]

GONE: Final = b"none"
"""The answer of a key that does not exist, as TYPE gives it."""

SCRIPT: Final = b"""\
local pcall, usual, command, argument = redis.pcall, ARGV[1], ARGV[2], ARGV[3]
local number, some_are_gone, others = tonumber(usual), false, {}
if ARGV[4] then
  local count = 0
  for first = 1, #KEYS, 1000 do
    local found = pcall('EXISTS', unpack(KEYS, first, math.min(first + 999, #KEYS)))
    if type(found) == 'table' then return {1, found.err} end
    count = count + found
  end
  some_are_gone = count < #KEYS
end
for row, key in ipairs(KEYS) do
  local reply
  if argument then reply = pcall(command, key, argument) else reply = pcall(command, key) end
  if reply ~= number then
    if type(reply) == 'table' then reply = reply.ok or reply.err end
    reply = tostring(reply)
  elseif some_are_gone and redis.call('EXISTS', key) == 0 then
    reply = ARGV[4]
  else
    reply = usual
  end
  if reply ~= usual then
    others[#others + 1] = row
    others[#others + 1] = reply
  end
end
return others
"""
"""Returns row, reply, row, reply, ... for the keys with another reply than the first argument.

The other arguments: the command, its argument, and the reply for keys that do not exist, if they are looked for.
"""


def find_other_replies(  # noqa: PLR0913 - what a command is given
    server: Server,
    key_batches: Iterable[Sequence[bytes]],
    command: str,
    argument: Argument | None = None,
    *,
    usual: bytes,
    finds_gone: bool = False,
) -> Iterator[tuple[Sequence[bytes], dict[bytes, bytes]]]:
    """Ask a command about many keys, and return the unusual answers.

    A script asks on the server, so that one reply for each batch is sent. In a cluster, and for users who may not run
    scripts, the command is sent for each key.

    Args:
        server: where the keys are.
        key_batches: the keys.
        command: takes a key as its first argument, only reads, and answers with a number or a status: ``TYPE``.
        argument: the one after the key.
        usual: the answer that most keys have, as text: ``b"hash"``, ``b"0"``.
        finds_gone: whether a key that does not exist has the answer :data:`GONE`, and not that of the command; only
            for a command with an argument.

    Yields:
        Each batch, with the answers of the keys that have another one; that of an error is its message.

    Raises:
        CommandNotAllowed: the user may not run the command.
        redis.exceptions.ConnectionError: the server did not answer.
    """
    sent: deque[tuple[Sequence[bytes], ScriptCall]] = deque()
    arguments = () if argument is None else (argument,)
    further = (GONE,) if finds_gone else ()

    def calls() -> Iterator[list[Command]]:
        for keys in key_batches:
            sent.append((keys, ScriptCall(SCRIPT, keys, (usual, command, *arguments, *further))))
            yield [evalsha_command(sent[-1][1])]

    def one_by_one(keys: Sequence[bytes]) -> dict[bytes, bytes]:
        return _one_by_one(server, keys, (command, *arguments), usual, finds_gone=finds_gone)

    if server.capabilities.cluster:
        for keys in key_batches:
            yield keys, one_by_one(keys)
        return
    for replies in server.bulk_stream(calls()):
        keys, call = sent.popleft()
        [reply] = resend_unknown_scripts(server, [call], replies)
        if isinstance(reply, ResponseError) and not forbids_scripts(reply):
            raise reply
        if isinstance(reply, ResponseError) or any(map(_is_refusal, reply[1::2])):
            yield keys, one_by_one(keys)
        else:
            yield keys, {keys[row - 1]: answer for row, answer in zip(reply[::2], reply[1::2], strict=True)}


def _is_refusal(answer: bytes) -> bool:
    """Whether a command was refused within a script: sent by itself, the refusal names the right that is missing."""
    return b"NOPERM" in answer or b"ACL" in answer


def _one_by_one(
    server: Server, keys: Sequence[bytes], command: Command, usual: bytes, *, finds_gone: bool
) -> dict[bytes, bytes]:
    name, *arguments = command
    replies = require_allowed(server, [(name, key, *arguments) for key in keys])
    answers = dict(zip(keys, map(_text, replies), strict=True))
    if finds_gone:
        unsure = [key for key, answer in answers.items() if answer == usual]
        exist = require_allowed(server, [(b"EXISTS", key) for key in unsure])
        answers |= {key: GONE for key, reply in zip(unsure, exist, strict=True) if not reply}
    return {key: answer for key, answer in answers.items() if answer != usual}


def _text(reply: Any) -> bytes:
    return reply if isinstance(reply, bytes) else str(reply).encode("utf-8", "surrogateescape")
