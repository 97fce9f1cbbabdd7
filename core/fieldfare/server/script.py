"""Scripts that the server is expected to know, and is told when it does not.

See https://redis.io/docs/latest/develop/programmability/eval-intro/ : it forgets them when it is started anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from hashlib import sha1
from typing import Any

from attrs import frozen
from redis.exceptions import NoScriptError

from fieldfare.server.connection import Server
from fieldfare.wire import Argument, Command

__all__ = ["Call", "completed", "sent"]


@frozen
class Call:
    """A script, some documents that one call may name together, and what else it takes."""

    script: bytes
    keys: Sequence[bytes]
    arguments: Sequence[Argument]


def sent(call: Call) -> Command:
    """Return the command that runs a script of which the server knows the text already."""
    return (b"EVALSHA", _digest(call.script), len(call.keys), *call.keys, *call.arguments)


def completed(server: Server, calls: Sequence[Call], replies: Sequence[Any]) -> list[Any]:
    """Return the replies to calls, after those that the server knew no text for were sent again with it."""
    found = list(replies)
    unknown = [place for place, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
    commands = [(b"EVAL", calls[place].script, *sent(calls[place])[2:]) for place in unknown]
    for place, reply in zip(unknown, server.bulk(commands) if commands else [], strict=True):
        found[place] = reply
    return found


@cache
def _digest(script: bytes) -> str:
    return sha1(script, usedforsecurity=False).hexdigest()
