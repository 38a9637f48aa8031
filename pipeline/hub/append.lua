-- Append events to partitions: all of them, in order, or none.
--
-- KEYS  four a partition: events (stream), sequence (string), stats (hash), relayed (hash), all as in log.py; and one
--       more, batches (sorted set), if there is a batch's id: then there is only one partition
-- ARGV[1]  enqueued time, ms since the Unix epoch; '' for now
-- ARGV[2]  the batch's id, ms-n; '' if none. A partition that has taken this batch before takes it no more
-- ARGV[3..]  for each partition: the most bytes that it may have, 0 for any number; the number of events; and
--       six values an event: body, partition key, content type, properties as JSON, publisher, relay id; '' where
--       there is none. A relay id is SOURCE/PARTITION/OFFSET: an event whose offset is not above the last one taken
--       from SOURCE/PARTITION is a repetition, and left out
--
-- Returns -1, or the place (0, 1 ...) of the first partition that is full.

local time, batch = ARGV[1], ARGV[2]
local VALUES = 6

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
    relayed = KEYS[place * 4 + 4], cap = tonumber(ARGV[at]), bytes = 0, chosen = {}, last = {},
  }
  local first, count = at + 2, tonumber(ARGV[at + 1])
  part.stop = first + count * VALUES
  for i = first, part.stop - 1, VALUES do
    local fresh = true
    local source, offset = string.match(ARGV[i + 5], '^(.+)/([%d-]+)$')
    if source then
      fresh = is_after(offset, part.last[source] or redis.call('HGET', part.relayed, source))
      if fresh then part.last[source] = offset end
    end
    if fresh then
      part.chosen[#part.chosen + 1] = i
      for value = i, i + 4 do part.bytes = part.bytes + #ARGV[value] end  -- what write() keeps of it
    end
  end
  return part
end

local function is_full(part)
  return part.cap > 0 and part.bytes > 0
    and tonumber(redis.call('HGET', part.stats, 'bytes') or 0) + part.bytes > part.cap
end

-- Say whether the stream has had a later entry than `time`, for then its XADD would fail. The last entry may be gone.
local function is_late(part)
  if time == '' or redis.call('EXISTS', part.events) == 0 then return false end
  local info = redis.call('XINFO', 'STREAM', part.events)
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then return tonumber(string.match(info[i + 1], '^%d+')) > tonumber(time) end
  end
end

local function write(part)
  local count = #part.chosen
  if count == 0 then return end
  local first = tonumber(redis.call('GET', part.sequence) or 0)
  for n, i in ipairs(part.chosen) do
    local sequence = string.format('%.0f', first + n - 1)
    local id = '*'
    if time ~= '' then id = time .. '-' .. sequence end  -- 'ms-*' would need Redis 7
    redis.call('XADD', part.events, id, 'n', sequence, 'b', ARGV[i], 'k', ARGV[i + 1], 't', ARGV[i + 2],
      'p', ARGV[i + 3], 'u', ARGV[i + 4])
  end
  redis.call('INCRBY', part.sequence, count)
  redis.call('HSETNX', part.stats, 'first', first)
  for _, name in ipairs({'bytes', 'in_bytes'}) do redis.call('HINCRBY', part.stats, name, part.bytes) end
  for _, name in ipairs({'events', 'in_events'}) do redis.call('HINCRBY', part.stats, name, count) end
  for source, last in pairs(part.last) do
    redis.call('HSET', part.relayed, source, last)
  end
end

if batch ~= '' and redis.call('ZSCORE', KEYS[5], batch) then return -1 end

-- What may be refused comes first: a script that has written something can't take it back.
local parts, at = {}, 3
for place = 0, math.floor(#KEYS / 4) - 1 do
  local part = plan(place, at)
  if is_full(part) then return place end
  if is_late(part) then return redis.error_reply('LATE the partition has a later event than ' .. time) end
  parts[place + 1], at = part, part.stop
end
for _, part in ipairs(parts) do write(part) end
if batch ~= '' then redis.call('ZADD', KEYS[5], string.match(batch, '^%d+'), batch) end
return -1
