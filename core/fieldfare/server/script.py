"""Calls of Lua scripts by their SHA-1 (EVALSHA); scripts that the server does not have are sent in full (EVAL).

A server loses its scripts with a restart: https://redis.io/docs/latest/develop/programmability/eval-intro/ .
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from hashlib import sha1
from typing import Any

from attrs import frozen
from redis.exceptions import NoScriptError

from fieldfare.server.connection import Server
from fieldfare.server.pipeline import Argument, Command

__all__ = ["ScriptCall", "evalsha_command", "resend_unknown_scripts"]


@frozen
class ScriptCall:
    """A script, its keys (in a cluster: of one slot), and its other arguments."""

    script: bytes
    keys: Sequence[bytes]
    arguments: Sequence[Argument]


def evalsha_command(call: ScriptCall) -> Command:
    """Return the command that runs a script which the server already has."""
    return (b"EVALSHA", _digest(call.script), len(call.keys), *call.keys, *call.arguments)


def resend_unknown_scripts(server: Server, calls: Sequence[ScriptCall], replies: Sequence[Any]) -> list[Any]:
    """Send the calls that failed with NOSCRIPT again, with the script's text, and return the replies to all calls."""
    found = list(replies)
    unknown = [place for place, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
    commands = [(b"EVAL", calls[place].script, *evalsha_command(calls[place])[2:]) for place in unknown]
    for place, reply in zip(unknown, server.bulk(commands) if commands else [], strict=True):
        found[place] = reply
    return found


@cache
def _digest(script: bytes) -> str:
    return sha1(script, usedforsecurity=False).hexdigest()
