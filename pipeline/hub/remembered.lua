-- Ids that are remembered for a while, in two hashes: id -> MS REST, MS being when it came. Ids are added to the newer
-- hash for as long as they are remembered, or until it has MOST; then it takes the place of the older one, whose ids
-- need not be remembered any more. So what is past is never looked for, and memory has a bound. The field '' has when
-- the hash was begun. After numbers.lua.

local MOST = 500000

-- Return MS and REST of an id that came less than `window` ms ago; nothing for any other.
local function recall(newer, older, id, now, window)
  local ms, rest = string.match(redis.call('HGET', newer, id) or redis.call('HGET', older, id) or '', '^(%d+) ?(.*)$')
  if ms and now - ms < window then return ms, rest end
end

-- Remember ids, a table: id -> REST.
local function remember(newer, older, ids, now, window)
  local begun = redis.call('HGET', newer, '')
  if begun and (now - begun >= window or redis.call('HLEN', newer) > MOST) then
    redis.call('HSET', newer, '', begun)  -- changes nothing: unlike UNLINK, it is refused if memory is full
    redis.call('UNLINK', older)
    redis.call('RENAME', newer, older)
    redis.call('PEXPIRE', older, text(window))
    begun = false
  end
  if not begun then redis.call('HSET', newer, '', text(now)) end
  for id, rest in pairs(ids) do redis.call('HSET', newer, id, text(now) .. ' ' .. rest) end
  redis.call('PEXPIRE', newer, text(window))
end
