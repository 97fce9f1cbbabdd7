"""Renaming keys on their node, with RENAMENX."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from redis.crc import key_slot
from redis.exceptions import NoPermissionError, ResponseError

from fieldfare.errors import FieldfareError
from fieldfare.server import Server
from fieldfare_prefix.move import Pair

__all__ = ["rename_keys", "share_slot"]

SCRIPT: Final = b"""\
local unmoved = {}
for i = 1, #KEYS, 2 do
  local reply = redis.pcall('RENAMENX', KEYS[i], KEYS[i + 1])
  if type(reply) == 'table' then
    if not string.find(reply.err, 'no such key', 1, true) then
      return reply
    end
    reply = 0
  end
  if reply == 0 then
    unmoved[#unmoved + 1] = (i - 1) / 2
  end
end
return unmoved
"""
"""Renames keys, given as old, new, old, new, ...; returns the numbers of the pairs that it did not rename."""

SCRIPT_PAIRS: Final = 500
"""Pairs per call: each blocks the server for about a millisecond."""


def rename_keys(server: Server, pairs: Sequence[Pair]) -> list[bool] | None:
    """Rename keys, unless the new name exists (https://redis.io/docs/latest/commands/renamenx/).

    Values, TTLs of keys and of hash fields stay as they are; nothing passes through the client.

    Args:
        server: the server of the keys.
        pairs: old and new names.

    Returns:
        Whether each was renamed by this call; None if a pair has names in two slots of a cluster.

    Raises:
        FieldfareError: the server refused to rename a key. Keys that were renamed stay renamed.
    """
    if server.capabilities.cluster:
        return _rename_one_by_one(server, pairs) if all(share_slot(pair) for pair in pairs) else None
    renamed: list[bool] = []
    for start in range(0, len(pairs), SCRIPT_PAIRS):
        batch = pairs[start : start + SCRIPT_PAIRS]
        try:
            unmoved = set(server.command(b"EVAL", SCRIPT, 2 * len(batch), *(name for pair in batch for name in pair)))
        except NoPermissionError:  # for scripts; if it is for RENAMENX, the next line raises
            renamed += _rename_one_by_one(server, batch)
        except ResponseError as error:
            raise FieldfareError(f"the server refused to rename keys: {error}") from error
        else:
            renamed += (row not in unmoved for row in range(len(batch)))
    return renamed


def share_slot(pair: Pair) -> bool:
    """Whether both names lie in one slot of a cluster, and so always on one node."""
    old, new = pair
    return key_slot(old) == key_slot(new)


def _rename_one_by_one(server: Server, pairs: Sequence[Pair]) -> list[bool]:
    replies = server.bulk([(b"RENAMENX", old, new) for old, new in pairs])
    for (old, new), reply in zip(pairs, replies, strict=True):
        if isinstance(reply, ResponseError) and "no such key" not in str(reply):
            raise FieldfareError(f"the server refused to rename {old!r} to {new!r}: {reply}") from reply
    return [reply == 1 for reply in replies]
