-- Set, add to or remove one member's score: set and tree together, or neither.
--
-- KEYS     those of tree.lua
-- ARGV[1]  'set', 'add' or 'remove'
-- ARGV[2]  member
-- ARGV[3]  units, for set and add
-- ARGV[4]  2^53, which no score's magnitude may reach, for add
--
-- Returns the member's score as text, for `remove` the one that it had; nil, and changes nothing, if `add` would leave the
-- range or there is no member to remove. An error that begins with STALE says that set and tree disagree.
--
-- What can fail is done first: growing and splitting, written at once, leave a whole tree.

local nodes = {}  -- position -> node, so that each is read once and written once

local function node_of(level, cell, count, lo, hi, page)
  return {level = level, cell = cell, count = count, lo = lo, hi = hi, page = page}
end

-- Where a page begins.
local function position(page)
  return HEADER_SIZE + (page - 1) * PAGE_SIZE
end

local function entry(node)
  return struct.pack(ENTRY, node.level, node.cell, node.count, node.lo, node.hi, node.page)
end

local free, pages = unpack_('<I4I4', header)
local negative, rest = node_of(unpack_(ENTRY, header, 9)), node_of(unpack_(ENTRY, header, 9 + ENTRY_SIZE))
if negative.count + rest.count ~= call('ZCARD', KEYS[1]) then return redis.error_reply(STALE) end

local function root_of(score)
  return score < 0 and negative or rest
end

local function covers(node, score)
  return floor(score / 16 ^ node.level) == node.cell
end

local function allocate()
  local page = free
  if page == 0 then
    pages = pages + 1
    return pages
  end
  free = unpack_('<I4', call('GETRANGE', KEYS[2], position(page), position(page) + 3))
  return page
end

local function release(page)
  call('SETRANGE', KEYS[2], position(page), struct.pack('<I4', free))
  free = page
end

-- Give a node a page; `children` has those that are not empty, by digit.
local function give_page(node, children)
  local entries = {}
  for digit = 0, 15 do
    entries[digit + 1] = children[digit] and entry(children[digit]) or string.rep('\0', ENTRY_SIZE)
  end
  node.page = allocate()
  call('SETRANGE', KEYS[2], position(node.page), table.concat(entries))
end

local function change(node, score, by)
  node.count = node.count + by
  local lo = node.lo + by * (score % STEP)
  node.hi = node.hi + by * floor(score / STEP) + floor(lo / STEP)
  node.lo = lo % STEP
end

-- Make a node's cell large enough for a score. What is no leaf, or too full for one, becomes a child.
local function cover(node, score)
  if node.count == 0 then node.level, node.cell = 0, score end
  if covers(node, score) then return end
  local old = node_of(node.level, node.cell, node.count, node.lo, node.hi, node.page)
  repeat
    node.level, node.cell = node.level + 1, floor(node.cell / 16)
  until covers(node, score)
  if old.page ~= 0 or old.count > SPLIT then
    give_page(node, {[floor(old.cell / 16 ^ (node.level - 1 - old.level)) % 16] = old})
  end
end

-- The child whose part of the node's cell a score is in.
local function child(node, score)
  local at = position(node.page) + floor(score / 16 ^ (node.level - 1)) % 16 * ENTRY_SIZE
  if not nodes[at] then
    nodes[at] = node_of(unpack_(ENTRY, call('GETRANGE', KEYS[2], at, at + ENTRY_SIZE - 1)))
  end
  return nodes[at]
end

-- Give a full leaf a page, its counts and sums taken from the set. Returns false if they disagree.
local function split(leaf)
  local width = 16 ^ leaf.level
  local least, limit = string.format('%.0f', leaf.cell * width), string.format('(%.0f', (leaf.cell + 1) * width)
  local rows = call('ZRANGEBYSCORE', KEYS[1], least, limit, 'WITHSCORES', 'LIMIT', 0, SPLIT + 1)
  if #rows / 2 ~= leaf.count then return false end
  local children = {}
  for i = 2, #rows, 2 do
    local score = tonumber(rows[i])
    local digit = floor(score / width * 16) % 16
    children[digit] = children[digit] or node_of(0, 0, 0, 0, 0, 0)
    cover(children[digit], score)
    change(children[digit], score, 1)
  end
  give_page(leaf, children)
  return true
end

-- Return the path to a leaf that has room for one more score; nil if set and tree disagree.
local function path_with_room(node, score)
  local path = {}
  while true do
    cover(node, score)
    path[#path + 1] = node
    if node.page == 0 then
      if node.count < SPLIT or node.level == 0 then return path end
      if not split(node) then return nil end
    end
    node = child(node, score)
  end
end

-- Return the path to the leaf that holds a score; nil if none does.
local function path_to(node, score)
  local path = {}
  while node.count > 0 and covers(node, score) do
    path[#path + 1] = node
    if node.page == 0 then return path end
    node = child(node, score)
  end
  return nil
end

-- Take a score out. Returns the pages that hold too few scores now, and those below them.
local function take_out(path, score)
  local unused = {}
  for _, node in ipairs(path) do
    change(node, score, -1)
    if node.count == 0 then node.level, node.cell = 0, 0 end
    if node.page ~= 0 and node.count <= MERGE then
      unused[#unused + 1] = node.page
      node.page = 0
    end
  end
  return unused
end

local function put_in(path, score)
  for _, node in ipairs(path) do
    cover(node, score)  -- only if taking out the old score has left it empty
    change(node, score, 1)
    if node.page == 0 then return end  -- the rest of the path may have been taken out
  end
end

local function save(unused)
  if negative.count + rest.count == 0 then
    call('DEL', KEYS[2])
    return
  end
  for at, node in pairs(nodes) do call('SETRANGE', KEYS[2], at, entry(node)) end
  for _, page in ipairs(unused) do release(page) end
  call('SETRANGE', KEYS[2], 0, struct.pack('<I4I4', free, pages) .. entry(negative) .. entry(rest))
end

local op, member = ARGV[1], ARGV[2]
local old = call('ZSCORE', KEYS[1], member)
local before = old and tonumber(old)
local after
if op == 'set' then
  after = tonumber(ARGV[3])
elseif op == 'add' then
  -- Two magnitudes below 2^53 add up to less than 2^54. Doubles there are even numbers only, but none of them rounds
  -- to below 2^53, so the comparison is exact although the sum may not be.
  after = (before or 0) + tonumber(ARGV[3])
  if math.abs(after) >= tonumber(ARGV[4]) then return false end
elseif not old then
  return false
end
if before == after then return old end

local new_path = after and path_with_room(root_of(after), after)
local old_path = before and path_to(root_of(before), before)
if after and not new_path or before and not old_path then
  save({})
  return redis.error_reply(STALE)
end

local unused = before and take_out(old_path, before) or {}
if after then
  put_in(new_path, after)
  local text = string.format('%.0f', after)
  call('ZADD', KEYS[1], text, member)
  save(unused)
  return text
end
call('ZREM', KEYS[1], member)
save(unused)
return old
