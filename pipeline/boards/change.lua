-- Change the tree. Nodes are read once, changed in memory any number of times, and written once, by `save`. Leaves are
-- changed at once, and in part: at each change, some bytes of one run. All that a change needs is found out before it
-- writes, so one that can't be made changes nothing.

-- Read the header of a board, or a segment; nil, and an error, if set and tree disagree. Nodes are held by their place in the string, as lists of
-- their numbers.
-- `known` has members' scores, false for none; `moved` lists the members whose scores are to be written. `prefix` is that
-- of a board's keys, nil for a segment, which has no segments of its own.
local function open(scores, key, places, expires, prefix)
  local head = call('GETRANGE', key, 0, HEADER_SIZE - 1)
  if head == '' then
    local has_segments = prefix and call('SCARD', prefix .. KEY_SEGMENTS) > 0
    head = MAGIC .. struct.pack(SETTINGS, 0, places, has_segments and 2 or 0, expires, 0, 0, 0, 0)
    head = head .. string.rep('\0', HEADER_SIZE - #head)
  elseif string.sub(head, 1, 4) ~= MAGIC then
    return nil, IS_OLD
  end
  local size = call('ZCARD', scores)
  if unpack_('<I4', head, HEAD_SIZE + 1) + unpack_('<I4', head, HEAD_SIZE + NODE_SIZE + 1) ~= size then return nil, IS_STALE end
  return {scores = scores, key = key, head = head, size = size, known = {}, moved = {}, nodes = {}}
end

-- Add a score to the leaf of a node (by = 1), or remove it (by = -1). Returns 1 if there is no other such score, else 0;
-- nil, with nothing changed, if the leaf does not have the score, or is broken.
local function change_leaf(tree, node, score, by)
  local call, unpack_ = redis.call, struct.unpack
  local area, bits, r = node[AREA], node[BITS], node[BELOW] - LEAF
  local runs, width, bytes = 2 ^ r, 2 ^ (bits - r), math.ceil((bits - r) / 8)
  local offset = score % width
  local entry_at = area * 8 + 2 + (score - offset) / width % runs * RUN_SIZE
  local start, count, excess, limit = unpack_('<I2I2I6I2', call('GETRANGE', tree.key, entry_at, entry_at + RUN_SIZE + 1))
  local text, place, same, slots_at = '', 0, math.min(count, 2)
  if bytes > 0 then
    local format, last = '<I' .. bytes, count
    slots_at = area * 8 + 4 + runs * RUN_SIZE + start * bytes
    if count > 0 then text = call('GETRANGE', tree.key, slots_at, slots_at + count * bytes - 1) end
    while place < last do
      local middle = math.floor((place + last) / 2)
      if unpack_(format, text, middle * bytes + 1) < offset then place = middle + 1 else last = middle end
    end
    same = 0  -- how many such scores there are: none, one, or more
    while same < 2 and place + same < count and unpack_(format, text, (place + same) * bytes + 1) == offset do same = same + 1 end
  end
  if by < 0 and same == 0 then return nil end
  if by > 0 and start + count >= limit then
    return Reshape().make_room(tree, node) and change_leaf(tree, node, score, by)
  end

  if width <= 2 ^ SUMS_TO_BITS then excess = excess + by * offset end
  call('SETRANGE', tree.key, entry_at + 2, struct.pack('<I2I6', count + by, excess))
  if bytes > 0 then
    local first = place * bytes
    local tail = by > 0 and struct.pack('<I' .. bytes, offset) .. string.sub(text, first + 1) or string.sub(text, first + bytes + 1)
    if tail ~= '' then call('SETRANGE', tree.key, slots_at + first, tail) end
  end
  return same == (by > 0 and 0 or 1) and 1 or 0
end

-- Add a score to the tree (by = 1), or remove it (by = -1). Returns false, and leaves all sums as they were, if the
-- score is not there, or if a leaf does not agree with its node.
local function change(tree, score, by)
  local nodes, path, steps = tree.nodes, {}, 0
  local at, node, count, below = score < 0 and HEAD_SIZE or HEAD_SIZE + NODE_SIZE
  repeat
    node = nodes[at]
    if not node then
      local is_root = at < AREAS_AT
      node = {unpack_(NODE, is_root and tree.head or call('GETRANGE', tree.key, at, at + NODE_SIZE - 1), is_root and at + 1 or 1)}
      nodes[at] = node
    end
    count = node[SIZE]
    if (count == 0 or math.floor(score / 2 ^ node[BITS]) ~= node[CELL]) and (by < 0 or not Reshape().grow(tree, node, score))
      or by > 0 and count >= SPLIT and node[BELOW] >= LEAF and not Reshape().split(tree, node) then return false end
    steps = steps + 1
    path[steps] = node
    below = node[BELOW]
    if below == DIGITS then
      at = node[AREA] * 8 + 2 + math.floor(score / 2 ^ (node[BITS] - 5)) % 32 * NODE_SIZE
    elseif below == OCTAVES then
      local _, exponent = math.frexp(score)
      at = node[AREA] * 8 + 2 + math.max(exponent + 31 - node[BITS], 0) * NODE_SIZE
    end
  until below ~= DIGITS and below ~= OCTAVES

  local distinct = count == (by > 0 and 0 or 1) and 1 or 0
  if below >= LEAF then
    distinct = change_leaf(tree, node, score, by)
    if not distinct then return false end
  end
  local lo, l = score % 2 ^ 40, score % 2 ^ 27
  if l >= 2 ^ 26 then l = l - 2 ^ 27 end
  local hi, h = (score - lo) / 2 ^ 40, (score - l) / 2 ^ 27
  local hh, hl, ll = h * h, h * l, l * l  -- the square in three parts, as in tree.lua
  local q, v, x = hh % 2 ^ 36, hl % 2 ^ 17, ll % 2 ^ 45
  local a, b, c = x + v * 2 ^ 28, q * 2 ^ 9 + (hl - v) / 2 ^ 17 + (ll - x) / 2 ^ 45, (hh - q) / 2 ^ 36
  local too_few
  for i = 1, steps do
    node = path[i]
    local n, l, a_i, b_i = node[SIZE] + by, node[LO] + by * lo, node[SQUARES_A] + by * a, node[SQUARES_B] + by * b
    local l_rest, a_rest = l % 2 ^ 40, a_i % 2 ^ 45
    b_i = b_i + (a_i - a_rest) / 2 ^ 45
    local b_rest = b_i % 2 ^ 45
    node[SIZE], node[LO], node[HI], node[DISTINCT] = n, l_rest, node[HI] + by * hi + (l - l_rest) / 2 ^ 40, node[DISTINCT] + by * distinct
    node[SQUARES_A], node[SQUARES_B], node[SQUARES_C] = a_rest, b_rest, node[SQUARES_C] + by * c + (b_i - b_rest) / 2 ^ 45
    if n <= MERGE and not too_few and (node[BELOW] == DIGITS or node[BELOW] == OCTAVES) then too_few = node end
  end
  if node[SIZE] == 0 then Reshape().clear(tree, node) end
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
  local is_right = not before or change(tree, before, -1)
  if is_right and after and not change(tree, after, 1) then
    if before then change(tree, before, 1) end
    is_right = false
  end
  if not is_right then
    tree.moved[#tree.moved + 1] = member  -- to where it is, since a leaf may have another area now: so nodes are saved
    return 'stale', before, before
  end
  tree.size = tree.size + (after and 1 or 0) - (before and 1 or 0)
  tree.known[member], tree.moved[#tree.moved + 1] = after, member
  return 'ok', before, after
end

-- Write what was changed. A board without members is deleted, unless it is to be kept or has segments.
local function save(tree, expires, flags)
  local key = tree.key
  for _, member in ipairs(tree.moved) do
    local score = tree.known[member]
    if score then call('ZADD', tree.scores, score, member) else call('ZREM', tree.scores, member) end
  end
  if tree.size == 0 and flags == 0 then
    call('DEL', key)
    return
  end
  for at, node in pairs(tree.nodes) do
    local packed = struct.pack(NODE, unpack(node))
    if at < AREAS_AT then
      tree.head = string.sub(tree.head, 1, at) .. packed .. string.sub(tree.head, at + NODE_SIZE + 1)
    else
      call('SETRANGE', key, at, node.is_moved and packed or string.sub(packed, 1, BELOW_AT))
    end
  end
  local version, places = unpack_('<I6B', tree.head, SETTINGS_AT)
  call('SETRANGE', key, 0, MAGIC .. struct.pack('<I6BB', version + 1, places, flags) .. string.sub(tree.head, SETTINGS_AT + 8))
  if expires > 0 then
    for _, name in ipairs({tree.scores, key}) do call('PEXPIREAT', name, expires) end
  end
end
