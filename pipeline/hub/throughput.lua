-- Take a batch out of buckets, of which each has what one may send in a second: bytes, events, or both. After
-- numbers.lua.
--
-- KEYS     a bucket each: a hash of at (ms since the Unix epoch), bytes, events (what was left then; below 0 after a
--          large batch)
-- ARGV[1], ARGV[2]  bytes and events of the batch; below 0 they are put back, which nothing refuses
-- ARGV[3], ...      bytes and events a second of each bucket, in the order of KEYS; 0: no limit
--
-- Returns {0, 0} if the batch may go, or {ms to wait, bucket}: the longest wait, and whose it is (from 1). Then nothing was
-- taken out of any bucket. A batch may go as soon as no bucket is empty, even if it takes more than is left: otherwise
-- one that is larger than a second's throughput could never go.

local taken = {bytes = tonumber(ARGV[1]), events = tonumber(ARGV[2])}
local now = time_ms()
local wait, whose = 0, 0
local buckets = {}

for i, key in ipairs(KEYS) do
  local was = redis.call('HMGET', key, 'at', 'bytes', 'events')
  local elapsed = was[1] and math.max(0, now - was[1]) or 1000
  local sizes = {bytes = tonumber(ARGV[1 + 2 * i]), events = tonumber(ARGV[2 + 2 * i])}
  local bucket = {refill = 0, left = {bytes = 0, events = 0}}
  local left = {bytes = tonumber(was[2]), events = tonumber(was[3])}
  for name, size in pairs(sizes) do
    if size > 0 then
      local now_left = math.min(size, (left[name] or size) + size * elapsed / 1000)
      local its_wait = now_left <= 0 and math.ceil(-now_left * 1000 / size) + 1 or 0
      if its_wait > wait then wait, whose = its_wait, i end
      bucket.left[name] = now_left - taken[name]
      bucket.refill = math.max(bucket.refill, (size - bucket.left[name]) * 1000 / size)
    end
  end
  buckets[i] = bucket
end
if wait > 0 and taken.events >= 0 then return {wait, whose} end

-- What is put back takes no memory, and so may go on although there is none: see store/while_full.py.
if taken.events < 0 then redis.call('PEXPIRE', KEYS[1], 1000) end
for i, key in ipairs(KEYS) do
  local left = buckets[i].left
  redis.call('HSET', key, 'at', text(now),
    'bytes', text(left.bytes), 'events', string.format('%.3f', left.events))
  redis.call('PEXPIRE', key, math.ceil(buckets[i].refill) + 1000)
end
return {0, 0}
