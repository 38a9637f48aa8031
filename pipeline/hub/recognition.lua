-- In front of append.lua, where events or the request may be repetitions; after remembered.lua. See repetition.py.
--
-- KEYS  for each partition, after the three of append.lua: relayed, message_ids and older_message_ids (hashes); at the
--       end, if there is a key, idempotency_keys and older_idempotency_keys (hashes): all as in keys.py
-- ARGV[3]  ms for which a MessageId is remembered; 0 if they are not looked at
-- ARGV[4]  id of the request's Idempotency-Key, '' if none; ARGV[5] the request's fingerprint, ARGV[6] ms for which the
--          two are remembered
-- For each entry two more values, before the packed events: relay id or '', MessageId or ''. A relay id is
-- RULE/SOURCE/PARTITION/OFFSET: an event whose offset is not above the last one taken from RULE/SOURCE/PARTITION is a
-- repetition; so is one with a MessageId that the partition remembers.

local KEYS_OF, BEGIN, VALUES = 6, 7, 5
local window, request, fingerprint, request_window = tonumber(ARGV[3]), ARGV[4], ARGV[5], tonumber(ARGV[6])
local recognition = {}
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

-- What the functions below need of a partition, whose first key is KEYS[key].
function recognition.begin(part, key)
  part.relayed, part.message_ids, part.older_message_ids = KEYS[key + 3], KEYS[key + 4], KEYS[key + 5]
  part.last, part.ids = {}, {}
end

-- Say whether the entry whose values begin at ARGV[i] is new to the partition.
function recognition.is_new(part, i)
  local relay_id, message_id = ARGV[i + 2], ARGV[i + 3]
  return (relay_id == '' or is_new_of_relay(part, relay_id)) and (message_id == '' or is_new_message(part, message_id))
end

-- Remember what was written to the partition.
function recognition.finish(part)
  for source, last in pairs(part.last) do redis.call('HSET', part.relayed, source, last) end
  if next(part.ids) then remember(part.message_ids, part.older_message_ids, part.ids, now, window) end
end

-- Return 'known' if the request has come before, 'another' if one with its key has; nil for a new one.
function recognition.request()
  if request == '' then return nil end
  local known, its_fingerprint = recall(KEYS[#KEYS - 1], KEYS[#KEYS], request, now, request_window)
  return known and (its_fingerprint == fingerprint and 'known' or 'another')
end

-- Remember the request, if it has a key.
function recognition.finish_request()
  if request ~= '' then remember(KEYS[#KEYS - 1], KEYS[#KEYS], {[request] = fingerprint}, now, request_window) end
end
