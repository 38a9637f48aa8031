-- Ties by who came first: on such a board, a member's name in the sorted sets begins with ARRIVAL_BYTES that say when it
-- got its score, so that Redis's own order of equal scores is that of arrivals, the earlier nearer to the best end.
--
-- T:arrived   hash, member -> these bytes; '' -> the arrival that was given last
--
-- An arrival is the time in us, or one more than the last if that is not less: so no two of a shard are the same, whatever
-- its clock does. Those of several shards are compared by the clocks of their nodes. It is written as a big-endian number,
-- as the distance from 2^53 if the highest score is the best, since lists then begin at the end. These functions are made
-- only for such boards.

local function Arrivals(board)
  local call, key = redis.call, board.prefix .. KEY_ARRIVED
  local is_lowest_first = math.floor(board.flags / LOWEST_FIRST) % 2 == 1
  local Arrivals, arrived, is_changed, last = {}, {}, {}, nil

  local function now()
    local time = call('TIME')
    last = math.max((last or tonumber(call('HGET', key, '') or 0)) + 1, time[1] * 1000000 + time[2])
    return struct.pack(ARRIVAL, is_lowest_first and last or 2 ^ 53 - last)
  end

  -- The name under which a member's score is stored; for one without a score, the name that it would get now.
  function Arrivals.name(member)
    if arrived[member] == nil then arrived[member] = call('HGET', key, member) end
    return (arrived[member] or now()) .. member
  end

  -- Return the name under which a member's score is stored after it changed.
  function Arrivals.changed(member, name, before, after)
    is_changed[member] = true
    arrived[member] = after and (before and now() or string.sub(name, 1, ARRIVAL_BYTES))
    return (arrived[member] or '') .. member
  end

  function Arrivals.save(size, expires)
    if not next(is_changed) then return end
    for member in pairs(is_changed) do
      if arrived[member] then call('HSET', key, member, arrived[member]) else call('HDEL', key, member) end
    end
    if size == 0 then
      call('DEL', key)
    else
      if last then call('HSET', key, '', string.format('%d', last)) end
      if expires > 0 then call('PEXPIREAT', key, expires) end
    end
  end

  return Arrivals
end

-- Store a member of a tree, whose score was changed, under another name.
local function rename(tree, name, other)
  tree.known[other], tree.known[name] = tree.known[name], false
  tree.moved[#tree.moved + 1] = other
end
