-- Keep a uniform sample of a board's members while members are added and removed. Python puts this file between
-- tree.lua and update.lua.
--
-- T:sample   sorted set, member -> slot: 1, 2, 3 and so on without gaps, at most k. The scores are not in it; they are
--            read from T:scores. The empty name, which no member has, is in it with -d while d > 0 removals have not
--            been made up for, and with -inf while sample_fill.lua draws the sample.
--
-- Members that are added: Algorithm R (Vitter, Random sampling with a reservoir, ACM TOMS 11, 1985). Members that are
-- removed: Random Pairing (Gemulla, Lehner and Haas, A dip in the reservoir, VLDB 2006): each new member makes up for
-- one removal, drawn at random, and gets a place if that removal had freed one. With no removals to make up for, there
-- are min(k, n) members in the sample; with d of them, there are min(k, n + d) less the freed places, so d is all that
-- has to be remembered.
--
-- Removals are forgotten only when the board is empty: nothing may depend on how many members the sample happens to
-- have, or old members and new ones would not be in it equally often. So the sample of a board that has shrunk a lot,
-- and not grown again, is small; only a new one, drawn by sample_fill.lua, is larger. A board that had members before
-- it was to keep a sample has none until that script has run. While it is drawn there are no places to make up for: the
-- sample keeps its size when a member comes, and may become smaller when one goes.
--
-- math.random gives the same numbers in every call before Redis 7. Here SHA-1 of the time, the member and the size of
-- the board is used instead; the time alone does not change within a transaction. So what is written depends on the
-- time, which Redis 6.2 allows only if it replicates the writes and not the script: that is its default, and it is
-- requested here in case the default was changed.
--
-- These functions are made only for boards that have a sample.

local function Sample()
  if redis.replicate_commands then redis.replicate_commands() end

  local drawn_at

  -- Draw a number from [0, 1), of 52 bits.
  local function draw(member, size)
    drawn_at = drawn_at or table.concat(redis.call('TIME'), '.')
    local digest = redis.sha1hex(drawn_at .. ' ' .. size .. ' ' .. member)
    return tonumber(string.sub(digest, 1, 13), 16) / 2 ^ 52
  end

  -- A member was added: it may get into the sample, and may replace another one there. `size` includes it. O(log k).
  local function come(prefix, member, size, k)
    local key = prefix .. KEY_SAMPLE
    if size == 1 then redis.call('DEL', key) end
    local entries = redis.call('ZCARD', key)
    if entries == 0 and size > 1 then return end
    local removals = -(tonumber(redis.call('ZSCORE', key, '') or 0))
    local held = entries - (removals > 0 and 1 or 0)
    local slot = held + 1
    if removals == math.huge then k, removals = held, 0 end
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

  -- A member was removed. If it was in the sample, the one in the last slot takes its slot. O(log k).
  local function go(prefix, member)
    local key = prefix .. KEY_SAMPLE
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
