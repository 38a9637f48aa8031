-- Add up the lowest or highest scores, or those below a score, exactly. O(log n).
--
-- KEYS     those of tree.lua
-- ARGV[1]  'asc' or 'desc': the scores of rank 0 to k; 'below': those less than k
-- ARGV[2]  k
--
-- Returns {count, hi, lo, copies, score}; the sum is hi * 2^40 + lo + copies * score, for which Python has the numbers. An
-- error that begins with STALE says that set and tree disagree.
--
-- One walk down from the roots adds the nodes that are passed: those before rank `wanted`, or before the score `limit`. It
-- ends in a leaf, of which a part is read from the set. The highest are all but the lowest.

local _, _, n1, lo1, hi1 = unpack_(ENTRY, header, 9)
local _, _, n2, lo2, hi2 = unpack_(ENTRY, header, 9 + ENTRY_SIZE)
local size = n1 + n2
if size ~= call('ZCARD', KEYS[1]) then return redis.error_reply(STALE) end

local order, k = ARGV[1], tonumber(ARGV[2])
local limit = order == 'below' and k
local wanted = limit and size or math.min(k + 1, size)
if order == 'desc' then wanted = size - wanted end

local count, lo, hi = 0, 0, 0  -- of what was passed
local level, cell, n, l, h, page  -- the node that we are at
local is_inside  -- whether the last of what is wanted is in that node
local entries, first = header, 9
repeat
  is_inside = false
  for at = first, #entries, ENTRY_SIZE do
    level, cell, n, l, h, page = unpack_(ENTRY, entries, at)
    if count + n > wanted or limit and n > 0 and limit < (cell + 1) * 16 ^ level then
      is_inside = count < wanted and (not limit or limit > cell * 16 ^ level)
      break
    end
    count, lo, hi = count + n, lo + l, hi + h
    page = 0
  end
  if page ~= 0 and is_inside then
    local at = HEADER_SIZE + (page - 1) * PAGE_SIZE
    entries, first = call('GETRANGE', KEYS[2], at, at + PAGE_SIZE - 1), 1
  end
until page == 0 or not is_inside

local copies, unit = 0, 0
local missing = wanted - count
if is_inside and level == 0 then
  count, copies, unit = wanted, missing, cell
elseif is_inside then
  local rows
  local sign = 1
  if limit then
    local least = string.format('%.0f', cell * 16 ^ level)
    rows = call('ZRANGEBYSCORE', KEYS[1], least, string.format('(%.0f', limit), 'WITHSCORES')
    count = count + #rows / 2
  else
    -- The shorter side of the leaf: what is still to be added, or what to take off the whole.
    local from, to = count, wanted - 1
    if missing > n / 2 then
      from, to = wanted, count + n - 1
      lo, hi, sign = lo + l, hi + h, -1
    end
    count = wanted
    rows = call('ZRANGE', KEYS[1], from, to, 'WITHSCORES')
  end
  local width = 16 ^ level
  if rows[2] and (floor(rows[2] / width) ~= cell or floor(rows[#rows] / width) ~= cell) then return redis.error_reply(STALE) end
  local low, high = 0, 0  -- both exact: high is a multiple of 2^40
  for i = 2, #rows, 2 do
    local part = rows[i] % STEP  -- Lua makes numbers of the texts
    low, high = low + part, high + (rows[i] - part)
  end
  lo, hi = lo + sign * low, hi + sign * high / STEP
end
if order ~= 'desc' then return {count, hi, lo, copies, unit} end
return {size - count, hi1 + hi2 - hi, lo1 + lo2 - lo, -copies, unit}
