-- Append events to partitions: all of them, in order, or none. After remembered.lua.
--
-- KEYS  for each partition: events (stream), sequence (string), stats (hash), relayed (hash), and if MessageIds are
--       looked at message_ids and older_message_ids (hashes), all as in keys.py; then batches (sorted set), if there is
--       a batch's id: then there is only one partition; or requests and older_requests (hashes), if there is a key
-- ARGV[1]  enqueued time, ms since the Unix epoch; '' for now
-- ARGV[2]  the batch's id, ms-n; '' if none. A partition that has taken this batch before does not take it again
-- ARGV[3]  ms for which a MessageId is remembered; 0 if they are not looked at
-- ARGV[4]  id of the request's Idempotency-Key, '' if none; ARGV[5] the request's fingerprint, ARGV[6] ms for which the
--          two are remembered. A request that has come before is not carried out again
-- ARGV[7..]  for each partition: the most bytes that it may have, 0 for any number; the number of entries; and
--       five values an entry: events, bytes, relay id or '', MessageId or '', the packed events, all as in entry.py.
--       A relay id is RULE/SOURCE/PARTITION/OFFSET: an event whose offset is not above the last one taken from
--       RULE/SOURCE/PARTITION is a repetition, and left out; so is one with a MessageId that the partition remembers
--
-- Returns {'written', number of events that were left out}; {'full', place (0, 1 ...) of the first partition that is
-- full}; {'known'} if the batch, or a request with the key, has come before; or {'another'} if that request had another
-- fingerprint. Nothing is written but in the first case.

local time, batch, window, request = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local WIDTH, VALUES = window > 0 and 6 or 4, 5
local now = time_ms()

-- Say whether the offset `a` comes after `b`. An offset is `ms-n`, or `ms` for `ms-0`.
local function is_after(a, b)
  if not b then return true end
  local a_ms, a_n = string.match(a, '^(%d+)%-?(%d*)$')
  local b_ms, b_n = string.match(b, '^(%d+)%-?(%d*)$')
  if a_ms ~= b_ms then return tonumber(a_ms) > tonumber(b_ms) end
  return (tonumber(a_n) or 0) > (tonumber(b_n) or 0)
end

-- Say whether a relay's event is new to the partition, and note its offset in `part.last` if it is.
local function is_new_of_relay(part, relay_id)
  local source, offset = string.match(relay_id, '^(.+)/([%d-]+)$')
  if not is_after(offset, part.last[source] or redis.call('HGET', part.relayed, source)) then return false end
  part.last[source] = offset
  return true
end

-- Say whether a MessageId is new to the partition, and note it in `part.ids` if it is.
local function is_new_message(part, id)
  if part.ids[id] or recall(part.message_ids, part.older_message_ids, id, now, window) then return false end
  part.ids[id] = ''
  return true
end

-- Choose what to write to the partition with this place; `at` is the index in ARGV where its part begins.
local function plan(place, at)
  local key = place * WIDTH
  local part = {
    events = KEYS[key + 1], sequence = KEYS[key + 2], stats = KEYS[key + 3], relayed = KEYS[key + 4],
    message_ids = KEYS[key + 5], older_message_ids = KEYS[key + 6],
    cap = tonumber(ARGV[at]), count = 0, bytes = 0, repeated = 0, chosen = {}, last = {}, ids = {},
  }
  local first, count = at + 2, tonumber(ARGV[at + 1])
  part.stop = first + count * VALUES
  for i = first, part.stop - 1, VALUES do
    local relay_id, message_id = ARGV[i + 2], ARGV[i + 3]
    if (relay_id == '' or is_new_of_relay(part, relay_id)) and (message_id == '' or is_new_message(part, message_id)) then
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
  local reply = redis.pcall('XADD', stream, ms .. last, 'n', n, 'c', ARGV[i], 's', ARGV[i + 1], 'e', ARGV[i + 4])
  if type(reply) == 'table' and reply.err then
    if redis.call('EXISTS', stream) == 1 then
      local last_ms, last_n = last_id(stream)
      ms = text(first > last_n and last_ms or last_ms + 1)
    end
    redis.call('XADD', stream, ms .. last, 'n', n, 'c', ARGV[i], 's', ARGV[i + 1], 'e', ARGV[i + 4])
  end
end

local function write(part, ms)
  for source, last in pairs(part.last) do redis.call('HSET', part.relayed, source, last) end
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
  if next(part.ids) then remember(part.message_ids, part.older_message_ids, part.ids, now, window) end
end

if batch ~= '' and redis.call('ZSCORE', KEYS[#KEYS], batch) then return {'known'} end
if request ~= '' then
  local known, fingerprint = recall(KEYS[#KEYS - 1], KEYS[#KEYS], request, now, tonumber(ARGV[6]))
  if known then return {fingerprint == ARGV[5] and 'known' or 'another'} end
end

-- All checks come first: a script can't undo what it has written.
local parts, at, repeated = {}, 7, 0
for place = 0, math.floor(#KEYS / WIDTH) - 1 do
  local part = plan(place, at)
  if is_full(part) then return {'full', place} end
  if is_late(part) then return redis.error_reply('LATE the partition has a later event than ' .. time) end
  parts[place + 1], at, repeated = part, part.stop, repeated + part.repeated
end
for _, part in ipairs(parts) do write(part, time == '' and text(now) or time) end
if batch ~= '' then redis.call('ZADD', KEYS[#KEYS], string.match(batch, '^%d+'), batch) end
if request ~= '' then
  remember(KEYS[#KEYS - 1], KEYS[#KEYS], {[request] = ARGV[5]}, now, tonumber(ARGV[6]))
end
return {'written', repeated}
