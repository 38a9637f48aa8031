-- Draw a board's sample anew from all its members, each set of them equally likely: Floyd's algorithm (Bentley, Programming
-- pearls: A sample of brilliance, CACM 30, 1987). ZRANDMEMBER would be shorter, but on Redis 6.2 it favours some members by a
-- half over others.
--
-- KEYS[1]  sorted set, member -> units
-- KEYS[2]  sorted set, the sample; see sample.lua
-- ARGV     a random number from [0, 1) for each place of the sample; without any, the board has no sample afterwards
--
-- Returns how many members are in the sample.

local size = redis.call('ZCARD', KEYS[1])
local wanted = math.min(#ARGV, size)
local is_taken = {}

-- Changes nothing, as no member has an empty name: unlike DEL, it is refused if memory is full.
if wanted > 0 then redis.call('ZADD', KEYS[1], 'XX', 0, '') end
redis.call('DEL', KEYS[2])
for slot = 1, wanted do
  local last = size - wanted + slot - 1
  local rank = math.floor(tonumber(ARGV[slot]) * (last + 1))
  if is_taken[rank] then rank = last end
  is_taken[rank] = true
  redis.call('ZADD', KEYS[2], slot, redis.call('ZRANGE', KEYS[1], rank, rank)[1])
end

local ms = redis.call('PTTL', KEYS[1])
if ms > 0 and wanted > 0 then redis.call('PEXPIRE', KEYS[2], ms) end
return wanted
