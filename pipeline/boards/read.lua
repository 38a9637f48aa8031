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
-- Header, roots and page 1, which nearly always is a root's page.
local head = call('GETRANGE', KEYS[2], 0, HEADER_SIZE + 16 * NODE_SIZE - 1)
local exists = head ~= ''
if not exists then head = MAGIC .. string.rep('\0', HEADER_SIZE - 4) end
local board = head
if KEYS[4] then  -- a segment has the settings of its board
  board = call('GETRANGE', KEYS[4], 0, HEAD_SIZE - 1)
  exists = board ~= ''
  if not exists then board = MAGIC .. string.rep('\0', HEAD_SIZE - 4) end
end
if string.sub(board, 1, 4) ~= MAGIC or string.sub(head, 1, 4) ~= MAGIC then return redis.error_reply(IS_OLD) end
local version, places, flags, expires, sample, generation, most, logged = unpack_(SETTINGS, board, SETTINGS_AT)
local form = exists and form_of(places, flags, generation) or form_of(DEFAULT_PLACES, 0, 0)
if ARGV[1] ~= '' and tonumber(ARGV[1]) ~= form then return redis.error_reply('FORM ' .. form) end

-- A sum is a walk down from the roots: it adds up and passes nodes as long as all of their scores are wanted, and goes
-- down into the first node of which only some are, until a leaf, which it cuts. `text` has the nodes that were read,
-- and the next one begins at `at`; its number is page * 16 + digit, the roots being digits 14 and 15 of page 0. A sum
-- is hi * 2^40 + lo, in which lo may grow beyond 2^40.

-- The children of a node, as text and place. `head` has those of page 1.
local function children(head, page)
  if page == 1 then return head, HEADER_SIZE + 1 end
  local first = NODE_0 + page * 16 * NODE_SIZE
  return redis.call('GETRANGE', KEYS[2], first, first + 16 * NODE_SIZE - 1), 1
end

-- Walks for a number of scores.
local function ByCount()
  -- Pass the nodes of the `wanted` lowest scores. Returns the count and the sum of what was passed, the leaf that is to be cut (its
  -- number, level and cell; nil if there is nothing to cut), and how many of its scores are wanted.
  local function pass_nodes(children, head, wanted, add_full)
    local unpack_, count, lo, hi = struct.unpack, 0, 0, 0
    local text, at, page, digit = head, HEAD_SIZE + 1, 0, 14
    while wanted > 0 and digit < 16 do
      local n, l, h = unpack_(NODE_SUM, text, at)
      if n <= wanted then
        count, lo, hi, wanted = count + n, lo + l, hi + h, wanted - n
        if add_full then add_full(unpack_(NODE_FULL, text, at + FULL_AT)) end
        digit, at = digit + 1, at + NODE_SIZE
      else
        local level, cell, below = unpack_(NODE_CELL, text, at + CELL_AT)
        if below == 0 then return count, lo, hi, page * 16 + digit, level, cell, wanted end
        page, digit = below, 0
        text, at = children(head, page)
      end
    end
    return count, lo, hi
  end

  -- Pass the runs of a leaf that have the `wanted` lowest scores. Returns the sum of these, each less the first unit of
  -- the leaf, and the run that is to be cut: its number; where in the leaf it begins, is cut and ends; the sum of all
  -- of its scores, each less the run's own first unit.
  local function pass_runs(leaf, level, wanted)
    local unpack_, run, first, sum, width = struct.unpack, 0, 0, 0, 16 ^ (level - 1)
    local count, excess = unpack_(RUN, leaf, 1)
    while first + count <= wanted do
      first, sum, run = first + count, sum + excess + count * run * width, run + 1
      count, excess = unpack_(RUN, leaf, run * RUN_SIZE + 1)
    end
    return sum, run, first, wanted, first + count, excess
  end

  return pass_nodes, pass_runs
end

-- Walks for the scores below a limit. Both functions return what those of `ByCount` do, without the number of scores
-- that are still wanted.
local function ByScore()
  local function pass_nodes(children, head, limit, add_full)
    local unpack_, count, lo, hi = struct.unpack, 0, 0, 0
    local text, at, page, digit = head, HEAD_SIZE + 1, 0, 14
    local target = limit > 0 and 15 or 14  -- the digit of the node that contains the limit: all nodes before it are wanted
    while true do
      local n, l, h = unpack_(NODE_SUM, text, at)
      local level, cell, below
      if digit == target then
        level, cell, below = unpack_(NODE_CELL, text, at + CELL_AT)
        if n == 0 or limit <= cell * 16 ^ level then return count, lo, hi end
      end
      if digit < target or (cell + 1) * 16 ^ level <= limit then
        count, lo, hi = count + n, lo + l, hi + h
        if add_full then add_full(unpack_(NODE_FULL, text, at + FULL_AT)) end
        if digit == target then return count, lo, hi end
        digit, at = digit + 1, at + NODE_SIZE
      elseif below == 0 then
        return count, lo, hi, page * 16 + digit, level, cell
      else
        page, digit, target = below, 0, math.floor(limit / 16 ^ (level - 1)) % 16
        text, at = children(head, page)
      end
    end
  end

  local function pass_runs(leaf, level, limit)
    local unpack_, bytes, width = struct.unpack, math.floor(level / 2), 16 ^ (level - 1)
    local offset, first, sum = limit % width, 0, 0
    local target = (limit - offset) / width % 16
    for run = 0, target - 1 do
      local count, excess = unpack_(RUN, leaf, run * RUN_SIZE + 1)
      first, sum = first + count, sum + excess + count * run * width
    end
    local count, excess = unpack_(RUN, leaf, target * RUN_SIZE + 1)
    local cut, above = first, bytes > 0 and first + count or first
    while cut < above do
      local middle = math.floor((cut + above) / 2)
      if unpack_('<I' .. bytes, leaf, LEAF_SIZE + middle * bytes + 1) < offset then cut = middle + 1 else above = middle end
    end
    return sum, target, first, cut, first + count, excess
  end

  return pass_nodes, pass_runs
end

-- The sum of a run's scores, from its first to the cut, each less the first unit of the leaf.
local function cut_run(leaf, level, run, first, cut, last, excess)
  local bytes, width = math.floor(level / 2), 16 ^ (level - 1)
  local sum, sign = 0, 1
  if cut - first > last - cut then  -- the shorter side is read; here it is subtracted from the whole
    sum, sign = excess + (last - first) * run * width, -1
    first, cut = cut, last
  end
  sum = sum + sign * (cut - first) * run * width
  if bytes > 0 and cut > first then
    local format = '<' .. string.rep('I' .. bytes, cut - first)
    local offsets = {struct.unpack(format, leaf, LEAF_SIZE + first * bytes + 1)}
    for i = 1, cut - first do sum = sum + sign * offsets[i] end
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
  -- Count and sum of the `wanted` lowest scores of a leaf that are below `limit`, one by one, where its runs don't
  -- suffice.
  local function read_leaf(arithmetic, leaf, level, cell, wanted, limit, add_full)
    local scores_of, square_of = arithmetic()
    local count, lo, hi, before = 0, 0, 0
    for i, score in ipairs(scores_of(leaf, level, cell)) do
      if i > wanted or score >= limit then break end
      local l = score % 2 ^ 40
      count, lo, hi = i, lo + l, hi + (score - l) / 2 ^ 40
      if add_full then add_full(score == before and 0 or 1, square_of(score)) end
      before = score
    end
    return count, lo, hi
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

  -- Totals of as many of the lowest scores from 0 up as fit into left_hi * 2^40 + left_lo; nil if a leaf is missing.
  local function most(arithmetic, children, head, left_hi, left_lo)
    local count, lo, hi = 0, 0, 0
    if left_hi < 0 then return 0, 0, 0, 0, 0 end
    local text, at, page, digit = head, HEAD_SIZE + NODE_SIZE + 1, 0, 15
    while digit < 16 do
      local n, l, h = struct.unpack(NODE_SUM, text, at)
      local is_passed = h < left_hi or h == left_hi and l <= left_lo
      local level, cell, below
      if not is_passed then level, cell, below = struct.unpack(NODE_CELL, text, at + CELL_AT) end
      if is_passed then
        count, lo, hi = count + n, lo + l, hi + h
        left_hi, left_lo = less(left_hi, left_lo, h, l)
        digit, at = digit + 1, at + NODE_SIZE
      elseif below > 0 then
        page, digit = below, 0
        text, at = children(head, page)
      elseif level == 0 then
        local copies = long_division(left_hi, left_lo, cell)
        return count + copies, lo, hi, copies, cell
      else
        local leaf = redis.call('HGET', KEYS[3], page * 16 + digit)
        if not leaf then return nil end
        for _, score in ipairs(arithmetic()(leaf, level, cell)) do
          l = score % 2 ^ 40
          h = (score - l) / 2 ^ 40
          left_hi, left_lo = less(left_hi, left_lo, h, l)
          if left_hi < 0 then break end
          count, lo, hi = count + 1, lo + l, hi + h
        end
        break
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

local is_stale = unpack_('<I5', head, HEAD_SIZE + 1) + unpack_('<I5', head, HEAD_SIZE + NODE_SIZE + 1) ~= size
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

    local pass_nodes, pass_runs = (by == 'lowest' and ByCount or ByScore)()
    local count, lo, hi, number, level, cell, left = pass_nodes(children, head, wanted, add_full)
    local copies, score = 0, 0
    if number and level == 0 then  -- equal scores: only their number matters
      count, copies, score = count + left, left, cell
      if add_full then add_full(1, 0, 0, 0) end
    elseif number then
      local leaf = call('HGET', KEYS[3], number)
      if not leaf then return redis.error_reply(IS_STALE) end
      if add_full or level > SUMS_TO_LEVEL then
        local most_scores, limit = left or math.huge, left and math.huge or wanted
        local n, l, h = Rarely()(arithmetic, leaf, level, cell, most_scores, limit, add_full)
        count, lo, hi = count + n, lo + l, hi + h
      else
        local sum, run, first, cut, last, excess = pass_runs(leaf, level, left or wanted)
        local base = cell * 16 ^ level
        lo = lo + cut * (base % 2 ^ 40) + sum + cut_run(leaf, level, run, first, cut, last, excess)
        count, hi = count + cut, hi + cut * math.floor(base / 2 ^ 40)
      end
    end
    reply = struct.pack('<ddddd', count, hi, lo, copies, score)
    if add_full then reply = reply .. packed_full() end
  elseif by == 'most' then
    local _, most = Rarely()
    local count, lo, hi, copies, score
    if not is_stale then count, lo, hi, copies, score = most(arithmetic, children, head, tonumber(x), tonumber(y)) end
    if not count then return redis.error_reply(IS_STALE) end
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
      x = (call('HGET', string.match(KEYS[4] or KEYS[2], '^.-}:') .. KEY_ARRIVED, x) or '') .. x
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
