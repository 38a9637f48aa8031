-- The tree of counts and sums beside a board's scores. Python puts this file before each of the other scripts.
--
-- KEYS[1]  sorted set, member -> units
-- KEYS[2]  string, the tree
--
-- A node covers a cell of score space: at level L, cell C holds the scores from C * 16^L up to, not including,
-- (C + 1) * 16^L. It knows how many scores are in there and their sum. A node with a page has 16 children, the cells
-- 16 C to 16 C + 15 of the level below. One without is a leaf: its at most 128 scores are read from the sorted set where
-- they are needed. Level 0 is one unit wide, so a leaf there may stand for any number of equal scores.
--
--     root   level 2, cell 0             0 ................................ 255      count 300
--     page   16 children of level 1      0..15 | 16..31 | 32..47 | ...      240..255
--                                                 |
--     page   16 of level 0                        32 | 33 | 34 | ...
--
-- No cell holds scores on both sides of 0, so there are two trees: root 1 for the scores below 0, root 2 for the rest. A
-- root is the smallest cell that held all its scores so far: it grows when one falls outside, so that leading digits
-- which never differ cost nothing.
--
-- The string (little-endian, no gaps):
--     header   free I4, pages I4, and two roots of: level B, cell i8, entry
--     page 1   16 entries: count I5, lo I5, hi i6, page I4
--     page 2   ...
-- A sum is hi * 2^40 + lo with 0 <= lo < 2^40, since a Lua number is a double and exact below 2^53 only. `page` is the page
-- of the children, 0 for none. `free` is the first page that is not in use, 0 for none, and such a page begins with the
-- number (I4) of the next; `pages` counts both kinds.

local SPLIT, MERGE = 128, 64  -- a leaf of more gets a page; a page of at most so many scores is given up
local STEP = 2 ^ 40
local ENTRY, ENTRY_SIZE = '<I5I5i6I4', 20
local PAGE_SIZE = 16 * ENTRY_SIZE
local HEADER, HEADER_SIZE = '<I4I4Bi8I5I5i6I4Bi8I5I5i6I4', 66

local floor, pack, unpack_ = math.floor, struct.pack, struct.unpack

local function stale()
  return redis.error_reply('STALE the sorted set was changed by another program: rebuild the board')
end

-- Return {free, pages, root 1, root 2}, or nil if the tree doesn't hold as many scores as the set.
local function load_header()
  local text = redis.call('GETRANGE', KEYS[2], 0, HEADER_SIZE - 1)
  if text == '' then text = string.rep('\0', HEADER_SIZE) end
  local free, pages, l1, c1, n1, lo1, hi1, p1, l2, c2, n2, lo2, hi2, p2 = unpack_(HEADER, text)
  if n1 + n2 ~= redis.call('ZCARD', KEYS[1]) then return nil end
  return {
    free = free, pages = pages,
    {level = l1, cell = c1, count = n1, lo = lo1, hi = hi1, page = p1},
    {level = l2, cell = c2, count = n2, lo = lo2, hi = hi2, page = p2},
  }
end

-- Where a page's entries begin.
local function position(page)
  return HEADER_SIZE + (page - 1) * PAGE_SIZE
end

-- The cell of a level that a score is in. Exact: 16^level is a power of two.
local function cell_of(score, level)
  return floor(score / 16 ^ level)
end

-- The arguments of ZRANGEBYSCORE for a cell.
local function bounds(level, cell)
  local width = 16 ^ level
  return string.format('%.0f', cell * width), string.format('(%.0f', (cell + 1) * width)
end
