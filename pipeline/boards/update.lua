-- Apply changes to members' scores: each changes the set, the tree and all that belongs to them, or nothing.
--
-- KEYS     those of tree.lua
-- ARGV[1]  the places that the caller takes the board to have; a new board gets them
-- ARGV[2]  how many ms an event id is remembered
-- ARGV[3]  unix time in ms at which a new board goes, 0 for never
-- ARGV[4]  '1' to get ranks
-- ARGV[5]  and on, 4 for each change: op, member, units, event id or ''
--
-- op is set; add; max, which is set if that is more; remove; join or leave, with a segment in place of units. Returns for each change a code and the member's score after it,
-- nil if it has none (for a removed member, the score it had), and if ranks are wanted its rank and the board's size after all
-- changes. The code is `ok`; `same`, the event was applied before; `range`, the score would reach 2^53; `absent`, there is nobody
-- to remove, or it is not in the segment; `full`, there are 64 segments; or `stale`, set and tree disagree. Only after `ok` is anything changed.
--
-- An error that begins with STALE says that set and tree disagree; with PLACES, how many places the board has. Then nothing is
-- changed at all.

local LIMIT = 2 ^ 53
local MOST_SEGMENTS = 64

local function node_of(level, cell, count, lo, hi, page)
  return {level = level, cell = cell, count = count, lo = lo, hi = hi, page = page}
end

-- Read header and roots of the board, or segment, under a prefix. `nodes` has what was read of the pages, by position.
local function open(prefix, places, expires)
  local tree = {prefix = prefix, scores = prefix .. 'scores', tree = prefix .. 'tree', nodes = {}, unused = {}}
  local header = call('GETRANGE', tree.tree, 0, HEADER_SIZE - 1)
  tree.is_new = header == ''
  if tree.is_new then
    local flags = call('SCARD', prefix .. 'segments') > 0 and 2 or 0
    header = struct.pack(HEAD, 0, 0, 0, places, flags, expires, 0)
    header = header .. string.rep('\0', HEADER_SIZE - #header)
  end
  tree.free, tree.pages, tree.version, tree.places, tree.flags, tree.expires, tree.sample = unpack_(HEAD, header)
  tree.negative = node_of(unpack_(ENTRY, header, HEAD_SIZE + 1))
  tree.rest = node_of(unpack_(ENTRY, header, HEAD_SIZE + 1 + ENTRY_SIZE))
  tree.size = call('ZCARD', tree.scores)
  tree.was_empty = tree.size == 0
  tree.is_stale = tree.negative.count + tree.rest.count ~= tree.size
  return tree
end

-- Where a page begins.
local function position(page)
  return HEADER_SIZE + (page - 1) * PAGE_SIZE
end

local function entry(node)
  return struct.pack(ENTRY, node.level, node.cell, node.count, node.lo, node.hi, node.page)
end

local function root_of(tree, score)
  return score < 0 and tree.negative or tree.rest
end

local function covers(node, score)
  return floor(score / 16 ^ node.level) == node.cell
end

local function allocate(tree)
  local page = tree.free
  if page == 0 then
    tree.pages = tree.pages + 1
    return tree.pages
  end
  tree.free = unpack_('<I4', call('GETRANGE', tree.tree, position(page), position(page) + 3))
  return page
end

-- Give a node a page; `children` has those that are not empty, by digit.
local function give_page(tree, node, children)
  local entries = {}
  for digit = 0, 15 do
    entries[digit + 1] = children[digit] and entry(children[digit]) or string.rep('\0', ENTRY_SIZE)
  end
  node.page = allocate(tree)
  call('SETRANGE', tree.tree, position(node.page), table.concat(entries))
end

local function change(node, score, by)
  node.count = node.count + by
  local lo = node.lo + by * (score % STEP)
  node.hi = node.hi + by * floor(score / STEP) + floor(lo / STEP)
  node.lo = lo % STEP
end

-- Make a node's cell large enough for a score. What is no leaf, or too full for one, becomes a child.
local function cover(tree, node, score)
  if node.count == 0 then node.level, node.cell = 0, score end
  if covers(node, score) then return end
  local old = node_of(node.level, node.cell, node.count, node.lo, node.hi, node.page)
  repeat
    node.level, node.cell = node.level + 1, floor(node.cell / 16)
  until covers(node, score)
  if old.page ~= 0 or old.count > SPLIT then
    give_page(tree, node, {[floor(old.cell / 16 ^ (node.level - 1 - old.level)) % 16] = old})
  end
end

-- The child whose part of the node's cell a score is in.
local function child(tree, node, score)
  local at = position(node.page) + floor(score / 16 ^ (node.level - 1)) % 16 * ENTRY_SIZE
  if not tree.nodes[at] then
    tree.nodes[at] = node_of(unpack_(ENTRY, call('GETRANGE', tree.tree, at, at + ENTRY_SIZE - 1)))
  end
  return tree.nodes[at]
end

-- Give a full leaf a page, its counts and sums taken from the set. Returns false if they disagree.
local function split(tree, leaf)
  local width = 16 ^ leaf.level
  local least, limit = string.format('%.0f', leaf.cell * width), string.format('(%.0f', (leaf.cell + 1) * width)
  local rows = call('ZRANGEBYSCORE', tree.scores, least, limit, 'WITHSCORES', 'LIMIT', 0, SPLIT + 1)
  if #rows / 2 ~= leaf.count then return false end
  local children = {}
  for i = 2, #rows, 2 do
    local score = tonumber(rows[i])
    local digit = floor(score / width * 16) % 16
    children[digit] = children[digit] or node_of(0, 0, 0, 0, 0, 0)
    cover(tree, children[digit], score)
    change(children[digit], score, 1)
  end
  give_page(tree, leaf, children)
  return true
end

-- Return the path to a leaf that has room for one more score; nil if set and tree disagree.
local function path_with_room(tree, score)
  local path = {}
  local node = root_of(tree, score)
  while true do
    cover(tree, node, score)
    path[#path + 1] = node
    if node.page == 0 then
      if node.count < SPLIT or node.level == 0 then return path end
      if not split(tree, node) then return nil end
    end
    node = child(tree, node, score)
  end
end

-- Return the path to the leaf that holds a score; nil if none does.
local function path_to(tree, score)
  local path = {}
  local node = root_of(tree, score)
  while node.count > 0 and covers(node, score) do
    path[#path + 1] = node
    if node.page == 0 then return path end
    node = child(tree, node, score)
  end
  return nil
end

-- Take a score out. Pages that hold too few scores now are given up.
local function take_out(tree, path, score)
  for _, node in ipairs(path) do
    change(node, score, -1)
    if node.count == 0 then node.level, node.cell = 0, 0 end
    if node.page ~= 0 and node.count <= MERGE then
      tree.unused[#tree.unused + 1] = node.page
      node.page = 0
    end
  end
end

local function put_in(tree, path, score)
  for _, node in ipairs(path) do
    cover(tree, node, score)  -- only if taking out the old score has left it empty
    change(node, score, 1)
    if node.page == 0 then return end  -- the rest of the path may have been taken out
  end
end

-- Change a member's score from `before` to `after`; nil is for none. Returns false if set and tree disagree.
local function move(tree, member, before, after)
  local new_path = after and path_with_room(tree, after)
  local old_path = before and path_to(tree, before)
  if after and not new_path or before and not old_path then return false end
  tree.is_changed = true
  if before then take_out(tree, old_path, before) end
  if after then
    put_in(tree, new_path, after)
    call('ZADD', tree.scores, string.format('%.0f', after), member)
  else
    call('ZREM', tree.scores, member)
  end
  tree.size = tree.size + (after and 1 or 0) - (before and 1 or 0)
  return true
end

-- Write what was changed. A board without members goes, unless it is to be kept.
local function save(tree, expires)
  if not tree.is_changed then return end
  if tree.size == 0 and tree.flags == 0 then
    call('DEL', tree.tree)
    return
  end
  for at, node in pairs(tree.nodes) do call('SETRANGE', tree.tree, at, entry(node)) end
  for _, page in ipairs(tree.unused) do
    call('SETRANGE', tree.tree, position(page), struct.pack('<I4', tree.free))
    tree.free = page
  end
  local head = struct.pack(HEAD, tree.free, tree.pages, tree.version + 1, tree.places, tree.flags, tree.expires, tree.sample)
  head = head .. string.rep('\0', HEAD_SIZE - #head)
  call('SETRANGE', tree.tree, 0, head .. entry(tree.negative) .. entry(tree.rest))
  if expires > 0 and tree.was_empty then
    call('PEXPIREAT', tree.scores, expires)
    call('PEXPIREAT', tree.tree, expires)
  end
end

local prefix = string.sub(KEYS[1], 1, -7)
local board = open(prefix, tonumber(ARGV[1]), tonumber(ARGV[3]))
if board.is_stale then return redis.error_reply(STALE) end
if board.places ~= tonumber(ARGV[1]) then return redis.error_reply('PLACES ' .. board.places) end

local segments = {}  -- names of the board's segments, as keys
if board.flags >= 2 then
  for _, name in ipairs(call('SMEMBERS', prefix .. 'segments')) do segments[name] = true end
end
local trees = {}  -- of segments, by name

-- Change a member's score in a segment; nil is for none.
local function move_in(segment, member, after)
  local tree = trees[segment] or open(prefix .. 'segment:' .. segment .. ':', board.places, 0)
  trees[segment] = tree
  local old = call('ZSCORE', tree.scores, member)
  local before = old and tonumber(old) or nil
  if before ~= after and not tree.is_stale then move(tree, member, before, after) end
end

-- Take a member out of a segment, which goes with its last. Returns false if it was not there.
local function leave(segment, member)
  if call('SREM', prefix .. 'in:' .. segment, member) == 0 then return false end
  move_in(segment, member, nil)
  if call('EXISTS', prefix .. 'in:' .. segment) == 0 then
    call('SREM', prefix .. 'segments', segment)
    segments[segment] = nil
    if not next(segments) then board.flags = board.flags - 2 end
  end
  board.is_changed = true
  return true
end

-- Returns a code.
local function join(segment, member, score)
  if not segments[segment] then
    if call('SCARD', prefix .. 'segments') >= MOST_SEGMENTS then return 'full' end
    call('SADD', prefix .. 'segments', segment)
    segments[segment] = true
    if board.flags < 2 then board.flags = board.flags + 2 end
  end
  if call('SADD', prefix .. 'in:' .. segment, member) == 0 then return 'same' end
  if score then move_in(segment, member, score) end
  board.is_changed = true
  return 'ok'
end

local events, now = prefix .. 'events', nil

local function was_applied(event)
  if not now then
    local time = call('TIME')
    now = time[1] * 1000 + floor(time[2] / 1000)
  end
  for _, old in ipairs(call('ZRANGEBYSCORE', events, '-inf', now, 'LIMIT', 0, 2)) do call('ZREM', events, old) end
  return call('ZSCORE', events, event)
end

local function remember(event)
  if event == '' then return end
  call('ZADD', events, string.format('%.0f', now + ARGV[2]), event)
  if board.expires > 0 then call('PEXPIREAT', events, board.expires) end
end

-- Apply one change. Returns its code, and the score.
local function apply(op, member, units, event)
  local old = call('ZSCORE', KEYS[1], member)
  if event ~= '' and was_applied(event) then return 'same', old end
  local before = old and tonumber(old)
  local after
  if op == 'join' or op == 'leave' then
    local code = op == 'join' and join(units, member, before) or op == 'leave' and leave(units, member) and 'ok' or 'absent'
    if code == 'ok' then remember(event) end
    return code, old
  elseif op == 'remove' then
    if not old then return 'absent', false end
  else
    after = tonumber(units) + 0
    -- Two magnitudes below 2^53 add up to less than 2^54. Doubles there are even numbers only, but none of them rounds
    -- to below 2^53, so the comparison is exact although the sum may not be.
    if op == 'add' then after = (before or 0) + after end
    if op == 'max' and before and before > after then after = before end
    if math.abs(after) >= LIMIT then return 'range', old end
  end
  if before ~= after then
    if not move(board, member, before, after) then return 'stale', old end
    for segment in pairs(segments) do
      if not after then
        leave(segment, member)
      elseif call('SISMEMBER', prefix .. 'in:' .. segment, member) == 1 then
        move_in(segment, member, after)
      end
    end
  end
  remember(event)
  if after then
    if not before and board.sample > 0 then sample_in(prefix, member, board.size, board.sample) end
    return 'ok', string.format('%.0f', after)
  end
  if board.sample > 0 then sample_out(prefix, member) end
  call('DEL', prefix .. 'features:' .. member)
  call('SREM', prefix .. 'featured', member)
  return 'ok', old
end

local replies = {}
for i = 5, #ARGV, 4 do
  local code, score = apply(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3])
  replies[#replies + 1], replies[#replies + 2] = code, score
end
save(board, board.expires)
for _, tree in pairs(trees) do save(tree, board.expires) end

if ARGV[4] ~= '1' then return replies end
local ranked = {}
for i = 1, #replies, 2 do
  local at = #ranked
  ranked[at + 1], ranked[at + 2] = replies[i], replies[i + 1]
  ranked[at + 3], ranked[at + 4] = call('ZRANK', KEYS[1], ARGV[5 + (i - 1) * 2 + 1]), board.size
end
return ranked
