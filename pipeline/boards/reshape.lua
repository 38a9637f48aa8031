-- Change the shape of the tree. Few calls do so, so these functions are made only for them. They write pages and leaves at
-- once, into areas that no node in Redis has yet, and change the nodes in memory.

local SPLIT, MERGE = 2048, 1024  -- a leaf with more scores gets a page; a page with at most so many scores becomes a leaf

local function Reshape()
  local scores_of, square_of, runs_of = Leaves()

  -- Find an area of so many times 8 bytes that is not in use, and let the search go on behind it the next time. Neighbours
  -- that are not in use are joined on the way. After 8 areas that are in use, or all, the string gets longer.
  local function find(tree, units)
    local key, last = tree.key, math.max(call('STRLEN', tree.key), AREAS_AT)
    local start = math.max(unpack_('<I4', tree.head, SEARCH_AT) * 8, AREAS_AT)
    local at, tail, first, found, in_use = start, nil, nil, 0, 0
    for _ = 1, 200 do
      if first and found >= units or in_use == 8 then break end
      if at >= last then at, tail, first = AREAS_AT, first or last, nil end
      if at >= start and tail then break end
      local size = unpack_('<I2', call('GETRANGE', key, at, at + 1))
      if size % 2 == 1 then
        first, in_use = nil, in_use + 1
      elseif first then
        found = found + size / 2
        call('SETRANGE', key, first, struct.pack('<I2', math.min(found, units) * 2))
      else
        first, found = at, size / 2
      end
      at = at + math.floor(size / 2) * 8
    end
    local search = first or at
    if not first or found < units then
      first = tail or last
    else
      search = first + units * 8
      if found > units then call('SETRANGE', key, search, struct.pack('<I2', (found - units) * 2)) end
    end
    if first == tail then search = AREAS_AT end
    tree.head = string.sub(tree.head, 1, SEARCH_AT - 1) .. struct.pack('<I4', search / 8) .. string.sub(tree.head, SEARCH_AT + 4)
    return first
  end

  -- The length of an area that is in use, divided by 8.
  local function length(tree, area)
    return (unpack_('<I2', call('GETRANGE', tree.key, area * 8, area * 8 + 1)) - 1) / 2
  end

  -- Give up the area of a node, if it has one.
  local function give_up(tree, node)
    if node[BELOW] ~= EQUAL then
      call('SETRANGE', tree.key, node[AREA] * 8, struct.pack('<I2', length(tree, node[AREA]) * 2))
    end
  end


  -- Write a page or a leaf into an area of its own. Returns the area.
  local function put(tree, text)
    local units = math.ceil((2 + #text) / 8)
    local at = find(tree, units)
    call('SETRANGE', tree.key, at, struct.pack('<I2', units * 2 + 1) .. text .. string.rep('\0', units * 8 - 2 - #text))
    return at / 8
  end

  -- Give a node another cell and other things below it. Returns true.
  local function place(node, below, area, bits, cell)
    node[BELOW], node[AREA], node[BITS], node[CELL], node.is_moved = below, area, bits, cell, true
    return true
  end

  -- The scores of a node that is a leaf or EQUAL, ascending; nil if they are not as many as the node says.
  local function all_of(tree, node)
    local scores = {}
    if node[BELOW] == EQUAL then
      for i = 1, node[SIZE] do scores[i] = node[CELL] end
    else
      scores = scores_of(tree.key, node[AREA], node[BELOW] - LEAF, node[BITS], node[CELL])
    end
    return #scores == node[SIZE] and scores or nil
  end

  -- How many runs a leaf gets, as a power of 2.
  local function runs_for(count, bits)
    local r = 0
    while r < 4 and r < bits and count > 64 * 2 ^ r do r = r + 1 end
    return r
  end

  -- Pack a leaf of so many scores in runs, with this many more slots, or some less: one for each run, and the rest in
  -- proportion to the runs.
  local function pack_leaf(counts, excesses, texts, count, bytes, room)
    local entries, slots, start, share = {}, {}, 0, (room - #counts) / count
    for run = 1, #counts do
      local more = 1 + math.floor(counts[run] * share)
      entries[run] = struct.pack(RUN, start, counts[run], excesses[run])
      slots[run] = texts[run] .. string.rep('\0', more * bytes)
      start = start + counts[run] + more
    end
    return table.concat(entries) .. struct.pack('<I2', start) .. table.concat(slots)
  end

  -- Make a leaf of scores first to last of a list, which are ascending. Returns what is below its node, and its area.
  local function new_leaf(tree, scores, first, last, bits)
    local count = last - first + 1
    local r = runs_for(count, bits)
    local runs, width, bytes = 2 ^ r, 2 ^ (bits - r), math.ceil((bits - r) / 8)
    local counts, excesses, texts, i = {}, {}, {}, first
    for run = 0, runs - 1 do
      local offsets, n, excess = {}, 0, 0
      while i <= last and math.floor(scores[i] / width) % runs == run do
        n = n + 1
        offsets[n] = scores[i] % width
        excess = excess + offsets[n]
        i = i + 1
      end
      counts[run + 1], excesses[run + 1] = n, bits - r <= SUMS_TO_BITS and excess or 0
      texts[run + 1] = bytes > 0 and struct.pack('<' .. string.rep('I' .. bytes, n), unpack(offsets)) or ''
    end
    return LEAF + r, put(tree, pack_leaf(counts, excesses, texts, count, bytes, math.floor(count / 8) + 8 + 2 * runs))
  end

  -- Make a node of scores first to last of a list, with its leaf.
  local function new_node(tree, scores, first, last)
    local bits, low, high = 0, scores[first], scores[last]
    while low ~= high do bits, low, high = bits + 1, math.floor(low / 2), math.floor(high / 2) end
    local lo, hi, distinct, a, b, c = 0, 0, 0, 0, 0, 0
    for i = first, last do
      local score = scores[i]
      local l, a_i, b_i, c_i = score % 2 ^ 40, square_of(score)
      if i == first or score ~= scores[i - 1] then distinct = distinct + 1 end
      a = a + a_i
      b = b + b_i + math.floor(a / 2 ^ 45)
      lo, hi, a, b, c = lo + l, hi + (score - l) / 2 ^ 40, a % 2 ^ 45, b % 2 ^ 45, c + c_i + math.floor(b / 2 ^ 45)
    end
    local below, area = EQUAL, 0
    if bits > 0 then below, area = new_leaf(tree, scores, first, last, bits) end
    return {last - first + 1, lo % 2 ^ 40, hi + math.floor(lo / 2 ^ 40), distinct, a, b, c, below, area, bits, low}
  end

  local Shape = {}

  -- Make a node of which the last score was removed an empty one.
  function Shape.clear(tree, node)
    give_up(tree, node)
    place(node, EQUAL, 0, 0, 0)
  end

  -- Make a leaf anew of which a run has no room: in its area, if that has room enough in all. Returns false, as do `split`
  -- and `grow`, if the leaf does not agree with its node; then nothing is changed.
  function Shape.make_room(tree, node)
    local count, area, bits, r = node[SIZE], node[AREA], node[BITS], node[BELOW] - LEAF
    if runs_for(count, bits) > r then
      local scores = all_of(tree, node)
      if not scores then return false end
      give_up(tree, node)
      local below, place_of = new_leaf(tree, scores, 1, count, bits)
      return place(node, below, place_of, bits, node[CELL])
    end
    local runs, bytes, in_runs = 2 ^ r, math.ceil((bits - r) / 8), 0
    local counts, excesses, texts = runs_of(tree.key, area, r, bits)
    for run = 1, runs do in_runs = in_runs + counts[run] end
    if in_runs ~= count then return false end
    local slots = length(tree, area) * 8 - 4 - runs * RUN_SIZE
    local room = bytes > 0 and math.floor(slots / bytes) - count or 2 * count
    if room >= count / 32 + 2 * runs then
      call('SETRANGE', tree.key, area * 8 + 2, pack_leaf(counts, excesses, texts, count, bytes, room))
    else
      give_up(tree, node)
      area = put(tree, pack_leaf(counts, excesses, texts, count, bytes, math.floor(count / 8) + 8 + 2 * runs))
      place(node, node[BELOW], area, bits, node[CELL])
    end
    return true
  end

  -- The number of the child that a score belongs to.
  local function child_of(score, below, bits)
    if below == DIGITS then return math.floor(score / 2 ^ (bits - 5)) % 32 end
    local _, exponent = math.frexp(score)
    return math.max(exponent + 31 - bits, 0)
  end

  -- Give a full leaf a page.
  function Shape.split(tree, node)
    local count, scores = node[SIZE], all_of(tree, node)
    if not scores then return false end
    give_up(tree, node)
    local below, bits, first, children = DIGITS, math.max(node[BITS], 5), 1, {}
    local cell = math.floor(scores[1] / 2 ^ bits)
    if cell == 0 and scores[math.floor(count * 3 / 4) + 1] < 2 ^ (bits - 5) then
      local _, exponent = math.frexp(scores[1])
      below, bits = OCTAVES, math.max(exponent + 31, bits)
    end
    for child = 0, 31 do
      local last = first - 1
      while last < count and child_of(scores[last + 1], below, bits) == child do last = last + 1 end
      children[child + 1] = last < first and string.rep('\0', NODE_SIZE)
        or struct.pack(NODE, unpack(new_node(tree, scores, first, last)))
      first = last + 1
    end
    return place(node, below, put(tree, table.concat(children)), bits, cell)
  end

  -- Make a node's cell large enough for a score: a node that has a page, or is too full for a leaf, becomes a child of
  -- a new one.
  function Shape.grow(tree, node, score)
    local below, bits, cell = node[BELOW], node[BITS], node[CELL]
    if node[SIZE] == 0 then return place(node, EQUAL, 0, 0, score) end
    local new_bits, new_cell = bits, cell
    while math.floor(score / 2 ^ new_bits) ~= new_cell do new_bits, new_cell = new_bits + 1, math.floor(new_cell / 2) end
    if below == DIGITS or below == OCTAVES or node[SIZE] > SPLIT then
      local child = 0
      if cell == 0 then
        below, new_bits = OCTAVES, math.max(bits + 31, new_bits)
      else
        below, new_bits = DIGITS, math.max(bits + 5, new_bits)
        child = math.floor(cell / 2 ^ (new_bits - 5 - bits)) % 32
        new_cell = math.floor(cell / 2 ^ (new_bits - bits))
      end
      local empty = string.rep('\0', NODE_SIZE)
      local page = string.rep(empty, child) .. struct.pack(NODE, unpack(node)) .. string.rep(empty, 31 - child)
      return place(node, below, put(tree, page), new_bits, new_cell)
    end
    local scores = all_of(tree, node)
    if not scores then return false end
    give_up(tree, node)
    below, node[AREA] = new_leaf(tree, scores, 1, #scores, new_bits)
    return place(node, below, node[AREA], new_bits, new_cell)
  end

  -- Append a node's scores, ascending, to a list, and append the nodes, and the places of those below, to two others.
  local function gather(tree, node, scores, nodes, places)
    nodes[#nodes + 1] = node
    if node[BELOW] ~= DIGITS and node[BELOW] ~= OCTAVES then
      for _, score in ipairs(all_of(tree, node) or {}) do scores[#scores + 1] = score end
      return
    end
    local first = node[AREA] * 8 + 2
    local page = call('GETRANGE', tree.key, first, first + 32 * NODE_SIZE - 1)
    for child = 0, 31 * NODE_SIZE, NODE_SIZE do
      places[#places + 1] = first + child
      gather(tree, tree.nodes[first + child] or {unpack_(NODE, page, child + 1)}, scores, nodes, places)
    end
  end

  -- Make a leaf of a node with a page. A page that does not agree with its leaves is left as it is.
  function Shape.merge(tree, node)
    local scores, nodes, places = {}, {}, {}
    gather(tree, node, scores, nodes, places)
    if #scores ~= node[SIZE] then return end
    for _, one in ipairs(nodes) do give_up(tree, one) end
    for _, at in ipairs(places) do tree.nodes[at] = nil end
    for i, number in ipairs(new_node(tree, scores, 1, #scores)) do node[i] = number end
    node.is_moved = true
  end

  return Shape
end
