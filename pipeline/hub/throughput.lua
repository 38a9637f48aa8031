-- Take a batch out of a hub's throughput: two buckets, of bytes and of events, that fill up in one second.
--
-- KEYS[1]  hash: at (ms since the Unix epoch), bytes, events (what was left then; below 0 after a large batch)
-- ARGV[1]  throughput units
-- ARGV[2], ARGV[3]  bytes and events of the batch
--
-- Returns the ms to wait before the next try, or 0 if the batch may go. It may go as soon as neither bucket is empty,
-- even if it takes more than is left: otherwise a batch that is larger than a second's throughput could never go.

local UNIT = {bytes = 1048576, events = 1000}  -- a second
local taken = {bytes = tonumber(ARGV[2]), events = tonumber(ARGV[3])}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local was = redis.call('HMGET', KEYS[1], 'at', 'bytes', 'events')
local left = {bytes = tonumber(was[2]), events = tonumber(was[3])}
local elapsed = was[1] and math.max(0, now - was[1]) or 1000
local wait, refill = 0, 0
for name, unit in pairs(UNIT) do
  local size = unit * ARGV[1]
  left[name] = math.min(size, (left[name] or size) + size * elapsed / 1000)
  if left[name] <= 0 then wait = math.max(wait, math.ceil(-left[name] * 1000 / size) + 1) end
  refill = math.max(refill, (size - left[name] + taken[name]) * 1000 / size)
end
if wait > 0 then return wait end

redis.call('HSET', KEYS[1], 'at', string.format('%.0f', now),
  'bytes', string.format('%.0f', left.bytes - taken.bytes), 'events', string.format('%.3f', left.events - taken.events))
redis.call('PEXPIRE', KEYS[1], math.ceil(refill) + 1000)
return 0
