-- Answer queries about one state of a board, or of one of its segments.
--
-- KEYS     those of tree.lua
-- ARGV[1]  the places that the caller takes the board to have, '' if it doesn't matter
-- ARGV[2]  and on: queries, each a name and its arguments
--
--     lowest n full      the totals of the n lowest scores, of all if there are fewer; of all but the -n highest if n < 0
--     below units full   the totals of the scores less than that
--     most hi lo full    the totals of as many of the lowest scores from 0 up as sum to no more than hi * 2^40 + lo
--     rows first last    member, score ... of these ranks
--     above units n      member, score ... of the n lowest that have at least so many units
--     under units n      member, score ... of the n highest that have less, from the highest
--     find member        {score, rank} or nil
--     at units member    the rank that a member with that score has or would have
--     info               {size, version, places, flags, expires, sample}, places '' if there is no board
--
-- Totals are {count, hi, lo, copies, score}; the sum is hi * 2^40 + lo + copies * score, for which Python has the numbers. If
-- `full` is '1' there follow: distinct, the number of different scores; and HH, HL and LL, in two numbers each (hi * 2^40 + lo),
-- from which the squares add up to (HH << 54) + (HL << 28) + LL + copies * score^2.
--
-- An error that begins with STALE says that set and tree disagree; with PLACES, how many places the board has.

local header = call('GETRANGE', KEYS[2], 0, HEADER_SIZE - 1)
local exists = header ~= ''
if not exists then header = string.rep('\0', HEADER_SIZE) end
local _, _, version, places, flags, expires, sample = unpack_(HEAD, header)
if exists and ARGV[1] ~= '' and tonumber(ARGV[1]) ~= places then return redis.error_reply('PLACES ' .. places) end
local size = call('ZCARD', KEYS[1])

-- How often `unit` goes into hi * 2^40 + lo: long division, by powers of 2 that doubles multiply exactly.
local function quotient(hi, lo, unit)
  local times = 0
  for bit = 40, 0, -1 do
    local product = unit * 2 ^ bit
    local h, l = floor(product / STEP), product % STEP
    if hi > h or hi == h and lo >= l then
      times = times + 2 ^ bit
      hi, lo = hi - h, lo - l
      if lo < 0 then hi, lo = hi - 1, lo + STEP end
    end
  end
  return times
end

-- One walk down from the roots adds the nodes that are passed: those before rank `wanted`, before the score `limit`, or
-- whose sum does not exceed `most`. It ends in a leaf, of which a part is read from the set. nil if set and tree disagree.
local function totals(wanted, limit, most_hi, most_lo)
  local count, lo, hi, skipped = 0, 0, 0, 0
  local level, cell, n, l, h, page
  local is_inside
  local entries, first = header, HEAD_SIZE + 1
  local _, _, n1 = unpack_(ENTRY, header, first)
  local _, _, n2 = unpack_(ENTRY, header, first + ENTRY_SIZE)
  if n1 + n2 ~= size then return nil end
  if most_hi then
    first, skipped = first + ENTRY_SIZE, n1
    if most_hi < 0 then return {0, 0, 0, 0, 0} end
  end
  if wanted and wanted < 0 then wanted = math.max(size + wanted, 0) end
  wanted = math.min(wanted or size, size)
  repeat
    is_inside = false
    for at = first, #entries, ENTRY_SIZE do
      level, cell, n, l, h, page = unpack_(ENTRY, entries, at)
      local stop
      if n > 0 and most_hi then
        local above = floor((lo + l) / STEP)
        stop = hi + h + above > most_hi or hi + h + above == most_hi and (lo + l) % STEP > most_lo
        is_inside = stop
      elseif n > 0 and limit then
        stop = limit < (cell + 1) * 16 ^ level
        is_inside = stop and limit > cell * 16 ^ level
      elseif count + n > wanted then
        stop, is_inside = true, count < wanted
      end
      if stop then break end
      count, lo, hi, page = count + n, lo + l, hi + h, 0
      hi, lo = hi + floor(lo / STEP), lo % STEP
    end
    if page ~= 0 and is_inside then
      local at = HEADER_SIZE + (page - 1) * PAGE_SIZE
      entries, first = call('GETRANGE', KEYS[2], at, at + PAGE_SIZE - 1), 1
    end
  until page == 0 or not is_inside

  local copies, unit = 0, 0
  if is_inside and level == 0 then
    copies, unit = wanted - count, cell
    if most_hi then
      local borrow = most_lo < lo and 1 or 0
      copies = quotient(most_hi - hi - borrow, most_lo - lo + borrow * STEP, cell)
    end
    count = count + copies
  elseif is_inside then
    local width = 16 ^ level
    local from = skipped + count
    local rows = call('ZRANGE', KEYS[1], from, from + n - 1, 'WITHSCORES')
    if floor(rows[2] / width) ~= cell or floor(rows[#rows] / width) ~= cell then return nil end
    for i = 2, #rows, 2 do
      local score = tonumber(rows[i])
      local next_lo = lo + score % STEP
      local next_hi = hi + floor(score / STEP) + floor(next_lo / STEP)
      next_lo = next_lo % STEP
      if most_hi then
        if next_hi > most_hi or next_hi == most_hi and next_lo > most_lo then break end
      elseif limit then
        if score >= limit then break end
      elseif count == wanted then
        break
      end
      count, hi, lo = count + 1, next_hi, next_lo
    end
  end
  return {count, hi, lo, copies, unit}
end

-- Whether a comes before b, by bytes: Lua's < goes by the locale.
local function precedes(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x < y end
  end
  return #a < #b
end

local function rank_at(units, member)
  if tonumber(call('ZSCORE', KEYS[1], member) or 'nan') == tonumber(units) then return call('ZRANK', KEYS[1], member) end
  local first = call('ZCOUNT', KEYS[1], '-inf', '(' .. units)
  local limit = first + call('ZCOUNT', KEYS[1], units, units)
  while first < limit do
    local middle = floor((first + limit) / 2)
    if precedes(call('ZRANGE', KEYS[1], middle, middle)[1], member) then first = middle + 1 else limit = middle end
  end
  return first
end

local replies = {}
local at = 2
while at <= #ARGV do
  local name, a, b, c = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local reply
  local full
  if name == 'lowest' then
    reply, full, at = totals(tonumber(a)), b, at + 3
  elseif name == 'below' then
    reply, full, at = totals(nil, tonumber(a)), b, at + 3
  elseif name == 'most' then
    reply, full, at = totals(nil, nil, tonumber(a), tonumber(b)), c, at + 4
  elseif name == 'rows' then
    reply, at = call('ZRANGE', KEYS[1], a, b, 'WITHSCORES'), at + 3
  elseif name == 'above' then
    reply, at = call('ZRANGEBYSCORE', KEYS[1], a, '+inf', 'WITHSCORES', 'LIMIT', 0, b), at + 3
  elseif name == 'under' then
    reply, at = call('ZREVRANGEBYSCORE', KEYS[1], '(' .. a, '-inf', 'WITHSCORES', 'LIMIT', 0, b), at + 3
  elseif name == 'find' then
    local score = call('ZSCORE', KEYS[1], a)
    reply, at = score and {score, call('ZRANK', KEYS[1], a)}, at + 2
  elseif name == 'at' then
    reply, at = rank_at(a, b), at + 3
  elseif name == 'info' then
    reply, at = {size, version, exists and places or '', flags, expires, sample}, at + 1
  else
    return redis.error_reply('ERR there is no query ' .. tostring(name))
  end
  if reply == nil then return redis.error_reply(STALE) end
  if full == '1' then
    for i = 6, 12 do reply[i] = 0 end
  end
  replies[#replies + 1] = reply
end
return replies
