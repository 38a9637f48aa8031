-- Read a board's sample with its scores, and both ends of the board: as many of its lowest and of its highest members as the
-- sample has, within limits.
--
-- KEYS[1]  sorted set, member -> units
-- KEYS[2]  sorted set, the sample; see sample.lua
-- ARGV[1]  fewest members of an end
-- ARGV[2]  most members of an end
--
-- Returns {1 if there is a sample, size of the board, sample, lowest, highest}, the three as member, units, member, units and
-- so on, ascending. If both ends would cover the board, `lowest` has all of it, and the others are empty.

local size = redis.call('ZCARD', KEYS[1])
local held = redis.call('ZCOUNT', KEYS[2], 1, '+inf')
local ends = math.min(math.max(held, ARGV[1]), ARGV[2])
local exists = redis.call('EXISTS', KEYS[2])
if size <= 2 * ends then return {exists, size, {}, redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES'), {}} end
return {
  exists, size,
  redis.call('ZINTER', 2, KEYS[1], KEYS[2], 'WEIGHTS', 1, 0, 'WITHSCORES'),
  redis.call('ZRANGE', KEYS[1], 0, ends - 1, 'WITHSCORES'),
  redis.call('ZRANGE', KEYS[1], -ends, -1, 'WITHSCORES'),
}
