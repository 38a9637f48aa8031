-- Change the shape of the tree. Few calls do so, so these functions are made only for them.

local SPLIT, MERGE = 1280, 640  -- a leaf with more scores gets a page; a page with at most so many scores becomes a leaf

local function Reshape()
  local scores_of, square_of = arithmetic()

  -- Make a page of empty nodes. Returns its number.
  local function new_page(tree)
    if not tree.pages then tree.free, tree.pages = unpack_('<I4I4', tree.head, PAGES_AT) end
    local page = tree.free
    if page == 0 then
      page = tree.pages + 1
      tree.pages = page
    else
      local at = NODE_0 + page * 16 * NODE_SIZE
      tree.free = unpack_('<I4', call('GETRANGE', tree.key, at, at + 3))
    end
    for number = page * 16, page * 16 + 15 do tree.nodes[number] = string.rep('\0', NODE_SIZE) end
    return page
  end

  -- Give a node another cell and page.
  local function place(tree, number, level, cell, page)
    local node = tree.nodes[number]
    tree.nodes[number] = string.sub(node, 1, 16) .. struct.pack('<Bi7I4', level, cell, page) .. string.sub(node, 29)
  end

  -- Pack a leaf of scores first to last of a list, which are ascending.
  local function pack(scores, first, last, level)
    local width, format = 16 ^ (level - 1), '<I' .. math.floor(level / 2)
    local runs, offsets, counts, sums = {}, {}, {}, {}
    for i = first, last do
      local offset = scores[i] % width
      local run = (scores[i] - offset) / width % 16
      if level > 1 then offsets[#offsets + 1] = struct.pack(format, offset) end
      counts[run], sums[run] = (counts[run] or 0) + 1, (sums[run] or 0) + (level <= SUMS_TO_LEVEL and offset or 0)
    end
    for run = 0, 15 do runs[run + 1] = struct.pack(RUN, counts[run] or 0, sums[run] or 0) end
    return table.concat(runs) .. table.concat(offsets)
  end

  -- Fill an empty node with scores first to last of a list.
  local function fill(tree, number, scores, first, last)
    local level, low, high = 0, scores[first], scores[last]
    while low ~= high do level, low, high = level + 1, math.floor(low / 16), math.floor(high / 16) end
    local lo, hi, distinct, a, b, c = 0, 0, 0, 0, 0, 0
    for i = first, last do
      local score = scores[i]
      local l, a_i, b_i, c_i = score % 2 ^ 40, square_of(score)
      if i == first or score ~= scores[i - 1] then distinct = distinct + 1 end
      a = a + a_i
      b = b + b_i + math.floor(a / 2 ^ 45)
      lo, hi, a, b, c = lo + l, hi + (score - l) / 2 ^ 40, a % 2 ^ 45, b % 2 ^ 45, c + c_i + math.floor(b / 2 ^ 45)
    end
    tree.nodes[number] = struct.pack(NODE, last - first + 1, lo % 2 ^ 40, hi + math.floor(lo / 2 ^ 40), level, low, 0,
      distinct, a, b, c)
    if level > 0 then tree.leaves[number] = pack(scores, first, last, level) end
  end

  -- Append a node's scores, ascending, to a list; its pages and leaves are given up.
  local function empty_into(tree, number, scores)
    if not tree.nodes[number] then
      local at = NODE_0 + number * NODE_SIZE
      tree.nodes[number] = call('GETRANGE', tree.key, at, at + NODE_SIZE - 1)
    end
    local count, _, _, level, cell, page = unpack_(NODE, tree.nodes[number])
    if page > 0 then
      for child = page * 16, page * 16 + 15 do
        empty_into(tree, child, scores)
        tree.nodes[child] = nil
      end
      tree.unused = tree.unused or {}
      table.insert(tree.unused, page)
    elseif level > 0 then
      local leaf = tree.leaves[number] or call('HGET', tree.hash, number)
      for _, score in ipairs(scores_of(leaf, level, cell)) do table.insert(scores, score) end
      tree.leaves[number] = false
    else
      for _ = 1, count do table.insert(scores, cell) end
    end
  end

  local Shape = {}

  -- Give a full leaf a page. Returns its number.
  function Shape.split(tree, number)
    local count, _, _, level, cell = unpack_(NODE, tree.nodes[number])
    local scores = scores_of(tree.leaves[number], level, cell)
    local page, width, first = new_page(tree), 16 ^ (level - 1), 1
    for i = 1, count do
      local digit = math.floor(scores[i] / width) % 16
      if i == count or math.floor(scores[i + 1] / width) % 16 ~= digit then
        fill(tree, page * 16 + digit, scores, first, i)
        first = i + 1
      end
    end
    tree.leaves[number] = false
    place(tree, number, level, cell, page)
    return page
  end

  -- Make a node's cell large enough for a score: a node that has a page, or is too full for a leaf, becomes a child of
  -- a new one. Returns level, cell and page.
  function Shape.grow(tree, number, score)
    local count, _, _, level, cell, page = unpack_(NODE, tree.nodes[number])
    local new_level, new_cell = level, cell
    if count == 0 then new_cell = score end
    while math.floor(score / 16 ^ new_level) ~= new_cell do
      new_level, new_cell = new_level + 1, math.floor(new_cell / 16)
    end
    if page > 0 or count > SPLIT then
      page = new_page(tree)
      tree.nodes[page * 16 + math.floor(cell / 16 ^ (new_level - 1 - level)) % 16] = tree.nodes[number]
    elseif count > 0 then
      local scores = {}
      if level > 0 then
        scores = scores_of(tree.leaves[number], level, cell)
      else
        for i = 1, count do scores[i] = cell end
      end
      tree.leaves[number] = pack(scores, 1, count, new_level)
    end
    place(tree, number, new_level, new_cell, page)
    return new_level, new_cell, page
  end

  -- Make a leaf of a node with a page.
  function Shape.merge(tree, number)
    local scores = {}
    empty_into(tree, number, scores)
    local _, _, _, level, cell = unpack_(NODE, tree.nodes[number])
    tree.leaves[number] = pack(scores, 1, #scores, level)
    place(tree, number, level, cell, 0)
  end

  return Shape
end
