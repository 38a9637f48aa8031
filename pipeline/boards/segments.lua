-- Segments of a board: each is a set of members, and a board of those members that have a score. These functions are
-- made only for boards that have segments. `flags` are the board's flags, as they are to be written; `is_changed` says
-- that they have to be written.

local ASK_WORK = 1 / 16  -- what asking a segment for a member costs, in changes of a tree

local function Segments(board)
  local call = redis.call
  local prefix, places, flags, expires, names, trees = board.prefix, board.places, board.flags, board.expires, {}, {}
  for _, name in ipairs(call('SMEMBERS', prefix .. KEY_SEGMENTS)) do names[name] = true end
  local Segments = {flags = flags, is_changed = false}

  -- Change the score that is stored under a name, which then is another one.
  local function move_in(segment, name, after, other)
    local tree = trees[segment] or open(prefix .. KEY_SEGMENT_SCORES, prefix .. KEY_SEGMENT_TREE, places, 0)
    if not tree then return end  -- a stale segment stays as it is until Board.rebuild
    trees[segment] = tree
    apply(tree, after and 'set' or 'remove', name, after)
    if name ~= other and after then rename(tree, name, other) end
  end

  -- Remove a member from a segment, which is deleted with its last member. Returns a code.
  function Segments.leave(segment, member, score, name)
    if call('SREM', prefix .. KEY_IN_SEGMENT, member) == 0 then return 'absent' end
    move_in(segment, name, false)
    if call('EXISTS', prefix .. KEY_IN_SEGMENT) == 0 then
      call('SREM', prefix .. KEY_SEGMENTS, segment)
      names[segment] = nil
      if not next(names) then Segments.flags = flags - flags % 4 + flags % 2 end
    end
    Segments.is_changed = true
    return 'ok'
  end

  function Segments.join(segment, member, score, name)
    if not names[segment] then
      if call('SCARD', prefix .. KEY_SEGMENTS) >= MOST_SEGMENTS then return 'full' end
      call('SADD', prefix .. KEY_SEGMENTS, segment)
      names[segment], Segments.flags = true, flags - flags % 4 + flags % 2 + 2
    end
    if call('SADD', prefix .. KEY_IN_SEGMENT, member) == 0 then return 'same' end
    if score then move_in(segment, name, score, name) end
    if expires > 0 then
      call('PEXPIREAT', prefix .. KEY_SEGMENTS, expires)
      call('PEXPIREAT', prefix .. KEY_IN_SEGMENT, expires)
    end
    Segments.is_changed = true
    return 'ok'
  end

  -- Change a member's score in its segments; without a score, it is removed from their boards. `name` is the name under
  -- which its score is stored, `other` that after the change. Returns what this cost, in changes of a tree.
  function Segments.follow(member, after, name, other)
    local work = 0
    for segment in pairs(names) do
      if not after then
        if Segments.leave(segment, member, nil, name) == 'ok' then work = work + 1 end
      elseif call('SISMEMBER', prefix .. KEY_IN_SEGMENT, member) == 1 then
        move_in(segment, name, after, other)
        work = work + 1
      end
      work = work + ASK_WORK
    end
    return work
  end

  -- The number of segments that a member is in.
  function Segments.of(member)
    local count = 0
    for segment in pairs(names) do count = count + call('SISMEMBER', prefix .. KEY_IN_SEGMENT, member) end
    return count
  end

  function Segments.save()
    for _, tree in pairs(trees) do
      if #tree.moved > 0 then save(tree, expires, 0) end
    end
  end

  return Segments
end
