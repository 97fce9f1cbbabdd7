"""Removing the old key after its copy was restored, unless the old key was changed since.

A script compares and removes atomically: no client can write in between. For users who may not run scripts, a
transaction with WATCH does the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

from redis.exceptions import ResponseError

from fieldfare.errors import FieldfareError
from fieldfare.server import Server
from fieldfare.server.conditional_write import digest
from fieldfare.server.script import ScriptCall, evalsha_command, resend_unknown_scripts
from fieldfare.server.transaction import Decision, forbids_scripts, transact

__all__ = ["Removal", "remove_unchanged"]

REMOVE: Final = b"""\
local found = redis.call('DUMP', KEYS[1])
if not found then return 'missing' end
if redis.sha1hex(found) ~= ARGV[1] then return 'changed' end
redis.call('UNLINK', KEYS[1])
return 'removed'
"""


class Removal(StrEnum):
    """The outcome for one key."""

    REMOVED = "removed"
    CHANGED = "changed"
    MISSING = "missing"


def remove_unchanged(server: Server, payloads: Mapping[bytes, bytes]) -> dict[bytes, Removal]:
    """Remove keys whose value is still the given DUMP payload.

    Raises:
        FieldfareError: the server refused to remove a key.
    """
    calls = [ScriptCall(REMOVE, [key], [digest(payload)]) for key, payload in payloads.items()]
    replies = resend_unknown_scripts(server, calls, server.bulk([evalsha_command(call) for call in calls]))
    outcomes: dict[bytes, Removal] = {}
    without_script: list[bytes] = []
    for key, reply in zip(payloads, replies, strict=True):
        if forbids_scripts(reply):
            without_script.append(key)
        elif isinstance(reply, ResponseError):
            raise FieldfareError(f"the server refused to remove {key!r}, whose copy is restored: {reply}") from reply
        else:
            outcomes[key] = Removal(reply.decode())
    return outcomes | _remove_in_transactions(server, {key: payloads[key] for key in without_script})


def _remove_in_transactions(server: Server, payloads: Mapping[bytes, bytes]) -> dict[bytes, Removal]:
    def decide(key: bytes, replies: Sequence[Any]) -> Decision[Removal]:
        if replies[0] is None:
            return Removal.MISSING, []
        if replies[0] != payloads[key]:
            return Removal.CHANGED, []
        return Removal.REMOVED, [(b"UNLINK", key)]

    keys = list(payloads)
    return dict(zip(keys, transact(server, keys, lambda key: [(b"DUMP", key)], decide), strict=True))
