-- Add up the lowest or highest scores, or those below a score, exactly. O(log n).
--
-- KEYS     those of tree.lua
-- ARGV[1]  'asc' or 'desc': the scores of rank 0 to k; 'below': those less than k
-- ARGV[2]  k
--
-- Returns {count, hi, lo, copies, score}; the sum is hi * 2^40 + lo + copies * score, for which Python has the numbers. An
-- error that begins with STALE says that set and tree disagree.

local header = load_header()
if not header then return stale() end

local order, k = ARGV[1], tonumber(ARGV[2])
local size = header[1].count + header[2].count
local count, hi, lo, copies, unit = 0, 0, 0, 0, 0  -- of the scores passed on the way down

local function pass(node)
  count, hi, lo = count + node.count, hi + node.hi, lo + node.lo
end

-- Add the scores in `rows` (member, score, member, score ...), or subtract them.
local function pass_rows(rows, sign)
  count = count + sign * #rows / 2
  for i = 2, #rows, 2 do
    local score = tonumber(rows[i])
    hi, lo = hi + sign * floor(score / STEP), lo + sign * (score % STEP)
  end
end

-- Go down to a leaf, passing on each page the children before it: the first that would make it more than `wanted` scores,
-- or whose cell holds `score`.
local function descend(node, wanted, score)
  while node.page ~= 0 do
    local page = redis.call('GETRANGE', KEYS[2], position(node.page), position(node.page) + PAGE_SIZE - 1)
    local level, cell = node.level - 1, node.cell * 16
    local target = score and cell_of(score, level)
    for at = 1, PAGE_SIZE, ENTRY_SIZE do
      local n, l, h, p = unpack_(ENTRY, page, at)
      if count + n > wanted or cell == target then
        node = {level = level, cell = cell, count = n, lo = l, hi = h, page = p}
        break
      end
      count, hi, lo, cell = count + n, hi + h, lo + l, cell + 1
    end
  end
  return node
end

-- Pass the lowest `wanted` scores. Returns false if set and tree disagree.
local function lowest(wanted)
  local node = header[1]
  if node.count <= wanted then
    pass(node)
    node = header[2]
    if count + node.count <= wanted then
      pass(node)
      return true
    end
  end
  node = descend(node, wanted)
  local missing = wanted - count
  if missing == 0 then return true end
  if node.level == 0 then
    count, copies, unit = wanted, missing, node.cell
    return true
  end
  -- The shorter side of the leaf: what is still to be added, or what to take off the whole.
  local rows
  if missing <= node.count / 2 then
    rows = redis.call('ZRANGE', KEYS[1], count, wanted - 1, 'WITHSCORES')
    pass_rows(rows, 1)
  else
    rows = redis.call('ZRANGE', KEYS[1], wanted, count + node.count - 1, 'WITHSCORES')
    pass(node)
    pass_rows(rows, -1)
  end
  return cell_of(tonumber(rows[2]), node.level) == node.cell
    and cell_of(tonumber(rows[#rows]), node.level) == node.cell
end

-- Pass the scores of one root that are less than `score`.
local function below(node, score)
  local cell = cell_of(score, node.level)
  if cell > node.cell then return pass(node) end
  if cell < node.cell then return end
  node = descend(node, math.huge, score)
  if node.level > 0 and node.count > 0 then
    local least = bounds(node.level, node.cell)
    pass_rows(redis.call('ZRANGEBYSCORE', KEYS[1], least, string.format('(%.0f', score), 'WITHSCORES'), 1)
  end
end

if order == 'below' then
  below(header[1], k)
  below(header[2], k)
  return {count, hi, lo, 0, 0}
end
local wanted = math.min(k + 1, size)
if order == 'asc' then
  if not lowest(wanted) then return stale() end
  return {count, hi, lo, copies, unit}
end
-- The highest are all but the lowest.
if not lowest(size - wanted) then return stale() end
local a, b = header[1], header[2]
return {wanted, a.hi + b.hi - hi, a.lo + b.lo - lo, -copies, unit}
