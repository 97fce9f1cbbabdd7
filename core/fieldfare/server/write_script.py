"""Conditional writes with Lua scripts: the server reads, compares and writes atomically.

A script is atomic (https://redis.io/docs/latest/develop/programmability/eval-intro/): no client writes between its
read and its write, and no client reads a document that is only partly written.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, Final

from fieldfare.definition import Storage
from fieldfare.server.conditional_write import Row
from fieldfare.server.connection import Server
from fieldfare.server.pipeline import Argument, encode
from fieldfare.server.script import ScriptCall

__all__ = ["READ", "calls_of", "outcomes", "script_calls"]

ROWS_PER_CALL: Final = 100
"""Documents per call. A call blocks the server for about a millisecond."""

_LOOP: Final = b"""\
local count = tonumber(ARGV[2])
local place = 2 + count
local others = {}
for row, key in ipairs(KEYS) do
  local is_required, is_found, outcome = false, false, nil
  for number = 3, 2 + count do
    local name, expected, value = ARGV[number], ARGV[place + 1], ARGV[place + 2]
    place = place + 2
    if expected ~= '-' then
      is_required = is_required or expected ~= '?'
      local found, failure = read(key, name)
      if failure and failure ~= 'wrong type' then return failure end
      outcome = failure or outcome
      if found then
        is_found = true
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
  if is_required and not is_found then outcome = outcome or 'vanished' end
  if outcome then
    others[#others + 1] = row
    others[#others + 1] = outcome
  end
end
return others
"""
"""Returns row, outcome, row, outcome, ... for the documents that were not written, or not in all of their fields.

Arguments: a mode, the number of fields, the names of the fields; then for each key and each field the expected digest
and the new value (see ``conditional_write``).
"""

READ: Final = {
    Storage.HASH: b"""\
local function read(key, name)
  local found = redis.pcall('HGET', key, name)
  if type(found) ~= 'table' then return found end
  return nil, string.find(found.err, 'WRONGTYPE', 1, true) and 'wrong type' or found
end
""",
    Storage.JSON: b"""\
local function read(key, path)
  local found = redis.pcall('JSON.GET', key, path)
  if type(found) ~= 'table' then return found ~= '[]' and found or nil end
  if string.find(found.err, 'does not exist', 1, true) then return nil end
  return nil, string.find(found.err, 'wrong Redis type', 1, true) and 'wrong type' or found
end
""",
}
"""A function that returns the value of a field, or nil and what is wrong."""

_WRITE: Final = {
    Storage.HASH: b"""\
local mode = ARGV[1]
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
""",
    Storage.JSON: b"""\
local function same(path, found, value)
  return found == (string.sub(path, 1, 1) == '$' and '[' .. value .. ']' or value)
end
local function write(key, path, value) redis.call('JSON.SET', key, path, value, 'XX') end
""",
}
"""HSET clears a field's expiry. HSETEX keeps it; on servers without HSETEX, the script sets the expiry again."""

_SCRIPTS: Final = {each: READ[each] + _WRITE[each] + _LOOP for each in Storage}


def script_calls(
    server: Server, storage: Storage, rows: Sequence[Row], paths: Sequence[str]
) -> list[tuple[Sequence[Row], ScriptCall]]:
    """Return the script calls that write these rows, each with its part of the rows."""
    mode = "HSET"
    if server.capabilities.has_hash_field_ttl:
        mode = "HSETEX" if server.capabilities.has_hsetex else "HPEXPIREAT"
    arguments: list[Argument] = [mode, len(paths), *map(encode, paths)]
    return calls_of(server, _SCRIPTS[storage], arguments, rows)


def calls_of(
    server: Server, script: bytes, arguments: Sequence[Argument], rows: Sequence[Row]
) -> list[tuple[Sequence[Row], ScriptCall]]:
    """Return the calls of a script for these rows, each with its part of them; all start with the same arguments."""
    # while a slot moves, its nodes refuse calls that name more than one of its keys
    size = 1 if server.capabilities.cluster else ROWS_PER_CALL
    parts = [rows[start : start + size] for start in range(0, len(rows), size)]
    return [
        (
            part,
            ScriptCall(script, [key for key, _ in part], [*arguments, *chain.from_iterable(each for _, each in part)]),
        )
        for part in parts
    ]


def outcomes(_: Sequence[Row], call: ScriptCall, reply: Any) -> dict[bytes, str]:
    """Return key → outcome for the documents that were not written, or not in all of their fields."""
    return {call.keys[row - 1]: outcome.decode() for row, outcome in zip(reply[::2], reply[1::2], strict=True)}
