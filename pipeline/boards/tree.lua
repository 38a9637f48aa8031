-- The tree of counts and sums beside a board's scores. Python puts this file before each of the other scripts.
--
-- KEYS[1]  sorted set, member -> units
-- KEYS[2]  string, header and nodes of the tree
-- KEYS[3]  hash, scores of leaves
-- KEYS[4]  of a segment alone: KEYS[2] of its board, which has the settings
--
-- A node stands for the scores in a cell of score space: at level L, cell C is all from C * 16^L up to, not including,
-- (C + 1) * 16^L. A node with a page has 16 children, each for the scores in one of the cells 16 C to 16 C + 15 of the
-- level below. A node without a page is a leaf: the hash has its scores, at most 1280. A leaf of level 0 is one unit
-- wide, stands for any number of equal scores, and needs nothing in the hash.
--
-- The cell of a node, at any depth, is the smallest that has held all its scores so far: it grows when a score falls
-- outside. So digits that never differ cost nothing. In this example, 5000 scores are 7, and 30 are between 0x6100 and
-- 0x61ff:
--
--     root   level 4, cell 0           count 5030
--     page   digit 0: level 0, cell 7, count 5000     digit 6: level 2, cell 0x61, count 30      14 x nothing
--
-- No cell holds scores on both sides of 0, so there are two roots: one for the scores below 0, one for the rest.
--
-- The string (little-endian, no gaps):
--     header     64 bytes: 'wzb2'; the settings: version I6, places B, flags B, expires I6, sample I4, generation I4,
--                most I6, logged I6; of the tree: free I4, pages I4; zeros
--     node 14    the root of the scores below 0:
--                count I5, lo I5, hi i6, level B, cell i7, page I4, distinct I5, squares I6 I6 I6
--     node 15    the root of the others
--     node 16    the first of page 1, which are nodes 16 to 31, by digit
--     node 32    the first of page 2 ...
-- A Lua number is a double and exact below 2^53 only, so a sum is hi * 2^40 + lo with 0 <= lo < 2^40, and the squares
-- add up to a + 2^45 b + 2^90 c. `page` is the children's page, 0 for a leaf; `distinct` is how many different scores
-- there are. In a node without scores, all fields are 0.
--
-- The hash has a field for each leaf above level 0, named by the number of the node. A leaf's scores are in 16 runs, by
-- their next digit. The field is:
--     16 times, for each run: count I2, sum I6 of its scores, each less the first unit of the run; 0 above level 10,
--     where the sum would not fit
--     each score, ascending, less the first unit of its run, in level / 2 bytes, rounded down
--
-- The settings: `version` counts the calls that changed the board. `places` is how many digits a score has after the
-- point. `flags`: 1, the board is kept when its last member is removed; 2, it has segments; 4, the lowest score is the
-- best; 8, of equal scores the one that came first is the better; 16, it may be held, so that nobody may change it: see
-- hold.lua. `expires`: Unix time in ms, 0 for never. `sample`: how
-- many members the reservoir sample has room for, 0 for none. `generation`: another number each time that the board is
-- replaced. `most`: how many members the board keeps, 0 for all. `logged`: Unix time in ms until which changes are
-- logged, 0 for none. Places, the flags 4 and 8 and the generation are the board's *form*, which form.py explains.
--
-- `free` is the first page that is not in use, 0 for none; such a page begins with the number (I4) of the next unused
-- one. `pages` counts used and unused pages.

-- Where a name in capitals is used, lua.py puts its value in place of it; see there for KEY_ and other names that are not
-- defined here.
local MAGIC = 'wzb2'
local SETTINGS = '<I6BBI6I4I4I6I6'  -- version, places, flags, expires, sample, generation, most, logged
local SETTINGS_AT = 5
local SETTINGS_SIZE = 34
local FLAGS_AT = 12
local LOGGED_AT = 33
local KEPT = 1  -- flags
local LOWEST_FIRST = 4
local FIRST_COME = 8
local HELD = 16
local PAGES_AT = 39
local HEAD_SIZE = 64
local NODE = '<I5I5i6Bi7I4I5I6I6I6'
local NODE_SIZE = 51
local NODE_SUM = '<I5I5i6'  -- count, lo, hi: the beginning of a node
local NODE_CELL = '<Bi7I4'  -- level, cell and page, which are CELL_AT bytes further on
local CELL_AT = 16
local NODE_FULL = '<I5I6I6I6'  -- distinct and squares, which are FULL_AT bytes after the beginning
local FULL_AT = 28
local NODE_0 = HEAD_SIZE - 14 * NODE_SIZE  -- where node 0 would be
local HEADER_SIZE = HEAD_SIZE + 2 * NODE_SIZE  -- with the roots
local RUN = '<I2I6'
local RUN_SIZE = 8
local LEAF_SIZE = 16 * RUN_SIZE  -- without its scores
local SUMS_TO_LEVEL = 10
local IS_OLD = 'STALE they are in an old layout'
local IS_STALE = 'STALE another program wrote to it'

local call, unpack_ = redis.call, struct.unpack

-- A board's form as a number: see form.py.
local function form_of(places, flags, generation)
  return (generation * 4 + math.floor(flags / 4) % 4) * 16 + places
end

-- Each call of a script makes its functions anew: each takes 0.04 us, and 0.1 us more for each local outside of it to
-- which it refers. So functions that few calls need are made only for these, and most functions refer to no such local.
local function arithmetic()
  local unpack_ = struct.unpack

  -- The scores of a leaf, ascending.
  local function scores_of(leaf, level, cell)
    local scores, size = {}, math.floor(level / 2)
    local at = LEAF_SIZE + 1
    for run = 0, 15 do
      local first = (cell * 16 + run) * 16 ^ (level - 1)
      local count = unpack_(RUN, leaf, run * RUN_SIZE + 1)
      local offsets = size > 0 and {unpack_('<' .. string.rep('I' .. size, count), leaf, at)}
      for i = 1, count do scores[#scores + 1] = first + (offsets and offsets[i] or 0) end
      at = at + count * size
    end
    return scores
  end

  -- The square of a score as a, b and c.
  local function square_of(score)
    local l = score % 2 ^ 27
    if l >= 2 ^ 26 then l = l - 2 ^ 27 end
    local h = (score - l) / 2 ^ 27  -- so that h * h, h * l and l * l are exact
    local hh, hl, ll = h * h, h * l, l * l
    local q, v, x = hh % 2 ^ 36, hl % 2 ^ 17, ll % 2 ^ 45
    return x + v * 2 ^ 28, q * 2 ^ 9 + (hl - v) / 2 ^ 17 + (ll - x) / 2 ^ 45, (hh - q) / 2 ^ 36
  end

  return scores_of, square_of
end
