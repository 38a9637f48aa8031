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
-- All that can fail is done first: what is written before the two walks (growing, splitting) leaves a whole tree.

local header = load_header()
if not header then return STALE end

local nodes = {}  -- position in the string -> node; each is read once and written once

local function read(at, level, cell)
  local node = nodes[at]
  if not node then
    local count, lo, hi, page = unpack_(ENTRY, redis.call('GETRANGE', KEYS[2], at, at + ENTRY_SIZE - 1))
    node = new_node(level, cell, count, lo, hi, page)
    nodes[at] = node
  end
  return node
end

local function entry(node)
  return pack(ENTRY, node.count, node.lo, node.hi, node.page)
end

local function allocate()
  local page = header.free
  if page == 0 then
    header.pages = header.pages + 1
    return header.pages
  end
  local at = position(page, 0)
  header.free = unpack_('<I4', redis.call('GETRANGE', KEYS[2], at, at + 3))
  return page
end

local function release(page)
  redis.call('SETRANGE', KEYS[2], position(page, 0), pack('<I4', header.free))
  header.free = page
end

-- Give a node 16 children; `children` has those that are not empty, by digit.
local function give_page(node, children)
  local entries = {}
  for digit = 0, 15 do
    entries[digit + 1] = children[digit] and entry(children[digit]) or string.rep('\0', ENTRY_SIZE)
  end
  node.page = allocate()
  redis.call('SETRANGE', KEYS[2], position(node.page, 0), table.concat(entries))
end

local function change(node, score, by)
  node.count = node.count + by
  node.lo = node.lo + by * (score % STEP)
  node.hi = node.hi + by * floor(score / STEP) + floor(node.lo / STEP)
  node.lo = node.lo % STEP
end

-- Make a root's cell large enough for a score.
local function cover(root, score)
  if root.count == 0 then root.cell = score end
  while cell_of(score, root.level) ~= root.cell do
    if root.page ~= 0 or root.count > SPLIT then
      give_page(root, {[root.cell % 16] = new_node(0, 0, root.count, root.lo, root.hi, root.page)})
    end
    root.level = root.level + 1
    root.cell = floor(root.cell / 16)
  end
end

local function child(node, score)
  local cell = cell_of(score, node.level - 1)
  return read(position(node.page, cell % 16), node.level - 1, cell)
end

-- Return the nodes from the root to the leaf whose cell holds a score.
local function path(root, score)
  local found = {root}
  while found[#found].page ~= 0 do found[#found + 1] = child(found[#found], score) end
  return found
end

-- Give a full leaf a page, its counts and sums taken from the set. Returns false if they disagree.
local function split(leaf)
  local least, limit = bounds(leaf.level, leaf.cell)
  local rows = redis.call('ZRANGEBYSCORE', KEYS[1], least, limit, 'WITHSCORES', 'LIMIT', 0, SPLIT + 1)
  if #rows / 2 ~= leaf.count then return false end
  local children = {}
  for i = 2, #rows, 2 do
    local score = tonumber(rows[i])
    local digit = cell_of(score, leaf.level - 1) % 16
    children[digit] = children[digit] or new_node(0, 0, 0, 0, 0, 0)
    change(children[digit], score, 1)
  end
  give_page(leaf, children)
  return true
end

-- Split until one more score has room. Returns false if set and tree disagree.
local function make_room(root, score)
  cover(root, score)
  local found = path(root, score)
  local leaf = found[#found]
  while leaf.count >= SPLIT and leaf.level > 0 do
    if not split(leaf) then return false end
    leaf = child(leaf, score)
  end
  return true
end

local function insert(root, score)
  cover(root, score)
  for _, node in ipairs(path(root, score)) do change(node, score, 1) end
end

-- Take a score out. A page that holds few scores is added to `unused`, and so are those below it.
local function take_out(root, score, unused)
  for _, node in ipairs(path(root, score)) do
    change(node, score, -1)
    if node.page ~= 0 and (#unused > 0 or node.count <= MERGE) then
      unused[#unused + 1] = node.page
      node.page = 0
    end
  end
  if root.count == 0 then root.level, root.cell = 0, 0 end
end

local function save(unused)
  if header[1].count + header[2].count == 0 then
    redis.call('DEL', KEYS[2])
    return
  end
  for at, node in pairs(nodes) do redis.call('SETRANGE', KEYS[2], at, entry(node)) end
  for _, page in ipairs(unused) do release(page) end
  local a, b = header[1], header[2]
  redis.call('SETRANGE', KEYS[2], 0, pack(HEADER, header.free, header.pages,
    a.level, a.cell, a.count, a.lo, a.hi, a.page, b.level, b.cell, b.count, b.lo, b.hi, b.page))
end

local function root_of(score)
  return header[score < 0 and 1 or 2]
end

local op, member = ARGV[1], ARGV[2]
local old = redis.call('ZSCORE', KEYS[1], member)
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

if before then
  local root = root_of(before)
  local found = path(root, before)
  local is_held = cell_of(before, root.level) == root.cell and found[#found].count > 0
  if not is_held or before % 1 ~= 0 then return STALE end
end
if after and not make_room(root_of(after), after) then
  save({})
  return STALE
end
local unused = {}
if before then take_out(root_of(before), before, unused) end
if not after then
  redis.call('ZREM', KEYS[1], member)
  save(unused)
  return old
end
insert(root_of(after), after)
local text = string.format('%.0f', after)
redis.call('ZADD', KEYS[1], text, member)
save(unused)
return text
