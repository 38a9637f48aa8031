-- Change the tree: the parts that are needed are read once, changed in memory any number of times, and written once.
-- Until `save` nothing is written, so a call that fails before it has changed nothing. Nodes and leaves stay packed:
-- that is as fast as tables of their numbers, and less to allocate.

-- Read the header of a board, or a segment; nil if set and tree disagree. Nodes and leaves are held by number; a leaf
-- that was given up is false. `known` has members' scores, false for none; `moved` lists the members whose scores are
-- to be written. `prefix` is that of a board's keys, nil for a segment, which has no segments of its own.
local function open(scores, key, hash, places, expires, prefix)
  local head = call('GETRANGE', key, 0, HEADER_SIZE - 1)
  if head == '' then
    local has_segments = prefix and call('SCARD', prefix .. KEY_SEGMENTS) > 0
    head = MAGIC .. struct.pack(SETTINGS, 0, places, has_segments and 2 or 0, expires, 0, 0, 0, 0)
    head = head .. string.rep('\0', HEADER_SIZE - #head)
  elseif string.sub(head, 1, 4) ~= MAGIC then
    return nil
  end
  local negative, rest = string.sub(head, HEAD_SIZE + 1, -NODE_SIZE - 1), string.sub(head, -NODE_SIZE)
  local size = call('ZCARD', scores)
  if unpack_('<I5', negative) + unpack_('<I5', rest) ~= size then return nil end
  return {scores = scores, key = key, hash = hash, head = head, size = size, nodes = {[14] = negative, [15] = rest},
    leaves = {}, known = {}, moved = {}}
end

-- Add a score to a leaf (by = 1), or remove it (by = -1). Returns the leaf, or nil if it does not have the score; and 1
-- if there is no other such score, else 0.
local function change_leaf(leaf, level, score, by)
  local size, width = math.floor(level / 2), 16 ^ (level - 1)
  local offset, format = score % width, '<I' .. size
  local run, place = (score - offset) / width % 16, 0
  for i = 0, run - 1 do place = place + unpack_(RUN, leaf, i * RUN_SIZE + 1) end
  local in_head, at = run * RUN_SIZE + 1, LEAF_SIZE + 1
  local count, sum = unpack_(RUN, leaf, in_head)
  local last, limit = place + count, place + count
  while size > 0 and place < limit do
    local middle = math.floor((place + limit) / 2)
    if unpack_(format, leaf, at + middle * size) < offset then place = middle + 1 else limit = middle end
  end
  local same = 0  -- how many such scores there are: none, one, or more
  while same < 2 and place + same < last
    and (size == 0 or unpack_(format, leaf, at + (place + same) * size) == offset) do same = same + 1 end
  if by < 0 and same == 0 then return nil end

  if level <= SUMS_TO_LEVEL then sum = sum + by * offset end
  local before = at + place * size
  local new, after = '', before + size
  if by > 0 and size > 0 then new, after = struct.pack(format, offset), before end
  leaf = string.sub(leaf, 1, in_head - 1) .. struct.pack(RUN, count + by, sum) ..
    string.sub(leaf, in_head + RUN_SIZE, before - 1) .. new .. string.sub(leaf, after)
  return leaf, same == (by > 0 and 0 or 1) and 1 or 0
end

-- Add a score to the tree (by = 1), or remove it (by = -1). Returns false, and leaves all sums as they were, if the
-- score is not there, or if a leaf does not agree with its node.
local function change(tree, score, by)
  local nodes, leaves, path, steps = tree.nodes, tree.leaves, {}, 0
  local number, next_number = nil, score < 0 and 14 or 15
  local count, level, cell, page, _
  repeat
    number = next_number
    local node = nodes[number]
    if not node then
      local at = NODE_0 + number * NODE_SIZE
      node = call('GETRANGE', tree.key, at, at + NODE_SIZE - 1)
      nodes[number] = node
    end
    count, _, _, level, cell, page = unpack_('<I5I5i6Bi7I4', node)
    if page == 0 and level > 0 and not leaves[number] then
      local leaf = call('HGET', tree.hash, number)
      if not leaf or #leaf ~= LEAF_SIZE + math.floor(level / 2) * count then return false end
      leaves[number] = leaf
    end
    if count == 0 or math.floor(score / 16 ^ level) ~= cell then
      if by < 0 then return false end
      level, cell, page = Reshape().grow(tree, number, score)
    end
    if by > 0 and count >= SPLIT and page == 0 and level > 0 then page = Reshape().split(tree, number) end
    steps = steps + 1
    path[steps] = number
    next_number = page * 16 + math.floor(score / 16 ^ (level - 1)) % 16
  until page == 0

  local distinct = count == (by > 0 and 0 or 1) and 1 or 0
  if level > 0 then
    local leaf
    leaf, distinct = change_leaf(leaves[number], level, score, by)
    if not leaf then return false end
    leaves[number] = leaf
  end
  local lo, l = score % 2 ^ 40, score % 2 ^ 27
  if l >= 2 ^ 26 then l = l - 2 ^ 27 end
  local hi, h = (score - lo) / 2 ^ 40, (score - l) / 2 ^ 27
  local hh, hl, ll = h * h, h * l, l * l  -- the square in three parts, as in tree.lua
  local q, v, x = hh % 2 ^ 36, hl % 2 ^ 17, ll % 2 ^ 45
  local a, b, c = x + v * 2 ^ 28, q * 2 ^ 9 + (hl - v) / 2 ^ 17 + (ll - x) / 2 ^ 45, (hh - q) / 2 ^ 36
  local too_few
  for i = 1, steps do
    number = path[i]
    local n, l, h, level_i, cell_i, page_i, d, a_i, b_i, c_i = unpack_(NODE, nodes[number])
    n, l, a_i, b_i, c_i = n + by, l + by * lo, a_i + by * a, b_i + by * b, c_i + by * c
    local l_rest, a_rest = l % 2 ^ 40, a_i % 2 ^ 45
    b_i = b_i + (a_i - a_rest) / 2 ^ 45
    local b_rest = b_i % 2 ^ 45
    if n == 0 then
      if level_i > 0 then leaves[number] = false end
      level_i, cell_i = 0, 0
    end
    nodes[number] = struct.pack(NODE, n, l_rest, h + by * hi + (l - l_rest) / 2 ^ 40, level_i, cell_i, page_i,
      d + by * distinct, a_rest, b_rest, c_i + (b_i - b_rest) / 2 ^ 45)
    if page_i > 0 and n <= MERGE and not too_few then too_few = number end
  end
  if too_few then Reshape().merge(tree, too_few) end
  return true
end

-- A member's score, false for none; nil if it is one that no board can have.
local function score_of(tree, member)
  local score = tree.known[member]
  if score == nil then
    score = call('ZSCORE', tree.scores, member)
    score = score and tonumber(score)
    if score and (score % 1 ~= 0 or score >= 2 ^ 53 or score <= -2 ^ 53) then return nil end
    tree.known[member] = score
  end
  return score
end

-- Change a member's score. Returns a code, the score before and the score after; false is for none.
local function apply(tree, op, member, units)
  local before, after = score_of(tree, member), false
  if before == nil then return 'stale', false, false end
  if op == 'remove' then
    if not before or units and units ~= '' and tonumber(units) ~= before then return 'absent', before, before end
  else
    after = tonumber(units) + 0
    -- Two magnitudes below 2^53 add up to less than 2^54. Doubles there are even numbers only, but none of them rounds
    -- to below 2^53, so the comparison is exact although the sum may not be.
    if op == 'add' then after = (before or 0) + after end
    if before and (op == 'max' and before > after or op == 'min' and before < after) then after = before end
    if after >= 2 ^ 53 or after <= -2 ^ 53 then return 'range', before, before end
  end
  if before == after then return 'ok', before, before end
  if before and not change(tree, before, -1) then return 'stale', before, before end
  if after and not change(tree, after, 1) then
    if before then change(tree, before, 1) end
    return 'stale', before, before
  end
  tree.size = tree.size + (after and 1 or 0) - (before and 1 or 0)
  tree.known[member], tree.moved[#tree.moved + 1] = after, member
  return 'ok', before, after
end

-- Write what was changed. A board without members is deleted, unless it is to be kept or has segments.
local function save(tree, expires, flags)
  local key, hash = tree.key, tree.hash
  for _, member in ipairs(tree.moved) do
    local score = tree.known[member]
    if score then call('ZADD', tree.scores, score, member) else call('ZREM', tree.scores, member) end
  end
  if tree.size == 0 and flags == 0 then
    call('DEL', key, hash)
    return
  end
  for number, node in pairs(tree.nodes) do
    if number > 15 then call('SETRANGE', key, NODE_0 + number * NODE_SIZE, node) end
  end
  for number, leaf in pairs(tree.leaves) do
    if leaf then call('HSET', hash, number, leaf) else call('HDEL', hash, number) end
  end
  local version, places = unpack_('<I6B', tree.head, SETTINGS_AT)
  local free, pages = tree.free, tree.pages
  if not pages then free, pages = unpack_('<I4I4', tree.head, PAGES_AT) end
  for _, page in ipairs(tree.unused or {}) do
    call('SETRANGE', key, NODE_0 + page * 16 * NODE_SIZE, struct.pack('<I4', free) .. string.rep('\0', 16 * NODE_SIZE - 4))
    free = page
  end
  local head = MAGIC .. struct.pack('<I6BB', version + 1, places, flags) .. string.sub(tree.head, SETTINGS_AT + 8, PAGES_AT - 1) ..
    struct.pack('<I4I4', free, pages)
  call('SETRANGE', key, 0, head .. string.rep('\0', HEAD_SIZE - #head) .. tree.nodes[14] .. tree.nodes[15])
  if expires > 0 then
    for _, name in ipairs({tree.scores, key, hash}) do call('PEXPIREAT', name, expires) end
  end
end
