"""Writing with scripts, on the server: it reads, compares and writes in one go.

A script is atomic (https://redis.io/docs/latest/develop/programmability/eval-intro/), so nobody writes between its
look and its write, and nobody sees a document half-way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, Final

from fieldfare.definition import Storage
from fieldfare.server.connection import Server
from fieldfare.server.replacement import Row
from fieldfare.server.script import Call
from fieldfare.wire import Argument, encode

__all__ = ["outcomes", "write_calls"]

ROWS_PER_CALL: Final = 100
"""How many documents one call takes: the server does nothing else meanwhile, for about a millisecond."""

_LOOP: Final = b"""\
local count = tonumber(ARGV[2])
local place = 2 + count
local others = {}
for row, key in ipairs(KEYS) do
  local is_wanted, is_there, outcome = false, false, nil
  for number = 3, 2 + count do
    local name, expected, value = ARGV[number], ARGV[place + 1], ARGV[place + 2]
    place = place + 2
    if expected ~= '-' then
      is_wanted = is_wanted or expected ~= '?'
      local found, failure = read(key, name)
      if failure and failure ~= 'wrong type' then return failure end
      outcome = failure or outcome
      if found then
        is_there = true
        if not same(name, found, value) then
          if expected == '' or redis.sha1hex(found) == expected then
            write(key, name, value)
          else
            outcome = 'changed'
          end
        end
      end
    end
  end
  if is_wanted and not is_there then outcome = outcome or 'vanished' end
  if outcome then
    others[#others + 1] = row
    others[#others + 1] = outcome
  end
end
return others
"""
"""Answers row, outcome, row, outcome, ... for all documents that are not as they should be now.

Arguments: a mode, the number of fields, their names; then for each key and each field what it must have, and the
new value (see ``replacement``).
"""

HASH_WRITE: Final = (
    b"""\
local mode = ARGV[1]
local function read(key, name)
  local found = redis.pcall('HGET', key, name)
  if type(found) ~= 'table' then return found end
  return nil, string.find(found.err, 'WRONGTYPE', 1, true) and 'wrong type' or found
end
local function same(name, found, value) return found == value end
local function write(key, name, value)
  if mode == 'HSETEX' then
    redis.call('HSETEX', key, 'FXX', 'KEEPTTL', 'FIELDS', 1, name, value)
    return
  end
  local expires = mode == 'HPEXPIREAT' and redis.call('HPEXPIRETIME', key, 'FIELDS', 1, name)[1] or -1
  redis.call('HSET', key, name, value)
  if expires > 0 then redis.call('HPEXPIREAT', key, expires, 'FIELDS', 1, name) end
end
"""
    + _LOOP
)
"""HSET clears a field's expiry. HSETEX can leave it; where there is none, it is set again."""

JSON_WRITE: Final = (
    b"""\
local function read(key, path)
  local found = redis.pcall('JSON.GET', key, path)
  if type(found) ~= 'table' then return found ~= '[]' and found or nil end
  if string.find(found.err, 'does not exist', 1, true) then return nil end
  return nil, string.find(found.err, 'wrong Redis type', 1, true) and 'wrong type' or found
end
local function same(path, found, value)
  return found == (string.sub(path, 1, 1) == '$' and '[' .. value .. ']' or value)
end
local function write(key, path, value) redis.call('JSON.SET', key, path, value, 'XX') end
"""
    + _LOOP
)


def write_calls(
    server: Server, storage: Storage, rows: Sequence[Row], paths: Sequence[str]
) -> list[tuple[Sequence[Row], Call]]:
    """Return the calls that write these documents, each with its rows."""
    mode = "HSET"
    if server.capabilities.has_hash_field_ttl:
        mode = "HSETEX" if server.capabilities.has_hsetex else "HPEXPIREAT"
    script = HASH_WRITE if storage is Storage.HASH else JSON_WRITE
    arguments: list[Argument] = [mode, len(paths), *map(encode, paths)]
    # while a slot moves, its nodes refuse calls that name more than one of its keys
    size = 1 if server.capabilities.cluster else ROWS_PER_CALL
    parts = [rows[start : start + size] for start in range(0, len(rows), size)]
    return [(part, Call(script, [key for key, _ in part], [*arguments, *_values(part)])) for part in parts]


def _values(rows: Sequence[Row]) -> Iterable[bytes]:
    return chain.from_iterable(values for _, values in rows)


def outcomes(call: Call, reply: Any) -> dict[bytes, str]:
    """Return what came of the documents that are not as they should be now."""
    return {call.keys[row - 1]: outcome.decode() for row, outcome in zip(reply[::2], reply[1::2], strict=True)}
