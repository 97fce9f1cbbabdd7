"""Removing a key under its old name, if it still is what was restored under the new one.

The server compares and removes in one go, in a script: nobody can write in between. Users who may not run scripts get
the same by transactions with WATCH.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from hashlib import sha1
from typing import Any, Final

from redis.exceptions import ResponseError

from fieldfare.errors import FieldfareError
from fieldfare.server import Server
from fieldfare.server.script import Call, completed, sent
from fieldfare.server.transaction import Decision, forbids_scripts, transact

__all__ = ["Removal", "remove_unchanged"]

REMOVE: Final = b"""\
local found = redis.call('DUMP', KEYS[1])
if not found then return 'gone' end
if redis.sha1hex(found) ~= ARGV[1] then return 'changed' end
redis.call('UNLINK', KEYS[1])
return 'removed'
"""


class Removal(StrEnum):
    """What became of a key."""

    REMOVED = "removed"
    CHANGED = "changed"
    GONE = "gone"


def remove_unchanged(server: Server, payloads: Mapping[bytes, bytes]) -> dict[bytes, Removal]:
    """Remove keys whose value, as DUMP gives it, is still this one.

    Raises:
        FieldfareError: the server refused to remove a key.
    """
    calls = [Call(REMOVE, [key], [_digest(payload)]) for key, payload in payloads.items()]
    replies = completed(server, calls, server.bulk([sent(call) for call in calls]))
    found: dict[bytes, Removal] = {}
    refused: list[bytes] = []
    for key, reply in zip(payloads, replies, strict=True):
        if forbids_scripts(reply):
            refused.append(key)
        elif isinstance(reply, ResponseError):
            raise FieldfareError(f"the server refused to remove {key!r}, which is restored: {reply}") from reply
        else:
            found[key] = Removal(reply.decode())
    return found | _remove_optimistically(server, {key: payloads[key] for key in refused})


def _remove_optimistically(server: Server, payloads: Mapping[bytes, bytes]) -> dict[bytes, Removal]:
    def decide(key: bytes, replies: Sequence[Any]) -> Decision[Removal]:
        if replies[0] is None:
            return Removal.GONE, []
        if replies[0] != payloads[key]:
            return Removal.CHANGED, []
        return Removal.REMOVED, [(b"UNLINK", key)]

    keys = list(payloads)
    return dict(zip(keys, transact(server, keys, lambda key: [(b"DUMP", key)], decide), strict=True))


def _digest(payload: bytes) -> bytes:
    return sha1(payload, usedforsecurity=False).hexdigest().encode()
