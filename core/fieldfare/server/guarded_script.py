"""The scripts that write fields of documents while other fields have the expected values."""

from __future__ import annotations

from typing import Final

from fieldfare.definition import Storage
from fieldfare.server.write_script import READ

__all__ = ["SCRIPTS", "WIDTH"]

WIDTH: Final = 4
"""Arguments of each field of a document: the expected guard, the expected value, what happens, the new value."""

_LOOP: Final = b"""\
local function fits(found, expected)
  if expected == '' then return true end
  if expected == '?' then return not found end
  return found and redis.sha1hex(found) == expected
end
local count = tonumber(ARGV[2])
local others = {}
for row, key in ipairs(KEYS) do
  local outcome, sets, removed = nil, {}, {}
  if redis.call('EXISTS', key) == 0 then outcome = 'vanished' end
  for number = 1, outcome and 0 or count do
    local guard, name = ARGV[1 + 2 * number], ARGV[2 + 2 * number]
    local place = 2 + 2 * count + 4 * ((row - 1) * count + number - 1)
    local action = ARGV[place + 3]
    if action ~= '-' then
      local source, failure = read(key, guard)
      local found, other = read(key, name)
      failure = failure or other
      if failure and failure ~= 'wrong type' then return failure end
      if failure then
        outcome = failure
      elseif not fits(source, ARGV[place + 1]) or not fits(found, ARGV[place + 2]) then
        outcome = outcome or 'changed'
      elseif action == 's' then
        sets[#sets + 1] = {name, ARGV[place + 4], source and guard}
      elseif found then
        removed[#removed + 1] = name
      end
    end
  end
  write(key, sets, removed)
  if outcome then
    others[#others + 1] = row
    others[#others + 1] = outcome
  end
end
return others
"""
"""Returns row, outcome, row, outcome, ... for the documents that were not written, or not in all of their fields.

Arguments: whether fields expire, the number of fields, for each its guard and its name; then ``WIDTH`` arguments for
each key and each field.
"""

_WRITE: Final = {
    Storage.HASH: b"""\
local function write(key, sets, removed)
  local values = {}
  for _, each in ipairs(sets) do
    values[#values + 1] = each[1]
    values[#values + 1] = each[2]
  end
  if #values > 0 then redis.call('HSET', key, unpack(values)) end
  for _, each in ipairs(ARGV[1] == 'expire' and sets or {}) do
    local expires = each[3] and redis.call('HPEXPIRETIME', key, 'FIELDS', 1, each[3])[1] or -1
    if expires > 0 then redis.call('HPEXPIREAT', key, expires, 'FIELDS', 1, each[1]) end
  end
  if #removed > 0 then redis.call('HDEL', key, unpack(removed)) end
end
""",
    Storage.JSON: b"""\
local function write(key, sets, removed)
  for _, each in ipairs(sets) do redis.call('JSON.SET', key, each[1], each[2]) end
  for _, each in ipairs(removed) do redis.call('JSON.DEL', key, each) end
end
""",
}
"""A field expires when its guard does."""

SCRIPTS: Final = {each: READ[each] + _WRITE[each] + _LOOP for each in Storage}
