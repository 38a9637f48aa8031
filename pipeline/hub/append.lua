-- Append events to partitions: all of them, in order, or none.
--
-- KEYS  four a partition: events (stream), sequence (string), stats (hash), relayed (hash), all as in keys.py; and one
--       more, batches (sorted set), if there is a batch's id: then there is only one partition
-- ARGV[1]  enqueued time, ms since the Unix epoch; '' for now
-- ARGV[2]  the batch's id, ms-n; '' if none. A partition that has taken this batch before does not take it again
-- ARGV[3..]  for each partition: the most bytes that it may have, 0 for any number; the number of entries; and
--       four values an entry: events, bytes, relay id or '', the packed events, all as in entry.py. A relay id
--       is SOURCE/PARTITION/OFFSET: an event whose offset is not above the last one taken from SOURCE/PARTITION is a
--       repetition, and left out
--
-- Returns -1, or the place (0, 1 ...) of the first partition that is full.

local time, batch = ARGV[1], ARGV[2]
local VALUES = 4

local function text(number) return string.format('%.0f', number) end

-- Say whether the offset `a` comes after `b`. An offset is `ms-n`, or `ms` for `ms-0`.
local function is_after(a, b)
  if not b then return true end
  local a_ms, a_n = string.match(a, '^(%d+)%-?(%d*)$')
  local b_ms, b_n = string.match(b, '^(%d+)%-?(%d*)$')
  if a_ms ~= b_ms then return tonumber(a_ms) > tonumber(b_ms) end
  return (tonumber(a_n) or 0) > (tonumber(b_n) or 0)
end

-- Choose what to write to the partition with this place; `at` is the index in ARGV where its part begins.
local function plan(place, at)
  local part = {
    events = KEYS[place * 4 + 1], sequence = KEYS[place * 4 + 2], stats = KEYS[place * 4 + 3],
    relayed = KEYS[place * 4 + 4], cap = tonumber(ARGV[at]), count = 0, bytes = 0, chosen = {}, last = {},
  }
  local first, count = at + 2, tonumber(ARGV[at + 1])
  part.stop = first + count * VALUES
  for i = first, part.stop - 1, VALUES do
    local fresh = true
    if ARGV[i + 2] ~= '' then
      local source, offset = string.match(ARGV[i + 2], '^(.+)/([%d-]+)$')
      fresh = is_after(offset, part.last[source] or redis.call('HGET', part.relayed, source))
      if fresh then part.last[source] = offset end
    end
    if fresh then
      part.chosen[#part.chosen + 1] = i
      part.count = part.count + tonumber(ARGV[i])
      part.bytes = part.bytes + tonumber(ARGV[i + 1])
    end
  end
  part.was = redis.call('HMGET', part.stats, 'bytes', 'in_bytes', 'events', 'in_events', 'first')
  return part
end

local function is_full(part)
  return part.cap > 0 and part.bytes > 0 and tonumber(part.was[1] or 0) + part.bytes > part.cap
end

-- Return the two parts of the last id that the stream has ever had; its entry may be deleted.
local function last_id(stream)
  local info = redis.call('XINFO', 'STREAM', stream)
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then
      local ms, n = string.match(info[i + 1], '^(%d+)%-(%d+)$')
      return tonumber(ms), tonumber(n)
    end
  end
end

-- Say whether the stream has had a later entry than the recorded events that are to come.
local function is_late(part)
  return time ~= '' and redis.call('EXISTS', part.events) == 1 and last_id(part.events) > tonumber(time)
end

-- Add an entry whose first event has the number `first`. Its id is made of time and sequence number: both rise, unless
-- a clock was set back, or Redis lost data; then the id follows the last one.
local function add(stream, ms, first, i)
  local n, last = text(first), '-' .. text(first + ARGV[i] - 1)
  local reply = redis.pcall('XADD', stream, ms .. last, 'n', n, 'c', ARGV[i], 's', ARGV[i + 1], 'e', ARGV[i + 3])
  if type(reply) == 'table' and reply.err then
    if redis.call('EXISTS', stream) == 1 then
      local last_ms, last_n = last_id(stream)
      ms = text(first > last_n and last_ms or last_ms + 1)
    end
    redis.call('XADD', stream, ms .. last, 'n', n, 'c', ARGV[i], 's', ARGV[i + 1], 'e', ARGV[i + 3])
  end
end

local function write(part, ms)
  if part.count == 0 then return end
  local first = redis.call('INCRBY', part.sequence, part.count) - part.count
  local number = first
  for _, i in ipairs(part.chosen) do
    add(part.events, ms, number, i)
    number = number + ARGV[i]
  end
  local was = part.was
  redis.call('HSET', part.stats, 'bytes', text((was[1] or 0) + part.bytes), 'in_bytes', text((was[2] or 0) + part.bytes),
    'events', text((was[3] or 0) + part.count), 'in_events', text((was[4] or 0) + part.count),
    'first', was[5] or text(first))
  for source, last in pairs(part.last) do
    redis.call('HSET', part.relayed, source, last)
  end
end

if batch ~= '' and redis.call('ZSCORE', KEYS[5], batch) then return -1 end

-- All checks come first: a script can't undo what it has written.
local parts, at = {}, 3
for place = 0, math.floor(#KEYS / 4) - 1 do
  local part = plan(place, at)
  if is_full(part) then return place end
  if is_late(part) then return redis.error_reply('LATE the partition has a later event than ' .. time) end
  parts[place + 1], at = part, part.stop
end
local ms = time
if time == '' then
  local now = redis.call('TIME')
  ms = text(now[1] * 1000 + math.floor(now[2] / 1000))
end
for _, part in ipairs(parts) do write(part, ms) end
if batch ~= '' then redis.call('ZADD', KEYS[5], string.match(batch, '^%d+'), batch) end
return -1
