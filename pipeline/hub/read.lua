-- Read a partition on, as many entries as hold so many events.
--
-- KEYS[1]  events (stream), as in log.py
-- ARGV[1]  offset, `ms-n` or `ms` for `ms-0`, of which only later events are wanted
-- ARGV[2]  how many, at least 1
--
-- Returns entries as XRANGE does. The first may begin with events that are not wanted, and the last end with some.

local PAGE = 20  -- entries that are looked at at once: each may have 64 KiB, and may have all that is wanted
local from, left = '(' .. ARGV[1], tonumber(ARGV[2])
local after_ms, after_n = string.match(ARGV[1], '^(%d+)%-?(%d*)$')
after_ms, after_n = tonumber(after_ms), tonumber(after_n) or 0
local found = {}

repeat
  local count = math.min(left, PAGE)
  local page = redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', count)
  for _, entry in ipairs(page) do
    if left <= 0 then break end
    local ms, n = string.match(entry[1], '^(%d+)%-(%d+)$')
    local events = tonumber(entry[2][4])  -- c
    if tonumber(ms) == after_ms then events = math.min(events, n - after_n) end
    found[#found + 1] = entry
    left = left - events
  end
  if #page < count then break end
  from = '(' .. page[#page][1]
until left <= 0
return found
