-- Append events to partitions: all of them, in order, or none. After numbers.lua, and all_new.lua or recognition.lua.
--
-- KEYS  for each partition: events (stream), sequence (string), stats (hash), all as in keys.py, and what recognition.lua
--       has; then batches (sorted set), if there is a batch's id: then there is only one partition
-- ARGV[1]  enqueued time, ms since the Unix epoch; '' for now
-- ARGV[2]  the batch's id, ms-n; '' if none. A partition that has taken this batch before does not take it again
-- ARGV[BEGIN..]  for each partition: the most bytes that it may have, 0 for any number; the number of entries; and for
--       each entry events, bytes, what recognition.lua has, and the packed events, all as in entry.py
--
-- Returns the number of events that were left out as repetitions. If nothing was written: {'full', place (0, 1 ...) of
-- the first partition that is full}; {'known'} if the batch, or a request with the key, has come before; or {'another'}
-- if that request asked for something else.

local time, batch = ARGV[1], ARGV[2]

-- Choose what to write to the partition with this place; `at` is the index in ARGV where its part begins.
local function plan(place, at)
  local key = place * KEYS_OF + 1
  local part = {
    events = KEYS[key], sequence = KEYS[key + 1], stats = KEYS[key + 2],
    cap = tonumber(ARGV[at]), count = 0, bytes = 0, repeated = 0, chosen = {},
  }
  if recognition then recognition.begin(part, key) end
  local first, count = at + 2, tonumber(ARGV[at + 1])
  part.stop = first + count * VALUES
  for i = first, part.stop - 1, VALUES do
    if not recognition or recognition.is_new(part, i) then
      part.chosen[#part.chosen + 1] = i
      part.count = part.count + tonumber(ARGV[i])
      part.bytes = part.bytes + tonumber(ARGV[i + 1])
    else
      part.repeated = part.repeated + tonumber(ARGV[i])
    end
  end
  part.was = redis.call('HMGET', part.stats, 'bytes', 'in_bytes', 'events', 'in_events', 'first')
  return part
end

-- A single event always finds room in an empty partition: no event is too large for a hub.
local function is_full(part)
  local held = tonumber(part.was[1] or 0)
  return part.cap > 0 and part.count > 0 and held + part.bytes > part.cap and (held > 0 or part.count > 1)
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
  local reply = redis.pcall('XADD', stream, ms .. last, 'n', n, 'c', ARGV[i], 's', ARGV[i + 1], 'e', ARGV[i + VALUES - 1])
  if type(reply) == 'table' and reply.err then
    if redis.call('EXISTS', stream) == 1 then
      local last_ms, last_n = last_id(stream)
      ms = text(first > last_n and last_ms or last_ms + 1)
    end
    redis.call('XADD', stream, ms .. last, 'n', n, 'c', ARGV[i], 's', ARGV[i + 1], 'e', ARGV[i + VALUES - 1])
  end
end

local function write(part, ms)
  if recognition then recognition.finish(part) end
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
end

if batch ~= '' and redis.call('ZSCORE', KEYS[#KEYS], batch) then return {'known'} end
local came_before = recognition and recognition.request()
if came_before then return {came_before} end

-- All checks come first: a script can't undo what it has written.
local parts, at, repeated = {}, BEGIN, 0
for place = 0, math.floor(#KEYS / KEYS_OF) - 1 do
  local part = plan(place, at)
  if is_full(part) then return {'full', place} end
  if is_late(part) then return redis.error_reply('LATE the partition has a later event than ' .. time) end
  parts[place + 1], at, repeated = part, part.stop, repeated + part.repeated
end
local ms = time == '' and text(time_ms()) or time
for _, part in ipairs(parts) do write(part, ms) end
if batch ~= '' then redis.call('ZADD', KEYS[#KEYS], string.match(batch, '^%d+'), batch) end
if recognition then recognition.finish_request() end
return repeated
