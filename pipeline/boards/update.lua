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

local header = load_header()
if not header then return stale() end

local nodes = {}  -- position -> node, so that each is read once and written once; the roots are in the header

local function entry(node)
  return pack(ENTRY, node.count, node.lo, node.hi, node.page)
end

local function allocate()
  local page = header.free
  if page == 0 then
    header.pages = header.pages + 1
    return header.pages
  end
  header.free = unpack_('<I4', redis.call('GETRANGE', KEYS[2], position(page), position(page) + 3))
  return page
end

local function release(page)
  redis.call('SETRANGE', KEYS[2], position(page), pack('<I4', header.free))
  header.free = page
end

-- Give a node 16 children; `children` has those that are not empty, by digit.
local function give_page(node, children)
  local entries = {}
  for digit = 0, 15 do
    entries[digit + 1] = children[digit] and entry(children[digit]) or string.rep('\0', ENTRY_SIZE)
  end
  node.page = allocate()
  redis.call('SETRANGE', KEYS[2], position(node.page), table.concat(entries))
end

local function change(node, score, by)
  node.count = node.count + by
  local lo = node.lo + by * (score % STEP)
  node.hi = node.hi + by * floor(score / STEP) + floor(lo / STEP)
  node.lo = lo % STEP
end

-- Make a root's cell large enough for a score.
local function cover(root, score)
  if root.count == 0 then root.cell = score end
  while cell_of(score, root.level) ~= root.cell do
    if root.page ~= 0 or root.count > SPLIT then
      give_page(root, {[root.cell % 16] = {count = root.count, lo = root.lo, hi = root.hi, page = root.page}})
    end
    root.level = root.level + 1
    root.cell = floor(root.cell / 16)
  end
end

-- Add the nodes below `node` whose cells hold a score to `path`, down to the leaf, which is returned.
local function descend(node, score, path)
  local level = node.level
  while node.page ~= 0 do
    level = level - 1
    local at = position(node.page) + cell_of(score, level) % 16 * ENTRY_SIZE
    node = nodes[at]
    if not node then
      local count, lo, hi, page = unpack_(ENTRY, redis.call('GETRANGE', KEYS[2], at, at + ENTRY_SIZE - 1))
      node = {level = level, count = count, lo = lo, hi = hi, page = page}
      nodes[at] = node
    end
    path[#path + 1] = node
  end
  return node
end

-- Give a full leaf a page, its counts and sums taken from the set. Returns false if they disagree.
local function split(leaf, cell)
  local least, limit = bounds(leaf.level, cell)
  local rows = redis.call('ZRANGEBYSCORE', KEYS[1], least, limit, 'WITHSCORES', 'LIMIT', 0, SPLIT + 1)
  if #rows / 2 ~= leaf.count then return false end
  local children = {}
  for i = 2, #rows, 2 do
    local score = tonumber(rows[i])
    local digit = cell_of(score, leaf.level - 1) % 16
    children[digit] = children[digit] or {count = 0, lo = 0, hi = 0, page = 0}
    change(children[digit], score, 1)
  end
  give_page(leaf, children)
  return true
end

-- Return the path to a leaf that has room for one more score; nil if set and tree disagree.
local function path_with_room(root, score)
  cover(root, score)
  local path = {root}
  local leaf = descend(root, score, path)
  while leaf.count >= SPLIT and leaf.level > 0 do
    if not split(leaf, cell_of(score, leaf.level)) then return nil end
    leaf = descend(leaf, score, path)
  end
  return path
end

-- Return the path to the leaf that holds a score; nil if none does.
local function path_to(root, score)
  if cell_of(score, root.level) ~= root.cell or score % 1 ~= 0 then return nil end
  local path = {root}
  return descend(root, score, path).count > 0 and path or nil
end

-- Take a score out. Returns the pages that hold too few scores now, and those below them.
local function take_out(path, score)
  local unused = {}
  for _, node in ipairs(path) do
    change(node, score, -1)
    if node.page ~= 0 and node.count <= MERGE then
      unused[#unused + 1] = node.page
      node.page = 0
    end
  end
  local root = path[1]
  if root.count == 0 then root.level, root.cell = 0, 0 end
  return unused
end

local function put_in(path, score)
  local root = path[1]
  if root.count == 0 then root.cell = score end
  for _, node in ipairs(path) do
    change(node, score, 1)
    if node.page == 0 then return end  -- the rest of the path may have been taken out
  end
end

local function save(unused)
  local a, b = header[1], header[2]
  if a.count + b.count == 0 then
    redis.call('DEL', KEYS[2])
    return
  end
  for at, node in pairs(nodes) do redis.call('SETRANGE', KEYS[2], at, entry(node)) end
  for _, page in ipairs(unused) do release(page) end
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

local new_path = after and path_with_room(root_of(after), after)
local old_path = before and path_to(root_of(before), before)
if after and not new_path or before and not old_path then
  save({})
  return stale()
end

local unused = before and take_out(old_path, before) or {}
if after then
  put_in(new_path, after)
  local text = string.format('%.0f', after)
  redis.call('ZADD', KEYS[1], text, member)
  save(unused)
  return text
end
redis.call('ZREM', KEYS[1], member)
save(unused)
return old
