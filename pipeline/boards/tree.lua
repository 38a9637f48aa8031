-- The tree of counts and sums beside a board's scores. Python puts this file before each of the other scripts.
--
-- KEYS[1]  sorted set, member -> units
-- KEYS[2]  string, the tree
-- KEYS[3]  hash, the leaves
--
-- A node stands for the scores in a cell of score space: at level L, cell C is all from C * 16^L up to, not including,
-- (C + 1) * 16^L. It knows how many they are, and their sum. A node with a page has 16 children, each for the scores in one
-- of the cells 16 C to 16 C + 15 of the level below. A node without is a leaf: its at most 128 scores are read from the
-- sorted set where they are needed. A leaf of level 0 is one unit wide, and stands for any number of equal scores.
--
-- The cell of a node, at any depth, is the smallest that held all its scores so far: it grows when one falls outside. So
-- digits that never differ cost nothing. Here 150 scores are 7, and 30 are between 0x6100 and 0x61ff:
--
--     root   level 4, cell 0           count 180
--     page   digit 0: level 0, cell 7, count 150      digit 6: level 2, cell 0x61, count 30      14 x nothing
--
-- No cell holds scores on both sides of 0, so there are two roots: one for the scores below 0, one for the rest.
--
-- The string (little-endian, no gaps):
--     header   64 bytes: free I4, pages I4, version I6, places B, flags B, expires I6, sample I4, zeros
--     roots    an entry each
--     page 1   16 entries, by digit: level B, cell i7, count I5, lo I5, hi i6, page I4; all 0 if there are no scores
--     page 2   ...
-- A sum is hi * 2^40 + lo with 0 <= lo < 2^40, since a Lua number is a double and exact below 2^53 only. `page` is the page
-- of the children, 0 for none. `free` is the first page that is not in use, 0 for none, and such a page begins with the
-- number (I4) of the next; `pages` counts both kinds. Page p begins at HEADER_SIZE + (p - 1) * PAGE_SIZE.
--
-- `version` counts the calls that changed the board. `places` is how many digits a score has after the point. `flags`: 1, the
-- board is kept when its last member goes; 2, it has segments. `expires`: unix time in ms, 0 for never. `sample`: how many
-- members the reservoir sample has room for, 0 for none.

local SPLIT, MERGE = 128, 64  -- a leaf of more gets a page; a page of at most so many scores is given up
local STEP = 2 ^ 40
local HEAD, HEAD_SIZE = '<I4I4I6BBI6I4', 64
local ENTRY, ENTRY_SIZE = '<Bi7I5I5i6I4', 28
local PAGE_SIZE = 16 * ENTRY_SIZE
local HEADER_SIZE = HEAD_SIZE + 2 * ENTRY_SIZE

local call, floor, unpack_ = redis.call, math.floor, struct.unpack

local STALE = 'STALE the sorted set was changed by another program: rebuild the board'
