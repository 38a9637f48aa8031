-- Apply changes to members' scores: each change updates the set, the tree and all that belongs to them, or nothing.
--
-- KEYS     those of tree.lua
-- ARGV[1]  the form that the caller assumes; a new board has DEFAULT_PLACES, and otherwise zeros
-- ARGV[2]  how many ms an event id is remembered
-- ARGV[3]  Unix time in ms at which a new board is deleted, 0 for never
-- ARGV[4]  '1' to get ranks
-- ARGV[5]  and on, 4 for each change: op, member, units, event id or ''
--
-- op is set; add; max, which sets a score only if it is higher; remove; join or leave, with a segment in place of units.
-- Returns for each change a code, the member's score after it (for `remove`, the one before it; nil for none), and, if
-- ranks are wanted, its rank and the board's size after all changes. Only with the code `ok` was anything changed. The
-- other codes: `same`, the event was applied before, or the member is in the segment already; `range`, the score would
-- reach 2^53; `absent`, the member to remove does not exist, or is not in the segment; `full`, the board has as many
-- segments as it may have; `stale`, set and tree disagree about the score.
--
-- An error that begins with STALE says that set and tree disagree; with FORM, which form the board has. Then
-- none of the changes is made.

local LATEST = 2 ^ 53  -- a time that every number here holds exactly, and that PEXPIREAT takes

local prefix = string.sub(KEYS[1], 1, PREFIX_END)
local board, problem = open(KEYS[1], KEYS[2], DEFAULT_PLACES, tonumber(ARGV[3]), prefix)
if not board then return redis.error_reply(problem) end
local _, places, flags, expires, sample, generation, _, logged = unpack_(SETTINGS, board.head, SETTINGS_AT)
local form = form_of(places, flags, generation)
if form ~= tonumber(ARGV[1]) then return redis.error_reply('FORM ' .. form) end

local come, go
if sample > 0 then come, go = Sample() end

-- The first command that writes decides what happens if memory is full (store/while_full.py): all changes are refused if
-- one of them adds something, and none if they only remove. Without a sample and removals, the first one below is right;
-- otherwise it is one of these two, which change nothing.
local adds, removes = false, false
for i = 5, #ARGV, 4 do
  if ARGV[i] == 'remove' or ARGV[i] == 'leave' then removes = true else adds = true end
end
if removes or sample > 0 then
  if adds then call('SETRANGE', KEYS[2], 0, '') else call('ZREM', KEYS[1], '') end
end

local segments = flags >= 2 and Segments(places, flags, expires)
local events, now, forget_at
local log  -- the changes that somebody follows: member, op, before, after ... ; see changes.py
if logged > 0 then
  local time = call('TIME')
  if logged > time[1] * 1000 + math.floor(time[2] / 1000) then log = {} end
end
local remembered = {}  -- events of this call: written after `save`, so that none outlives a change that failed
local replies = {}
for i = 5, #ARGV, 4 do
  local op, member, units, event = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local code, before, after
  if event ~= '' then
    if not now then
      local time = call('TIME')
      events, now = prefix .. KEY_EVENTS, time[1] * 1000 + math.floor(time[2] / 1000)
      forget_at = math.min(now + ARGV[2], LATEST)
    end
    local forgotten = remembered[event] and forget_at or tonumber(call('ZSCORE', events, event) or 0)
    if forgotten > now then code = 'same' end
  end

  if code == 'same' or op == 'join' or op == 'leave' then
    local score = board.known[member]
    if score == nil then score = call('ZSCORE', KEYS[1], member) end
    after = score and tonumber(score)
    if code ~= 'same' then
      segments = segments or Segments(places, flags, expires)
      code = segments[op](units, member, after)
      if log and code == 'ok' then log[#log + 1] = {'op', op, 'member', member, 'in_segment', units} end
    end
  else
    code, before, after = apply(board, op, member, units)
    if before ~= after then
      if log then log[#log + 1] = {'op', after and 'set' or 'remove', 'member', member, 'before', before or '', 'after', after or ''} end
      if segments then segments.follow(member, after) end
      if sample > 0 and not (before and after) then
        if after then come(prefix, member, board.size, sample) else go(prefix, member) end
        if expires > 0 then call('PEXPIREAT', prefix .. KEY_SAMPLE, expires) end
      end
      if not after then
        call('DEL', prefix .. KEY_FEATURES)
        call('SREM', prefix .. KEY_FEATURED, member)
        after = before
      end
    end
  end
  if event ~= '' and code == 'ok' then remembered[event] = true end
  replies[#replies + 1], replies[#replies + 2] = code, after
  if ARGV[4] == '1' then replies[#replies + 1], replies[#replies + 2] = false, false end  -- filled in below
end

if #board.moved > 0 or segments and segments.is_changed then save(board, expires, segments and segments.flags or flags) end
if segments then segments.save() end
for _, entry in ipairs(log or {}) do
  for i = 6, 8, 2 do  -- all digits of a number
    if type(entry[i]) == 'number' then entry[i] = string.format('%d', entry[i]) end
  end
  call('XADD', prefix .. KEY_CHANGES, 'MAXLEN', '~', MOST_CHANGES, '*', unpack(entry))
end
if log and #log > 0 then call('PEXPIREAT', prefix .. KEY_CHANGES, expires > 0 and math.min(expires, logged) or logged) end
for event in pairs(remembered) do
  call('ZADD', events, forget_at, event)
  for _, old in ipairs(call('ZRANGEBYSCORE', events, '-inf', '(' .. now, 'LIMIT', 0, 2)) do call('ZREM', events, old) end
end
if next(remembered) then  -- as long as the last of the events, but no longer than the board
  local last = math.min(tonumber(call('ZREVRANGE', events, 0, 0, 'WITHSCORES')[2]), LATEST)
  call('PEXPIREAT', events, expires > 0 and math.min(expires, last) or last)
end
if ARGV[4] == '1' then
  for i = 5, #ARGV, 4 do replies[i - 2], replies[i - 1] = call('ZRANK', KEYS[1], ARGV[i + 1]), board.size end
end
return replies
