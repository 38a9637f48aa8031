-- Add up the scores of rank 0 to k, exactly. O(k).
--
-- KEYS[1]  sorted set, member -> units
-- ARGV[1]  k, the last rank to take in; -1 for all
-- ARGV[2]  'asc' or 'desc'
--
-- Returns {count, high, low} as text; the sum is high * 2^40 + low. A Lua number is a double and exact up to 2^53
-- only: each score, below 2^53, adds less than 2^13 to high, which so stays exact for 2^40 scores, and low stays
-- below 2^40 in magnitude.

local STEP = 2 ^ 40
local PAGE = 1000

local last = tonumber(ARGV[1])
local size = redis.call('ZCARD', KEYS[1])
if last < 0 or last >= size then last = size - 1 end
local range = ARGV[2] == 'desc' and 'ZREVRANGE' or 'ZRANGE'

local high, low = 0, 0
for first = 0, last, PAGE do
  local rows = redis.call(range, KEYS[1], first, math.min(first + PAGE - 1, last), 'WITHSCORES')
  for i = 2, #rows, 2 do
    local score = tonumber(rows[i])
    local carry = score - math.fmod(score, STEP)
    low = low + (score - carry)
    high = high + carry / STEP
    local over = low - math.fmod(low, STEP)
    low = low - over
    high = high + over / STEP
  end
end
return {string.format('%.0f', last + 1), string.format('%.0f', high), string.format('%.0f', low)}
