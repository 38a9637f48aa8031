-- Answer queries about one state of a board, or of one of its segments.
--
-- KEYS     those of tree.lua
-- ARGV[1]  the places that the caller takes the board to have, '' if it doesn't matter
-- ARGV[2]  and on: queries, each a name and its arguments
--
--     lowest n full      totals of the n lowest scores, of all if there are fewer; of all but the -n highest if n < 0
--     below units full   totals of the scores less than that
--     most hi lo full    totals of as many of the lowest scores from 0 up as sum to no more than hi * 2^40 + lo
--     rows first last    member, score ... of these ranks
--     above units n      member, score ... of the n lowest that have at least so many units
--     under units n      member, score ... of the n highest that have less, from the highest
--     find member        {score, rank} or nil
--     at units member    the rank that a member with that score has or would have
--     info               {size, version, places, flags, expires, sample}, places '' if there is no board
--
-- Returns a list of answers; if totals are all that was asked for, these alone, because a list takes Redis as long as a step of
-- the walk. Totals are packed doubles: count, hi, lo, copies, score; the sum is hi * 2^40 + lo + copies * score, for which
-- Python has the numbers. If `full` is '1' there follow: distinct; a, b and c, from which the squares add up to
-- a + 2^45 b + 2^90 c + copies * score^2. Each costs O(log n).
--
-- An error that begins with STALE says that set and tree disagree; with PLACES, how many places the board has.

local size = call('ZCARD', KEYS[1])
-- Header, roots and page 1, which is nearly always below a root.
local head = call('GETRANGE', KEYS[2], 0, HEADER_SIZE + 16 * NODE_SIZE - 1)
local exists = head ~= ''
if not exists then head = string.rep('\0', HEADER_SIZE) end
local _, _, version, places, flags, expires, sample = unpack_(HEAD, head)
if exists and ARGV[1] ~= '' and tonumber(ARGV[1]) ~= places then return redis.error_reply('PLACES ' .. places) end
local negative = unpack_('<I5', head, HEAD_SIZE + 1)
local is_stale = negative + unpack_('<I5', head, HEAD_SIZE + NODE_SIZE + 1) ~= size

local replies
local argument = 2
while ARGV[argument] do
  local by, x, y = ARGV[argument], ARGV[argument + 1], ARGV[argument + 2]
  local reply
  argument = argument + 3

  if by == 'lowest' or by == 'below' or by == 'most' then
    -- One walk down from the roots passes the nodes all of whose scores are wanted: the `limit` lowest, those less than
    -- `limit`, or as many as sum to no more than limit * 2^40 + limit_lo. Then it goes down into the next.
    if is_stale then return redis.error_reply(STALE) end
    local limit, limit_lo, full = tonumber(x), 0, y == '1'
    local text, at, page, digit = head, HEAD_SIZE + 1, 0, 14  -- the next node, and where it is
    if by == 'most' then
      limit_lo, full = tonumber(y), ARGV[argument] == '1'
      argument, at, digit = argument + 1, at + NODE_SIZE, limit < 0 and 16 or 15
    elseif by == 'lowest' and limit < 0 then
      limit = math.max(size + limit, 0)
    end
    local count, lo, hi, copies, score = 0, 0, 0, 0, 0
    local distinct, a, b, c = 0, 0, 0, 0
    local add_full = full and function(distinct_1, a_1, b_1, c_1)
      a = a + a_1
      b = b + b_1 + math.floor(a / 2 ^ 45)
      distinct, a, b, c = distinct + distinct_1, a % 2 ^ 45, b % 2 ^ 45, c + c_1 + math.floor(b / 2 ^ 45)
    end

    -- Of the nodes below the score `limit`, the one that holds it is the first that needs a closer look.
    local target = by ~= 'below' and 15 or limit > 0 and 15 or 14
    while digit <= target do
      local n, l, h = unpack_('<I5I5i6', text, at)
      local level, cell, below
      local is_wanted = digit < target
      if by == 'lowest' then
        is_wanted = n <= limit
      elseif by == 'most' then
        is_wanted = h < limit or h == limit and l <= limit_lo
      elseif digit == target then
        level, cell = unpack_('<Bi7', text, at + 16)
        is_wanted = n == 0 or (cell + 1) * 16 ^ level <= limit
      end
      if is_wanted then
        count, lo, hi = count + n, lo + l, hi + h
        if full then add_full(unpack_('<I5I6I6I6', text, at + 28)) end
        if by == 'lowest' then
          limit = limit - n
        elseif by == 'most' then
          limit, limit_lo = limit - h, limit_lo - l
          if limit_lo < 0 then limit, limit_lo = limit - 1, limit_lo + 2 ^ 40 end
        end
        digit, at = digit + 1, at + NODE_SIZE
      else
        level, cell, below = unpack_('<Bi7I4', text, at + 16)
        if by == 'lowest' and limit == 0 or by == 'below' and limit <= cell * 16 ^ level then break end
        if below > 0 then
          if by == 'below' then target = math.floor(limit / 16 ^ (level - 1)) % 16 end
          text, at, page, digit = head, HEADER_SIZE + 1, below, 0
          if page > 1 then
            local first = NODE_0 + page * 16 * NODE_SIZE
            text, at = call('GETRANGE', KEYS[2], first, first + 16 * NODE_SIZE - 1), 1
          end
        elseif level == 0 then
          score = cell
          if by == 'lowest' then copies, limit = limit, -1 end
          -- How often does it go into the limit? A long division, by powers of 2 that doubles multiply exactly.
          for bit = limit < 0 and -1 or 40, 0, -1 do
            local l = score * 2 ^ bit % 2 ^ 40
            local h = (score * 2 ^ bit - l) / 2 ^ 40
            if h < limit or h == limit and l <= limit_lo then
              copies, limit, limit_lo = copies + 2 ^ bit, limit - h, limit_lo - l
              if limit_lo < 0 then limit, limit_lo = limit - 1, limit_lo + 2 ^ 40 end
            end
          end
          count = count + copies
          if copies > 0 then distinct = distinct + 1 end
          break
        else
          local leaf = call('HGET', KEYS[3], page * 16 + digit)
          if not leaf then return redis.error_reply(STALE) end
          if full or by == 'most' or level > SUMS_TO_LEVEL then
            local scores_of, square_of = arithmetic()
            local before
            for i, score in ipairs(scores_of(leaf, level, cell)) do
              local l = score % 2 ^ 40
              local h = (score - l) / 2 ^ 40
              if by == 'lowest' and i > limit or by == 'below' and score >= limit then break end
              if by == 'most' then
                limit, limit_lo = limit - h, limit_lo - l
                if limit_lo < 0 then limit, limit_lo = limit - 1, limit_lo + 2 ^ 40 end
                if limit < 0 then break end
              end
              count, lo, hi = count + 1, lo + l, hi + h
              if full then add_full(score == before and 0 or 1, square_of(score)) end
              before = score
            end
            break
          end
          -- Pass the runs that are wanted, then find out which of the next one's scores are.
          local bytes, width, run, first = math.floor(level / 2), 16 ^ (level - 1), 0, 0
          local n, excess = unpack_(RUN, leaf, 1)
          if by == 'below' then target = (limit - limit % width) / width % 16 end
          while by == 'below' and run < target or by == 'lowest' and first + n <= limit do
            first, lo, run = first + n, lo + excess + n * run * width, run + 1
            n, excess = unpack_(RUN, leaf, run * RUN_SIZE + 1)
          end
          local last, wanted, scores = first + n, limit, LEAF_SIZE + 1
          if by == 'below' then
            wanted = first
            local above = bytes > 0 and last or first
            while wanted < above do
              local middle = math.floor((wanted + above) / 2)
              if unpack_('<I' .. bytes, leaf, scores + middle * bytes) < limit % width then
                wanted = middle + 1
              else
                above = middle
              end
            end
          end
          local base = cell * 16 ^ level
          count, lo, hi = count + wanted, lo + wanted * (base % 2 ^ 40), hi + wanted * math.floor(base / 2 ^ 40)
          -- The shorter side of the run: what is to be added, or taken off the whole.
          local sign = 1
          if wanted - first > last - wanted then
            sign, first, wanted, lo = -1, wanted, last, lo + excess + n * run * width
          end
          lo = lo + sign * (wanted - first) * run * width
          if bytes > 0 and wanted > first then
            local offsets = {unpack_('<' .. string.rep('I' .. bytes, wanted - first), leaf, scores + first * bytes)}
            for i = 1, wanted - first do lo = lo + sign * offsets[i] end
          end
          break
        end
      end
    end
    if full then
      reply = struct.pack('<ddddddddd', count, hi, lo, copies, score, distinct, a, b, c)
    else
      reply = struct.pack('<ddddd', count, hi, lo, copies, score)
    end
  elseif by == 'rows' then
    reply = call('ZRANGE', KEYS[1], x, y, 'WITHSCORES')
  elseif by == 'above' then
    reply = call('ZRANGEBYSCORE', KEYS[1], x, '+inf', 'WITHSCORES', 'LIMIT', 0, y)
  elseif by == 'under' then
    reply = call('ZREVRANGEBYSCORE', KEYS[1], '(' .. x, '-inf', 'WITHSCORES', 'LIMIT', 0, y)
  elseif by == 'at' then
    local found = call('ZSCORE', KEYS[1], y)
    if found and tonumber(found) == tonumber(x) then
      reply = call('ZRANK', KEYS[1], y)
    else
      reply = call('ZCOUNT', KEYS[1], '-inf', '(' .. x)
      local limit = reply + call('ZCOUNT', KEYS[1], x, x)
      while reply < limit do
        local middle = math.floor((reply + limit) / 2)
        local other = call('ZRANGE', KEYS[1], middle, middle)[1]
        local i = 1  -- the first byte that differs: Lua's < goes by the locale
        while i <= #y and string.byte(other, i) == string.byte(y, i) do i = i + 1 end
        if (string.byte(other, i) or -1) < (string.byte(y, i) or -1) then reply = middle + 1 else limit = middle end
      end
    end
  elseif by == 'find' then
    argument = argument - 1
    local found = call('ZSCORE', KEYS[1], x)
    reply = found and {found, call('ZRANK', KEYS[1], x)}
  elseif by == 'info' then
    argument = argument - 2
    reply = {size, version, exists and places or '', flags, expires, sample}
  else
    return redis.error_reply('ERR there is no query ' .. by)
  end
  if not replies and not ARGV[argument] and type(reply) == 'string' then return reply end
  replies = replies or {}
  replies[#replies + 1] = reply or false
end
return replies
