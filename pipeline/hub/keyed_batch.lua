-- Record the intent of a batch that has an Idempotency-Key, unless a request with the key has come before. On a cluster;
-- after numbers.lua and remembered.lua. See batches.py.
--
-- KEYS  intents (stream), idempotency_keys, older_idempotency_keys (hashes), as in keys.py
-- ARGV[1]  id of the key, ARGV[2] the request's fingerprint, ARGV[3] ms for which the two are remembered
-- ARGV[4..]  the intent, fields and values; nothing to record none, only to look
--
-- Returns {'recorded', the batch's id}, {'known', the batch's id} or {'another'}, as append.lua does; {'new'} if it only
-- looked.

local intents, newer, older = unpack(KEYS)
local request, fingerprint, window, now = ARGV[1], ARGV[2], tonumber(ARGV[3]), time_ms()

local known, rest = recall(newer, older, request, now, window)
if known then
  local its_fingerprint, batch = string.match(rest, '^(%S+) (%S+)$')
  if its_fingerprint ~= fingerprint then return {'another'} end
  return {'known', batch}
end
if not ARGV[4] then return {'new'} end
local batch = redis.call('XADD', intents, '*', unpack(ARGV, 4))
remember(newer, older, {[request] = fingerprint .. ' ' .. batch}, now, window)
return {'recorded', batch}
