-- Append events to one partition: all of them, in order, or none.
--
-- KEYS[1]  stream of events
-- KEYS[2]  string, the next sequence number
-- ARGV[1]  enqueued time, ms since the Unix epoch; '' for now
-- ARGV[2..]  four values an event: body, partition key, content type, properties as JSON; '' where there is none
--
-- Returns the sequence number of the first event.

-- A time before the stream's last is refused by the first XADD, before anything is written.

local count = (#ARGV - 1) / 4
local first = tonumber(redis.call('GET', KEYS[2]) or 0)
for i = 0, count - 1 do
  local at = 2 + i * 4
  local id = '*'
  if ARGV[1] ~= '' then id = string.format('%s-%.0f', ARGV[1], first + i) end  -- 'ms-*' would need Redis 7
  redis.call('XADD', KEYS[1], id,
    'n', string.format('%.0f', first + i), 'b', ARGV[at], 'k', ARGV[at + 1], 't', ARGV[at + 2], 'p', ARGV[at + 3])
end
redis.call('INCRBY', KEYS[2], count)
return first
