-- Segments of a board: each is a set of members, and a board of those members that have a score. These functions are
-- made only for boards that have segments. `flags` are the board's flags, as they are to be written; `is_changed` says
-- that they have to be written.

local function Segments(places, flags, expires)
  local call = redis.call
  local prefix, names, trees = string.sub(KEYS[1], 1, -7), {}, {}
  for _, name in ipairs(call('SMEMBERS', prefix .. 'segments')) do names[name] = true end
  local Segments = {flags = flags, is_changed = false}

  local function move_in(segment, member, after)
    local own = prefix .. 'segment:' .. segment .. ':'
    local tree = trees[segment] or open(own .. 'scores', own .. 'tree', own .. 'leaves', places, 0)
    if not tree then return end  -- a stale segment stays as it is until Board.rebuild
    trees[segment] = tree
    apply(tree, after and 'set' or 'remove', member, after)
  end

  -- Remove a member from a segment, which is deleted with its last member. Returns a code.
  function Segments.leave(segment, member)
    if call('SREM', prefix .. 'in:' .. segment, member) == 0 then return 'absent' end
    move_in(segment, member, false)
    if call('EXISTS', prefix .. 'in:' .. segment) == 0 then
      call('SREM', prefix .. 'segments', segment)
      names[segment] = nil
      if not next(names) then Segments.flags = flags % 2 end
    end
    Segments.is_changed = true
    return 'ok'
  end

  function Segments.join(segment, member, score)
    if not names[segment] then
      if call('SCARD', prefix .. 'segments') >= 64 then return 'full' end
      call('SADD', prefix .. 'segments', segment)
      names[segment], Segments.flags = true, flags % 2 + 2
    end
    if call('SADD', prefix .. 'in:' .. segment, member) == 0 then return 'same' end
    if score then move_in(segment, member, score) end
    if expires > 0 then
      call('PEXPIREAT', prefix .. 'segments', expires)
      call('PEXPIREAT', prefix .. 'in:' .. segment, expires)
    end
    Segments.is_changed = true
    return 'ok'
  end

  -- Change a member's score in its segments; without a score, it is removed from their boards.
  function Segments.follow(member, after)
    for segment in pairs(names) do
      if not after then
        Segments.leave(segment, member)
      elseif call('SISMEMBER', prefix .. 'in:' .. segment, member) == 1 then
        move_in(segment, member, after)
      end
    end
  end

  function Segments.save()
    for _, tree in pairs(trees) do
      if #tree.moved > 0 then save(tree, expires, 0) end
    end
  end

  return Segments
end
