"""The scripts that compare, copy, restore and remove whole documents on the server."""

from __future__ import annotations

from typing import Final

__all__ = ["COPY", "READ", "REMOVE", "WRITE"]

EXPIRY_FIELDS: Final = 500
"""Fields that one HPEXPIRETIME names; Lua passes a few thousand arguments at most."""

MAX_BYTES: Final = 1 << 16
"""A script stops after the key with which it has read this many bytes: while it runs, no other client is served."""

_STATE: Final = b"""\
local bytes = 0
local function state(key)
  local kind = redis.call('TYPE', key)['ok']
  if kind == 'none' then return '' end
  if kind ~= ARGV[1] then return 'other' end
  local parts = {}
  if kind == 'hash' then
    local found, names = redis.call('HGETALL', key), {}
    for place = 1, #found, 2 do
      names[#names + 1] = found[place]
      bytes = bytes + #found[place] + #found[place + 1]
      parts[#parts + 1] = redis.sha1hex(#found[place] .. ':' .. found[place] .. found[place + 1])
    end
    for first = 1, ARGV[2] == 'expire' and #names or 0, %d do
      local last = math.min(first + %d - 1, #names)
      local times = redis.call('HPEXPIRETIME', key, 'FIELDS', last - first + 1, unpack(names, first, last))
      for number, time in ipairs(times) do
        local place = first + number - 1
        if time > 0 then parts[place] = redis.sha1hex(parts[place] .. time) end
      end
    end
    table.sort(parts)
  else
    parts[1] = redis.call('JSON.GET', key)
    bytes = bytes + #parts[1]
  end
  return redis.sha1hex(redis.call('PEXPIRETIME', key) .. ' ' .. table.concat(parts))
end
local function is_enough() return bytes >= %d end
""" % (EXPIRY_FIELDS, EXPIRY_FIELDS, MAX_BYTES)
"""Functions that return the state of a key, and whether the script has read enough.

Fields are sorted by their digests: Redis has no order of fields.
"""

READ: Final = (
    _STATE
    + b"""\
local states = {}
for place, key in ipairs(KEYS) do
  states[place] = state(key)
  if is_enough() then break end
end
return states
"""
)
"""Returns the states of the first keys, at least one. Arguments: the type of documents; ``expire`` if fields expire."""

COPY: Final = (
    _STATE
    + b"""\
local done = {}
for place = 1, #KEYS, 2 do
  local source, copy = ARGV[place + 2], ARGV[place + 3]
  done[#done + 1] = 1
  if state(KEYS[place]) ~= source or state(KEYS[place + 1]) ~= copy then
    done[#done] = 0
  elseif source == '' or source == 'other' then
    redis.call('UNLINK', KEYS[place + 1])
  else
    redis.call('COPY', KEYS[place], KEYS[place + 1], 'REPLACE')
  end
  if is_enough() then break end
end
return done
"""
)
"""Copies the first pairs of keys, at least one. Returns 1 for each copied pair, 0 if its state is not as expected.

Arguments: those of ``READ``, then the expected states of each pair. The copy of a key that holds no document is
removed.
"""

REMOVE: Final = (
    _STATE
    + b"""\
local done = {}
for place, key in ipairs(KEYS) do
  done[place] = 0
  if state(key) == ARGV[place + 2] then
    redis.call('UNLINK', key)
    done[place] = 1
  end
  if is_enough() then break end
end
return done
"""
)
"""Removes the first keys, at least one. Returns 1 for each removed key, 0 if its state is not as expected.

Arguments: those of ``READ``, then the expected states.
"""

WRITE: Final = (
    _STATE
    + b"""\
if state(KEYS[1]) ~= ARGV[3] then return 0 end
if ARGV[4] then
  redis.call('RESTORE', KEYS[1], ARGV[5], ARGV[4], 'REPLACE', 'ABSTTL')
else
  redis.call('UNLINK', KEYS[1])
end
return 1
"""
)
"""Restores a key from a dump, or removes it, and returns whether it was as expected.

Arguments: those of ``READ``, the expected state, the dump, and when the key expires.
"""
