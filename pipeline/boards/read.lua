-- Answer queries about one state of a board, or of one of its segments.
--
-- KEYS     those of tree.lua
-- ARGV[1]  the form that the caller assumes, '' if it does not matter
-- ARGV[2]  and on: queries, each a name and its arguments
--
--     lowest n full      totals of the n lowest scores, of all if there are fewer; of all but the -n highest if n < 0
--     below units full   totals of the scores less than these units
--     most hi lo         totals of as many of the lowest scores from 0 up as sum to no more than hi * 2^40 + lo
--     rows first last    member, score ... of these ranks
--     above units n      member, score ... of the n lowest that have at least so many units
--     under units n      member, score ... of the n highest that have fewer, from the highest
--     count units        the number of scores less than these units
--     distinct x y       different scores between x and y, neither included, from x on; before them 1 if there are more
--     find member        {score, rank, name in the sorted set} or nil
--     at units member    the rank that a member with that score has or would have
--     info               {size, version, form, flags, expires, sample, most, logged}, form '' if there is no board
--
-- Returns a list of answers, or, if the only query is for totals, these alone, because a list takes Redis as long as a
-- step of the walk. Totals are packed doubles: count, hi, lo, copies, score; the sum is hi * 2^40 + lo + copies *
-- score, which Python computes, since its integers have no limit. If `full` is '1', these follow: distinct; a, b and c,
-- from which the squares add up to a + 2^45 b + 2^90 c + copies * score^2. Each query costs O(log n).
--
-- An error that begins with STALE says that set and tree disagree; with FORM, which form the board has.

local size = call('ZCARD', KEYS[1])
local head = call('GETRANGE', KEYS[2], 0, HEADER_SIZE - 1)
local exists = head ~= ''
if not exists then head = MAGIC .. string.rep('\0', HEADER_SIZE - 4) end
local board = head
if KEYS[3] then  -- a segment has the settings of its board
  board = call('GETRANGE', KEYS[3], 0, HEAD_SIZE - 1)
  exists = board ~= ''
  if not exists then board = MAGIC .. string.rep('\0', HEAD_SIZE - 4) end
end
if string.sub(board, 1, 4) ~= MAGIC or string.sub(head, 1, 4) ~= MAGIC then return redis.error_reply(IS_OLD) end
local version, places, flags, expires, sample, generation, most, logged = unpack_(SETTINGS, board, SETTINGS_AT)
local form = exists and form_of(places, flags, generation) or form_of(DEFAULT_PLACES, 0, 0)
if ARGV[1] ~= '' and tonumber(ARGV[1]) ~= form then return redis.error_reply('FORM ' .. form) end

-- A sum is a walk down from the roots: it passes nodes as long as all of their scores are wanted, and goes down into the
-- first node of which only some are, until a leaf, which it cuts. A page is read by halves, from the end that is nearer: from
-- the higher one, all scores are wanted at first, and then what is above is left out again. In the walk, `text` has the
-- nodes that were read, and the next one begins at `at`. A sum is hi * 2^40 + lo, in which lo may grow beyond 2^40.

-- Pass the nodes of the `wanted` lowest scores. Returns the count and the sum of what was passed; the node that is to be
-- cut, nil if there is nothing to cut, as what is below it, area, bits and cell; and how many of its scores are wanted.
local function pass_nodes(text, wanted, add_full)
  local call, unpack_, count, lo, hi = redis.call, struct.unpack, 0, 0, 0
  local at, step, first, left, sign = HEAD_SIZE + 1, NODE_SIZE, nil, wanted, 1
  local n, l, h = unpack_(NODE_SUM, text, at)
  while true do
    while n <= left do
      left, count, lo, hi = left - n, count + sign * n, lo + sign * l, hi + sign * h
      if add_full then add_full(unpack_(NODE_FULL, text, at + FULL_AT)) end
      if left == 0 then return count, lo, hi end
      at = at + step
      if at > #text then
        if not first then return count, lo, hi end  -- both roots were passed
        text, at = call('GETRANGE', KEYS[2], first + 16 * NODE_SIZE, first + 32 * NODE_SIZE - 1), 1
      elseif at < 1 then
        text, at = call('GETRANGE', KEYS[2], first, first + 16 * NODE_SIZE - 1), 1 + 15 * NODE_SIZE
      end
      n, l, h = unpack_(NODE_SUM, text, at)
    end
    if left <= 0 then return count, lo, hi end
    local below, area, bits, cell = unpack_(NODE_BELOW, text, at + BELOW_AT)
    if sign < 0 then count, lo, hi, left = count - n, lo - l, hi - h, n - left end
    if below ~= DIGITS and below ~= OCTAVES then return count, lo, hi, below, area, bits, cell, left end
    first = area * 8 + 2
    if add_full or below == OCTAVES or left * 2 <= n then  -- most scores are in the lowest octaves
      text, at, step, sign = call('GETRANGE', KEYS[2], first, first + 16 * NODE_SIZE - 1), 1, NODE_SIZE, 1
    else
      count, lo, hi, left = count + n, lo + l, hi + h, n - left
      text, at, step, sign = call('GETRANGE', KEYS[2], first + 16 * NODE_SIZE, first + 32 * NODE_SIZE - 1), 1 + 15 * NODE_SIZE, -NODE_SIZE, -1
    end
    n, l, h = unpack_(NODE_SUM, text, at)
  end
end

-- How many scores of a leaf are less than a limit that is in its cell.
local function below_in_leaf(area, r, bits, limit)
  local call, unpack_, runs, bytes = redis.call, struct.unpack, 2 ^ r, math.ceil((bits - r) / 8)
  local first, count = area * 8 + 2, 0
  local offset = limit % 2 ^ (bits - r)
  local run = (limit - offset) / 2 ^ (bits - r) % runs
  local entries = call('GETRANGE', KEYS[2], first, first + (run + 1) * RUN_SIZE - 1)
  for i = 0, run - 1 do count = count + unpack_('<I2', entries, i * RUN_SIZE + 3) end
  local start, last = unpack_('<I2I2', entries, run * RUN_SIZE + 1)
  if last == 0 or bytes == 0 then return count end
  local at, place = first + runs * RUN_SIZE + 2 + start * bytes, 0
  local slots = call('GETRANGE', KEYS[2], at, at + last * bytes - 1)
  while place < last do
    local middle = math.floor((place + last) / 2)
    if unpack_('<I' .. bytes, slots, middle * bytes + 1) < offset then place = middle + 1 else last = middle end
  end
  return count + place
end

-- Pass the nodes of the scores below a limit. Returns what `pass_nodes` does.
local function pass_below(text, limit, add_full)
  local call, unpack_, count, lo, hi = redis.call, struct.unpack, 0, 0, 0
  local at, target = HEAD_SIZE + 1, HEAD_SIZE + (limit > 0 and NODE_SIZE or 0) + 1  -- the place of the node that may have the limit
  while true do
    local n, l, h = unpack_(NODE_SUM, text, at)
    local below, area, bits, cell = unpack_(NODE_BELOW, text, at + BELOW_AT)
    if at == target and (n == 0 or limit <= cell * 2 ^ bits) then return count, lo, hi end
    if at < target or (cell + 1) * 2 ^ bits <= limit then
      count, lo, hi = count + n, lo + l, hi + h
      if add_full then add_full(unpack_(NODE_FULL, text, at + FULL_AT)) end
      if at == target then return count, lo, hi end
      at = at + NODE_SIZE
    elseif below ~= DIGITS and below ~= OCTAVES then
      return count, lo, hi, below, area, bits, cell, below_in_leaf(area, below - LEAF, bits, limit)
    else
      local _, exponent = math.frexp(limit)
      target = below == OCTAVES and math.max(exponent + 31 - bits, 0) or math.floor(limit / 2 ^ (bits - 5)) % 32
      at, target = 1, target * NODE_SIZE + 1
      text = call('GETRANGE', KEYS[2], area * 8 + 2, area * 8 + target + NODE_SIZE)
    end
  end
end

-- The sum of the `wanted` lowest scores of a leaf, each less the first unit of the leaf. Of the run that is cut, the
-- shorter side is read.
local function cut_leaf(area, r, bits, wanted)
  local call, unpack_, runs, width, bytes = redis.call, struct.unpack, 2 ^ r, 2 ^ (bits - r), math.ceil((bits - r) / 8)
  local first = area * 8 + 2
  local entries = call('GETRANGE', KEYS[2], first, first + runs * RUN_SIZE - 1)
  local run, sum, at = 0, 0, 1
  local start, count, excess = unpack_(RUN, entries)
  while count < wanted do
    wanted, sum, run, at = wanted - count, sum + excess + count * run * width, run + 1, at + RUN_SIZE
    start, count, excess = unpack_(RUN, entries, at)
  end
  sum = sum + wanted * run * width
  local sign = 1
  if wanted * 2 > count then sum, start, wanted, sign = sum + excess, start + wanted, count - wanted, -1 end
  if wanted > 0 and bytes > 0 then
    at = first + runs * RUN_SIZE + 2 + start * bytes
    local offsets = {unpack_('<' .. string.rep('I' .. bytes, wanted), call('GETRANGE', KEYS[2], at, at + wanted * bytes - 1))}
    for i = 1, wanted do sum = sum + sign * offsets[i] end
  end
  return sum
end

-- Distinct and squares: a function that adds to them, and one that packs them.
local function Full()
  local distinct, a, b, c = 0, 0, 0, 0

  local function add(distinct_1, a_1, b_1, c_1)
    a = a + a_1
    b = b + b_1 + math.floor(a / 2 ^ 45)
    distinct, a, b, c = distinct + distinct_1, a % 2 ^ 45, b % 2 ^ 45, c + c_1 + math.floor(b / 2 ^ 45)
  end

  return add, function() return struct.pack('<dddd', distinct, a, b, c) end
end

-- What few queries need.
local function Rarely()
  local scores_of, square_of = Leaves()

  -- The sum of the `wanted` lowest scores of a leaf, one by one, where its runs don't suffice.
  local function read_leaf(area, r, bits, cell, wanted, add_full)
    local scores, lo, hi = scores_of(KEYS[2], area, r, bits, cell), 0, 0
    for i = 1, wanted do
      local score = scores[i]
      local l = score % 2 ^ 40
      lo, hi = lo + l, hi + (score - l) / 2 ^ 40
      if add_full then add_full(score == scores[i - 1] and 0 or 1, square_of(score)) end
    end
    return lo, hi
  end

  -- A sum less another one; negative if the other is larger.
  local function less(hi, lo, other_hi, other_lo)
    hi, lo = hi - other_hi, lo - other_lo
    if lo < 0 then return hi - 1, lo + 2 ^ 40 end
    return hi, lo
  end

  -- How often a score fits into a sum, computed with powers of 2, by which doubles are multiplied exactly.
  local function long_division(hi, lo, score)
    local copies = 0
    for bit = 40, 0, -1 do
      local part_lo = score * 2 ^ bit % 2 ^ 40
      local part_hi = (score * 2 ^ bit - part_lo) / 2 ^ 40
      if part_hi < hi or part_hi == hi and part_lo <= lo then
        copies = copies + 2 ^ bit
        hi, lo = less(hi, lo, part_hi, part_lo)
      end
    end
    return copies
  end

  -- Totals of as many of the lowest scores from 0 up as fit into left_hi * 2^40 + left_lo.
  local function most(head, left_hi, left_lo)
    local count, lo, hi = 0, 0, 0
    local text, at = head, HEAD_SIZE + NODE_SIZE + 1
    while left_hi >= 0 and at < #text do
      local n, l, h = struct.unpack(NODE_SUM, text, at)
      local below, area, bits, cell = struct.unpack(NODE_BELOW, text, at + BELOW_AT)
      if h < left_hi or h == left_hi and l <= left_lo then
        count, lo, hi = count + n, lo + l, hi + h
        left_hi, left_lo = less(left_hi, left_lo, h, l)
        at = at + NODE_SIZE
      elseif below == EQUAL then
        local copies = long_division(left_hi, left_lo, cell)
        return count + copies, lo, hi, copies, cell
      elseif below >= LEAF then
        for _, score in ipairs(scores_of(KEYS[2], area, below - LEAF, bits, cell)) do
          l = score % 2 ^ 40
          h = (score - l) / 2 ^ 40
          left_hi, left_lo = less(left_hi, left_lo, h, l)
          if left_hi < 0 then break end
          count, lo, hi = count + 1, lo + l, hi + h
        end
        break
      else
        text, at = redis.call('GETRANGE', KEYS[2], area * 8 + 2, area * 8 + 1 + 32 * NODE_SIZE), 1
      end
    end
    return count, lo, hi, 0, 0
  end

  return read_leaf, most
end

-- The rank that a member with this score has or would have: found among those with the same score by name, in Redis's
-- order of bytes.
local function rank_at(units, member)
  local call = redis.call
  local found = call('ZSCORE', KEYS[1], member)
  if found and tonumber(found) == tonumber(units) then return call('ZRANK', KEYS[1], member) end
  local rank = call('ZCOUNT', KEYS[1], '-inf', '(' .. units)
  local limit = rank + call('ZCOUNT', KEYS[1], units, units)
  while rank < limit do
    local middle = math.floor((rank + limit) / 2)
    local other = call('ZRANGE', KEYS[1], middle, middle)[1]
    local i = 1  -- the first byte that differs: Lua's < depends on the locale
    while i <= #member and string.byte(other, i) == string.byte(member, i) do i = i + 1 end
    if (string.byte(other, i) or -1) < (string.byte(member, i) or -1) then rank = middle + 1 else limit = middle end
  end
  return rank
end

local is_stale = unpack_('<I4', head, HEAD_SIZE + 1) + unpack_('<I4', head, HEAD_SIZE + NODE_SIZE + 1) ~= size
local replies
local argument = 2
while ARGV[argument] do
  local by, x, y = ARGV[argument], ARGV[argument + 1], ARGV[argument + 2]
  local reply
  argument = argument + 3
  if by == 'lowest' or by == 'below' then
    -- As a function, this would refer to nine locals outside of it, which costs each call of the script some 5 %.
    if is_stale then return redis.error_reply(IS_STALE) end
    local wanted = tonumber(x)  -- a number of scores, or a limit to them
    if by == 'lowest' and wanted < 0 then wanted = math.max(size + wanted, 0) end
    local add_full, packed_full
    if y == '1' then add_full, packed_full = Full() end

    local count, lo, hi, below, area, bits, cell, left = (by == 'lowest' and pass_nodes or pass_below)(head, wanted, add_full)
    local copies, score = 0, 0
    if below == EQUAL then  -- only their number matters
      count, copies, score = count + left, left, cell
      if add_full then add_full(1, 0, 0, 0) end
    elseif below and (add_full or bits - (below - LEAF) > SUMS_TO_BITS) then
      local l, h = Rarely()(area, below - LEAF, bits, cell, left, add_full)
      count, lo, hi = count + left, lo + l, hi + h
    elseif below then
      local base = cell * 2 ^ bits
      lo = lo + left * (base % 2 ^ 40) + cut_leaf(area, below - LEAF, bits, left)
      count, hi = count + left, hi + left * math.floor(base / 2 ^ 40)
    end
    reply = struct.pack('<ddddd', count, hi, lo, copies, score)
    if add_full then reply = reply .. packed_full() end
  elseif by == 'most' then
    if is_stale then return redis.error_reply(IS_STALE) end
    local _, most = Rarely()
    local count, lo, hi, copies, score = most(head, tonumber(x), tonumber(y))
    reply = struct.pack('<ddddd', count, hi, lo, copies, score)
  elseif by == 'rows' then
    reply = call('ZRANGE', KEYS[1], x, y, 'WITHSCORES')
  elseif by == 'above' then
    reply = call('ZRANGEBYSCORE', KEYS[1], x, '+inf', 'WITHSCORES', 'LIMIT', 0, y)
  elseif by == 'under' then
    reply = call('ZREVRANGEBYSCORE', KEYS[1], '(' .. x, '-inf', 'WITHSCORES', 'LIMIT', 0, y)
  elseif by == 'at' then
    reply = rank_at(x, y)
  elseif by == 'count' then
    argument = argument - 1
    reply = call('ZCOUNT', KEYS[1], '-inf', '(' .. x)
  elseif by == 'distinct' then
    -- In pages that grow while few scores are equal; some 3 ms of them.
    local command = tonumber(x) < tonumber(y) and 'ZRANGEBYSCORE' or 'ZREVRANGEBYSCORE'
    local page, cost, rows = 1, 0
    reply = {1}
    repeat
      rows = call(command, KEYS[1], '(' .. x, '(' .. y, 'WITHSCORES', 'LIMIT', 0, page)
      local known = #reply
      for i = 2, #rows, 2 do
        if rows[i] ~= x then x, reply[#reply + 1] = rows[i], rows[i] end
      end
      cost = cost + 6 + #rows / 2
      page = #reply - known == page and math.min(page * 2, 512) or math.max(1, math.floor(page / 2))
    until #rows == 0 or cost > 2000
    if #rows == 0 then reply[1] = 0 end
  elseif by == 'find' then
    argument = argument - 1
    if math.floor(flags / FIRST_COME) % 2 == 1 then  -- the name in the sorted sets: see arrivals.lua
      x = (call('HGET', string.match(KEYS[3] or KEYS[2], '^.-}:') .. KEY_ARRIVED, x) or '') .. x
    end
    local found = call('ZSCORE', KEYS[1], x)
    reply = found and {found, call('ZRANK', KEYS[1], x), x}
  elseif by == 'info' then
    argument = argument - 2
    reply = {size, version, exists and form or '', flags, expires, sample, most, logged}
  else
    return redis.error_reply('ERR there is no query ' .. by)
  end
  if not replies and not ARGV[argument] and type(reply) == 'string' then return reply end
  replies = replies or {}
  replies[#replies + 1] = reply or false
end
return replies
