-- Drop the oldest entries of a partition: those whose events are too old, or too many, and that no attached group still
-- needs. An entry is dropped whole, with its last event. After numbers.lua.
--
-- KEYS  events (stream), stats (hash), offsets (hash), attached (set), all as in keys.py
-- ARGV[1]  age in ms from which events are dropped; 0 for no limit
-- ARGV[2]  bytes (`Event.size`) above which events are dropped; -1 for no limit
-- ARGV[3]  about how many bytes to read: all other clients wait for a script
--
-- Returns {events dropped, 1 if there may be more}.

local events, stats, offsets, attached = unpack(KEYS)
local max_age, most, look = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])

local now = time_ms()

local function stat(name) return tonumber(redis.call('HGET', stats, name) or 0) end

-- An offset is `ms-n`, or a time in ms alone, which stands for `ms-0`.
local function parts(offset)
  local ms, n = string.match(offset, '^(%d+)-?(%d*)$')
  return tonumber(ms), tonumber(n) or 0
end

-- The least offset of an attached group: entries after it must stay. '+' if no group is attached.
local function last_done()
  local least, ms, n = '+', nil, nil
  for _, group in ipairs(redis.call('SMEMBERS', attached)) do
    local offset = redis.call('HGET', offsets, group) or '0'
    local its_ms, its_n = parts(offset)
    if not ms or its_ms < ms or (its_ms == ms and its_n < n) then
      least, ms, n = string.format('%.0f-%.0f', its_ms, its_n), its_ms, its_n
    end
  end
  return least
end

-- How much comes in, for the partition's runtime information: the mean since the last look, at least five seconds ago.
local function sample()
  local seconds = (now - stat('sampled_ms')) / 1000
  if seconds < 5 then return end
  local total = stat('in_bytes')
  local rate = (total - stat('sampled_bytes')) / seconds
  redis.call('HSET', stats, 'sampled_ms', text(now), 'sampled_bytes', text(total),
    'in_rate', text(rate))
end

local count = redis.call('XLEN', events)
if count == 0 and redis.call('EXISTS', stats) == 0 then return {0, 0} end
sample()

local bytes = stat('bytes')
local page = math.max(1, math.min(1000, math.floor(look / math.max(1, bytes / math.max(1, count)))))
local dropped, entries_dropped, freed, first = 0, 0, 0, nil
local entries = redis.call('XRANGE', events, '-', last_done(), 'COUNT', page)
for _, entry in ipairs(entries) do
  local age = now - parts(entry[1])
  if not ((max_age > 0 and age >= max_age) or (most >= 0 and bytes - freed > most)) then break end
  local number, events_in, size = tonumber(entry[2][2]), tonumber(entry[2][4]), tonumber(entry[2][6])  -- n, c, s
  first = number + events_in
  dropped, entries_dropped, freed = dropped + events_in, entries_dropped + 1, freed + size
end
if dropped == 0 then return {0, 0} end

redis.call('XTRIM', events, 'MAXLEN', count - entries_dropped)
redis.call('HSET', stats, 'first', text(first), 'events', text(stat('events') - dropped),
  'bytes', text(math.max(0, bytes - freed)))
return {dropped, entries_dropped == page and 1 or 0}
