-- Keep a uniform sample of a board's members while they come and go. Python puts this file between tree.lua and update.lua.
--
-- T:sample   sorted set, member -> slot: 1, 2, 3 and so on without gaps, at most k. The scores are not in it: whoever wants to
--            know them reads them from T:scores. The empty name, which no member has, is there with -d while d > 0 removals
--            have not been made up for.
--
-- Members that come: Algorithm R (Vitter, Random sampling with a reservoir, ACM TOMS 11, 1985). Members that go: Random
-- Pairing (Gemulla, Lehner and Haas, A dip in the reservoir, VLDB 2006): each newcomer makes up for one removal, drawn at
-- random, and gets a place if that one had left a place. With no removals to make up for there are min(k, n) members in the
-- sample; so, with d of them, min(k, n + d) less the places that were left, and d is all that has to be remembered.
--
-- Removals are forgotten when the board is empty, and at no other time: what is done must not depend on how many members the
-- sample happens to have, or old members and new ones would not be in it equally often. So the sample of a board that has
-- shrunk a lot, and not grown again, is small; only a new one, drawn by sample_fill.lua, is larger. A board that had members
-- before it was to keep a sample has none until that script has run.
--
-- math.random gives the same numbers in every call before Redis 7. Here SHA-1 of the time, the member and the size of the board
-- decides; the time alone stands still within a transaction. So what is written depends on the time, which Redis 6.2 allows
-- only if it replicates the writes and not the script: its default, and asked for here in case somebody changed it.
--
-- Boards without a sample spare themselves these functions.

local function Sample()
  if redis.replicate_commands then redis.replicate_commands() end

  local drawn_at

  -- Draw a number from [0, 1), of 52 bits.
  local function draw(member, size)
    drawn_at = drawn_at or table.concat(redis.call('TIME'), '.')
    local digest = redis.sha1hex(drawn_at .. ' ' .. size .. ' ' .. member)
    return tonumber(string.sub(digest, 1, 13), 16) / 2 ^ 52
  end

  -- A new member has come: maybe it gets into the sample, and maybe another one goes for it. `size` counts it, too. O(log k).
  local function come(prefix, member, size, k)
    local key = prefix .. 'sample'
    if size == 1 then redis.call('DEL', key) end
    local entries = redis.call('ZCARD', key)
    if entries == 0 and size > 1 then return end
    local removals = -(tonumber(redis.call('ZSCORE', key, '') or 0))
    local held = entries - (removals > 0 and 1 or 0)
    local slot = held + 1
    if removals > 0 then
      local places_left = math.min(k, size - 1 + removals) - held
      if removals > 1 then redis.call('ZINCRBY', key, 1, '') else redis.call('ZREM', key, '') end
      if draw(member, size) * removals >= places_left then return end
    elseif held >= k then
      slot = math.floor(draw(member, size) * size) + 1
      if slot > k then return end
      redis.call('ZREMRANGEBYSCORE', key, slot, slot)
    end
    redis.call('ZADD', key, slot, member)
  end

  -- A member has gone. If it was in the sample, the one in the last slot takes its slot. O(log k).
  local function go(prefix, member)
    local key = prefix .. 'sample'
    local slot = redis.call('ZSCORE', key, member)
    if slot then
      redis.call('ZREM', key, member)
      local last = redis.call('ZREVRANGE', key, 0, 0, 'WITHSCORES')
      if last[2] and tonumber(last[2]) > tonumber(slot) then redis.call('ZADD', key, slot, last[1]) end
    elseif redis.call('EXISTS', key) == 0 then
      return
    end
    redis.call('ZINCRBY', key, -1, '')
  end

  return come, go
end
