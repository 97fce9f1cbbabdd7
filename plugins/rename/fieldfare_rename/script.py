"""Moving values with Lua scripts: no value is sent over the network.

A script is atomic (https://redis.io/docs/latest/develop/programmability/eval-intro/), so no client sees a
partly changed document. If a command in it fails, earlier writes stay: a value is copied before its source is removed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from fieldfare.definition import Storage
from fieldfare.server import Server
from fieldfare.server.json_numbers import round_trip_safe
from fieldfare.server.pipeline import Argument, encode
from fieldfare.server.script import ScriptCall
from fieldfare.server.transaction import group_by_slot
from fieldfare_rename.movement import Movement, Outcome
from fieldfare_rename.original import Original

__all__ = ["move_calls", "restore_calls", "unmoved_keys"]

KEYS_PER_CALL: Final = 250
"""Documents per call: each blocks the server for some milliseconds."""

_LOOP: Final = b"""\
local unmoved = {}
for row, key in ipairs(KEYS) do
  local outcome = move(key)
  if type(outcome) == 'table' then return outcome end
  if outcome then
    unmoved[#unmoved + 1] = row
    unmoved[#unmoved + 1] = outcome
  end
end
return unmoved
"""
"""Returns row, outcome, row, outcome, ... for all keys whose value was not moved."""

HASH_MOVE: Final = (
    b"""\
local source, target, keep, expiring = ARGV[1], ARGV[2], ARGV[3], ARGV[4] == '1'
if expiring then
  local keyspace = redis.pcall('INFO', 'keyspace')
  expiring = type(keyspace) ~= 'string' or not string.find(keyspace, 'db0:[^\\r]*subexpiry=0')
end
local plain = not expiring
local function move(key)
  if plain then
    local old = redis.pcall('HGET', key, source)
    local copied = type(old) == 'string' and redis.pcall('HSETNX', key, target, old)
    if copied == 1 then
      redis.call('HDEL', key, source)
      return nil
    end
    plain = type(old) ~= 'table' and type(copied) ~= 'table'
  end
  local values = redis.pcall('HMGET', key, source, target)
  if values.err then
    return string.find(values.err, 'WRONGTYPE', 1, true) and 'wrong type' or values
  end
  local old, new = values[1], values[2]
  if old and (not new or new == old or keep == 'source') then
    local expires = expiring and redis.call('HPEXPIRETIME', key, 'FIELDS', 1, source)[1] or -1
    redis.call('HSET', key, target, old)
    if expires > 0 then redis.call('HPEXPIREAT', key, expires, 'FIELDS', 1, target) end
    redis.call('HDEL', key, source)
    return nil
  end
  if old and keep == 'target' then
    redis.call('HDEL', key, source)
    return nil
  end
  if old then return 'both' end
  if new then return 'new name only' end
  return redis.call('EXISTS', key) == 1 and 'no value' or 'no document'
end
"""
    + _LOOP
)

JSON_MOVE: Final = (
    b"""\
local source, target, keep, containers = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local function read(key, path)
  local reply = redis.pcall('JSON.GET', key, path)
  if type(reply) == 'table' then return nil, reply end
  if not reply or reply == '[]' then return nil end
  return string.sub(reply, 2, -2)
end
local function move(key)
  local old, failure = read(key, source)
  if failure then
    return string.find(failure.err, 'wrong Redis type', 1, true) and 'wrong type' or failure
  end
  local new = read(key, target)
  if old and (not new or new == old or keep == 'source') then
    if new ~= old then
      for place = 5, 4 + containers do redis.call('JSON.SET', key, ARGV[place], '{}', 'NX') end
      if not redis.call('JSON.SET', key, target, old) then return 'no parent' end
      if read(key, target) ~= old then
        redis.call('JSON.DEL', key, target)
        return 'number changed'
      end
    end
    redis.call('JSON.DEL', key, source)
    for place = 5 + containers, #ARGV do
      if redis.call('JSON.OBJLEN', key, ARGV[place])[1] == 0 then redis.call('JSON.DEL', key, ARGV[place]) end
    end
    return nil
  end
  if old and keep == 'target' then
    redis.call('JSON.DEL', key, source)
    return nil
  end
  if old then return 'both' end
  if new then return 'new name only' end
  return redis.call('EXISTS', key) == 1 and 'no value' or 'no document'
end
"""
    + _LOOP
)

HASH_RESTORE: Final = b"""\
if redis.call('HEXISTS', KEYS[1], ARGV[1]) + redis.call('HEXISTS', KEYS[1], ARGV[4]) == 0 then return 0 end
for place = 1, #ARGV, 3 do
  redis.call('HSET', KEYS[1], ARGV[place], ARGV[place + 1])
  if ARGV[place + 2] ~= '' then
    redis.call('HPEXPIREAT', KEYS[1], ARGV[place + 2], 'FIELDS', 1, ARGV[place])
  end
end
return 1
"""

JSON_RESTORE: Final = b"""\
local function has(path)
  local kind = redis.call('JSON.TYPE', KEYS[1], path)
  return kind and #kind > 0
end
if not (has(ARGV[1]) or has(ARGV[4])) then return 0 end
for place = 1, #ARGV, 3 do redis.call('JSON.SET', KEYS[1], ARGV[place], ARGV[place + 1]) end
return 1
"""


def move_calls(server: Server, storage: Storage, keys: Sequence[bytes], movement: Movement) -> list[ScriptCall]:
    """Return the calls that move a value in each of these documents."""
    arguments: list[Argument] = [encode(movement.source), encode(movement.target), movement.keep or ""]
    if storage is Storage.HASH:
        script = HASH_MOVE
        arguments.append(int(server.capabilities.has_hash_field_ttl))
    else:
        script = JSON_MOVE
        arguments += [len(movement.containers), *map(encode, (*movement.containers, *movement.remove_if_empty))]
    return [
        ScriptCall(script, [keys[row] for row in rows[start : start + KEYS_PER_CALL]], arguments)
        for rows in group_by_slot(server, keys)
        for start in range(0, len(rows), KEYS_PER_CALL)
    ]


def unmoved_keys(call: ScriptCall, reply: Any) -> Iterator[tuple[bytes, Outcome]]:
    """Yield the documents of one of :func:`move_calls` whose value was not moved, with the outcome."""
    for row, outcome in zip(reply[::2], reply[1::2], strict=True):
        yield call.keys[row - 1], Outcome(outcome.decode())


def restore_calls(storage: Storage, originals: Sequence[Original], source: str, target: str) -> list[ScriptCall]:
    """Return the calls that restore both values of each of these documents; each returns 1 or 0."""
    script, encoded = (HASH_RESTORE, bytes) if storage is Storage.HASH else (JSON_RESTORE, round_trip_safe)
    return [
        ScriptCall(
            script,
            [each.key],
            [
                *(encode(source), encoded(each.old or b""), each.old_expires_at or b""),
                *(encode(target), encoded(each.new or b""), each.new_expires_at or b""),
            ],
        )
        for each in originals
    ]
