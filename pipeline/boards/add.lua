-- Add to a member's score, if the result stays exact.
--
-- KEYS[1]  sorted set, member -> units
-- ARGV[1]  member
-- ARGV[2]  units to add
-- ARGV[3]  2^53, which no score's magnitude may reach
--
-- Returns the new score as text, or nil (and changes nothing) if it is out of range.

local units = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or 0) + tonumber(ARGV[2])
-- Two magnitudes below 2^53 add up to less than 2^54. Doubles there are even numbers only, but none of them rounds
-- to below 2^53, so the comparison is exact although the sum may not be.
if math.abs(units) >= tonumber(ARGV[3]) then return false end
local text = string.format('%.0f', units)
redis.call('ZADD', KEYS[1], text, ARGV[1])
return text
