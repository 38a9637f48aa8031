-- Return a partition's runtime information. After numbers.lua.
--
-- KEYS  events (stream), sequence (string), stats (hash), offsets (hash), attached (set), all as in keys.py
--
-- Returns {now in ms, next sequence number, last offset or '', stats as HGETALL, groups}. A group is {name, offset, 1 if
-- it is attached, sequence number of the first event that it has not processed or -1, that event's offset or ''}.

local events, sequence, stats, offsets, attached = unpack(KEYS)

-- Return offset and number of the first event after an offset in an entry that begins with this number (see entry.py).
local function first_after(offset, id, number, count)
  local ms, last = string.match(id, '^(%d+)%-(%d+)$')
  local its_ms, its_n = string.match(offset, '^(%d+)%-?(%d*)$')
  local first = tonumber(last) - count + 1
  local skipped = tonumber(its_ms) == tonumber(ms) and math.max(0, (tonumber(its_n) or 0) - first + 1) or 0
  return ms .. '-' .. text(first + skipped), number + skipped
end

local last = ''
if redis.call('EXISTS', events) == 1 then
  local newest = redis.call('XREVRANGE', events, '+', '-', 'COUNT', 1)[1]
  if newest then last = newest[1] else
    local info = redis.call('XINFO', 'STREAM', events)  -- all have been dropped
    for i = 1, #info, 2 do
      if info[i] == 'last-generated-id' then last = info[i + 1] end
    end
  end
end

local known, groups = {}, {}
local stored = redis.call('HGETALL', offsets)
for i = 1, #stored, 2 do known[stored[i]] = stored[i + 1] end
local is_attached = {}
for _, name in ipairs(redis.call('SMEMBERS', attached)) do
  known[name], is_attached[name] = known[name] or '0', 1
end
local waiting = {}  -- by offset: readers that keep up are all at the same, and it is looked up once
for name, offset in pairs(known) do
  if not waiting[offset] then
    local entry = redis.call('XRANGE', events, '(' .. offset, '+', 'COUNT', 1)[1]
    waiting[offset] = {'', -1}
    if entry then
      waiting[offset] = {first_after(offset, entry[1], tonumber(entry[2][2]), tonumber(entry[2][4]))}
    end
  end
  local id, number = unpack(waiting[offset])
  groups[#groups + 1] = {name, offset, is_attached[name] or 0, number, id}
end

return {text(time_ms()), redis.call('GET', sequence) or '0', last, redis.call('HGETALL', stats), groups}
