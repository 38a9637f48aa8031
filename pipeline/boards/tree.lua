-- The tree of counts and sums beside a board's scores. Python puts this file before each of the other scripts.
--
-- KEYS[1]  sorted set, member -> units
-- KEYS[2]  string, the tree
-- KEYS[3]  of a segment alone: KEYS[2] of its board, which has the settings
--
-- A node stands for the scores in a cell of score space: with B bits, cell C is all from C * 2^B up to, not including,
-- (C + 1) * 2^B. Below a node is one of these:
--
--     EQUAL    nothing: its scores are the same, and with 0 bits, its cell is that score
--     DIGITS   a page of 32 children, by the next 5 bits of a score
--     OCTAVES  a page of 32 children, by the size of a score, in a cell that begins at 0: with e = B - 31, child 0 is for
--              the scores below 2^e, child i for those from 2^(e + i - 1) up to, not including, 2^(e + i)
--     LEAF     its scores, at most 2048; LEAF + r, in 2^r runs, by their next r bits
--
-- The cell of a node, at any depth, has held all its scores so far: it grows when a score falls outside. So digits that
-- never differ cost nothing. Octaves are for many small scores and few large ones, which would take several pages of
-- digits. In this example, 5000 scores are 7, and 30 are between 0x6100 and 0x61ff:
--
--     root    34 bits, cell 0, OCTAVES with e = 3, count 5030
--     page    child 0: 0 bits, cell 7, EQUAL, count 5000    child 12: 8 bits, cell 0x61, LEAF, count 30    30 x nothing
--
-- No cell holds scores on both sides of 0, so there are two roots: one for the scores below 0, one for the rest.
--
-- The string (little-endian, no gaps; places are counted from 0):
--     0      header: 'wzb2'; the settings: version I6, places B, flags B, expires I6, sample I4, generation I4, most I6,
--            logged I6; search I4; zeros
--     64     the root of the scores below 0, a node:
--            count I4, lo I5, hi i6, distinct I4, squares I6 I6 I6, what is below B, area I4, bits B, cell i7
--     114    the root of the others
--     164    zeros
--     168    areas, one behind the other, up to the end of the string
-- A Lua number is a double and exact below 2^53 only, so a sum is hi * 2^40 + lo with 0 <= lo < 2^40, and the squares
-- add up to a + 2^45 b + 2^90 c. `distinct` is how many different scores there are. `area` is where a node's page or leaf
-- is, divided by 8. In a node without scores, all fields are 0.
--
-- An area is a multiple of 8 bytes long, and begins with an I2: its length / 8 * 2, + 1 if it is in use. `search` is
-- where the search for one that is not in use goes on, divided by 8. In an area is
--     a page: its 32 nodes;
--     or a leaf: for each of its runs, start I2, count I2, excess I6; once more start I2, which is the end of the last run;
--     and slots, in which a run has its scores, ascending, from its start on, with room behind them up to the next start.
--     Scores are less the first unit of their run, and have as many bytes as these need. `excess` is their sum; it is 0
--     where a run is more than 2^37 units wide, whose sum might not fit.
--
-- The settings: `version` counts the calls that changed the board. `places` is how many digits a score has after the
-- point. `flags`: 1, the board is kept when its last member is removed; 2, it has segments; 4, the lowest score is the
-- best; 8, of equal scores the one that came first is the better; 16, it may be held, so that nobody may change it: see
-- hold.lua. `expires`: Unix time in ms, 0 for never. `sample`: how
-- many members the reservoir sample has room for, 0 for none. `generation`: another number each time that the board is
-- replaced. `most`: how many members the board keeps, 0 for all. `logged`: Unix time in ms until which changes are
-- logged, 0 for none. Places, the flags 4 and 8 and the generation are the board's *form*, which form.py explains.

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
local SEARCH_AT = 39
local HEAD_SIZE = 64
local NODE = '<I4I5i6I4I6I6I6BI4Bi7'
local NODE_SIZE = 50
local SIZE = 1  -- the numbers of a node, in their order
local LO = 2
local HI = 3
local DISTINCT = 4
local SQUARES_A = 5
local SQUARES_B = 6
local SQUARES_C = 7
local BELOW = 8
local AREA = 9
local BITS = 10
local CELL = 11
local NODE_SUM = '<I4I5i6'  -- count, lo, hi: the beginning of a node
local NODE_FULL = '<I4I6I6I6'  -- distinct and squares, which are FULL_AT bytes after the beginning
local FULL_AT = 15
local NODE_BELOW = '<BI4Bi7'  -- what is below, area, bits and cell, which are BELOW_AT bytes after the beginning
local BELOW_AT = 37
local HEADER_SIZE = HEAD_SIZE + 2 * NODE_SIZE  -- with the roots
local AREAS_AT = 168
local EQUAL = 0
local DIGITS = 1
local OCTAVES = 2
local LEAF = 3
local RUN = '<I2I2I6'
local RUN_SIZE = 10
local SUMS_TO_BITS = 37
local IS_OLD = 'STALE they are in an old layout'
local IS_STALE = 'STALE another program wrote to it'

local call, unpack_ = redis.call, struct.unpack

-- A board's form as a number: see form.py.
local function form_of(places, flags, generation)
  return (generation * 4 + math.floor(flags / 4) % 4) * 16 + places
end

-- Each call of a script makes its functions anew: each takes 0.04 us, and 0.1 us more for each local outside of it to
-- which it refers. So functions that few calls need are made only for these, and most functions refer to no such local.
local function Leaves()
  local call, unpack_ = redis.call, struct.unpack

  -- Read a leaf that has 2^r runs. Returns lists of its runs: their counts, their excesses, and their scores as text.
  local function runs_of(key, area, r, bits)
    local counts, excesses, texts, runs, bytes = {}, {}, {}, 2 ^ r, math.ceil((bits - r) / 8)
    local at = area * 8 + 2
    local entries = call('GETRANGE', key, at, at + runs * RUN_SIZE + 1)
    local slots = unpack_('<I2', entries, runs * RUN_SIZE + 1) * bytes
    at = at + #entries
    slots = slots > 0 and call('GETRANGE', key, at, at + slots - 1) or ''
    for run = 1, runs do
      local start
      start, counts[run], excesses[run] = unpack_(RUN, entries, (run - 1) * RUN_SIZE + 1)
      texts[run] = string.sub(slots, start * bytes + 1, (start + counts[run]) * bytes)
    end
    return counts, excesses, texts
  end

  -- The scores of a leaf, ascending.
  local function scores_of(key, area, r, bits, cell)
    local scores, size, bytes = {}, 0, math.ceil((bits - r) / 8)
    local counts, _, texts = runs_of(key, area, r, bits)
    for run = 1, 2 ^ r do
      local first = (cell * 2 ^ r + run - 1) * 2 ^ (bits - r)
      local offsets = bytes > 0 and {unpack_('<' .. string.rep('I' .. bytes, counts[run]), texts[run])}
      for i = 1, counts[run] do scores[size + i] = first + (offsets and offsets[i] or 0) end
      size = size + counts[run]
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

  return scores_of, square_of, runs_of
end
