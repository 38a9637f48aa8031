-- Apply changes to members' scores: each change updates the set, the tree and all that belongs to them, or nothing.
--
-- KEYS     those of tree.lua, of one board or of several
-- ARGV[1]  how many ms an event id is remembered
-- ARGV[2]  '1' to get ranks
-- ARGV[3]  the score that the first change's member must have: '' for whatever it is, '*' for any, '-' for none, or units
--          with spaces between them, for one of these
-- ARGV[4]  and on, 2 for each board: the form that the caller assumes, where a new board has DEFAULT_PLACES and otherwise
--          zeros, or -1 - places for any form with these, also if it is held, which ends then; Unix time in ms at which a
--          new board is deleted, 0 for never
-- after these, 4 for each change: op, member, units, event id or ''
--
-- op is set; add; max or min, which set a score only if it is higher, or lower; remove, with units only a member that has
-- this score; join or leave, with a segment in place of units. On one board, the changes are made in their order until
-- MOST_WORK trees of it and of its segments were changed, which takes Redis some 5 ms; the rest is to be sent again. On
-- several boards, each has one change, and none is made if one is refused.
--
-- Returns for each change that was looked at a code, the member's score after it (for `remove`, the one before it; nil for
-- none), and, if ranks are wanted, its rank and the board's size after all changes. Only with the code `ok` was anything
-- changed. Three others are no refusals: `kept`, the score is what it was before; `same`, the event was applied before, or
-- the member is in the segment already; `dropped`, the board keeps only so many members, and this one is not among them
-- after all changes: it has no score, and its event is not remembered if it never got one. The rest is: `other`, the event
-- was applied before, but was another change; `changed`, the score is not what ARGV[3] wants; `range`, the score would
-- reach 2^53; `absent`, the member to remove does not exist, or is not in the segment; `full`, the board has as many
-- segments as it may have; `stale`, set and tree disagree about the score.
--
-- An error that begins with STALE says that set and tree disagree, and with FORM, which form a board has, also if it is
-- held, so that the caller asks again; both end with the number of the board. MUCH says that the changes of several boards
-- would take too long. Then none of them is made.
--
-- A remembered event has a score that says until when, in ms, rounded up to 1024; added to it are 21 bits of a digest of
-- the change, as a fraction of 1024 that is never whole. So another change with the same id is taken for the same one time
-- in 2^20. A whole number is an event of a time before there were digests.

local LATEST = 2 ^ 42 - 1024  -- the last ms that leaves a double room for the digest
local is_no_refusal = {ok = true, kept = true, same = true, dropped = true}

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local boards, removes = {}, false
local is_one = #KEYS == 2
for i = 1, #KEYS / 2 do
  local prefix = string.sub(KEYS[2 * i - 1], 1, PREFIX_END)
  local board, problem = open(KEYS[2 * i - 1], KEYS[2 * i], DEFAULT_PLACES, tonumber(ARGV[3 + 2 * i]), prefix)
  if not board then return redis.error_reply(problem .. ' ' .. i - 1) end
  local version, places, flags, expires, sample, generation, most, logged = unpack_(SETTINGS, board.head, SETTINGS_AT)
  local form = form_of(places, flags, generation)
  local held, wanted = prefix .. KEY_HELD, tonumber(ARGV[2 + 2 * i])
  local is_held = (flags >= HELD or version == 0) and call('EXISTS', held) == 1
  if wanted < 0 then  -- in a transaction, whose caller can't ask again
    board.held = is_held and held
    is_held, wanted = false, places == -1 - wanted and form
  end
  if is_held or form ~= wanted then return redis.error_reply('FORM ' .. form .. ' ' .. i - 1) end
  flags = flags % HELD
  board.prefix, board.places, board.flags, board.expires = prefix, places, flags, expires
  board.sample, board.most, removes = sample, most, removes or most > 0
  if math.floor(flags / 2) % 2 == 1 then board.segments = Segments(board) end
  if math.floor(flags / FIRST_COME) % 2 == 1 then board.arrivals = Arrivals(board) end
  if sample > 0 then board.sampled = {} end  -- names that came or went
  if logged > 0 and logged > now_ms() then board.log, board.logged = {}, logged end  -- changes that somebody follows
  boards[i] = board
end

-- The first command that writes decides what happens if memory is full (store/while_full.py): all changes are refused if
-- one of them adds something, and none if they only remove. Without removals, the first one below is right; otherwise it
-- is one of these two, which change nothing.
local first = 4 + 2 * #boards
local adds = false
for i = first, #ARGV, 4 do
  if ARGV[i] == 'remove' or ARGV[i] == 'leave' then removes = true else adds = true end
end
if removes then
  if adds then call('SETRANGE', KEYS[2], 0, '') else call('ZREM', KEYS[1], '') end
end

-- Do what belongs to another score of a member, false for none. `name` is the one under which the score was stored; it may
-- be stored under another one now. Returns what this cost, in changes of a tree.
local function follow(board, member, name, before, after)
  local other = board.arrivals and board.arrivals.changed(member, name, before, after) or name
  if after and other ~= name then rename(board, name, other) end
  if board.log then
    local entry = {'op', after and 'set' or 'remove', 'member', member, 'before', before or '', 'after', after or ''}
    if board.arrivals then entry[9], entry[10] = 'arrival', string.sub(other, 1, #other - #member) end
    board.log[#board.log + 1] = entry
  end
  if board.sampled and (other ~= name or not (before and after)) then
    board.sampled[#board.sampled + 1] = {before and name, after and other, board.size}
  end
  if not after then call('HDEL', board.prefix .. KEY_FEATURES, member) end
  return board.segments and board.segments.follow(member, after, name, other) or 0
end

-- Leave a board as it was before the one change of it that was made.
local function undo(board)
  local change, gone = board.change, board.gone
  if gone then apply(board, 'set', gone[2], gone[3]) end
  if change then apply(board, change[3] and 'set' or 'remove', change[2], change[3] or '') end
  if #board.moved > 0 then
    local version = math.max(unpack_('<I6', board.head, SETTINGS_AT) - 1, 0)  -- `save` adds 1, for a change that is none
    board.head = MAGIC .. struct.pack('<I6', version) .. string.sub(board.head, SETTINGS_AT + 6)
    save(board, board.expires, board.segments and board.segments.flags or board.flags)
  end
end

local now
local work = 0
local replies = {}
local dropped = {}  -- who was there before, or came in this call
for i = first, #ARGV, 4 do
  local board = is_one and boards[1] or boards[(i - first) / 4 + 1]
  local op, member, units, event = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[1] ~= '0' and ARGV[i + 3] or ''
  local name = board.arrivals and board.arrivals.name(member) or member  -- in the sorted sets
  local code, before, after, digest
  if event ~= '' or i == first and ARGV[3] ~= '' or op == 'join' or op == 'leave' then
    after = score_of(board, name)
    if after == nil then code, after = 'stale', false end
  end
  if event ~= '' and not code then
    now = now or now_ms()
    digest = (tonumber(string.sub(redis.sha1hex(op .. ' ' .. units .. ' ' .. member), 1, 5), 16) * 2 + 1) / 2 ^ 11
    board.events = board.events or {}  -- those of this call: written after `save`, so that none outlives a change that failed
    local known = board.events[event] or tonumber(call('ZSCORE', board.prefix .. KEY_EVENTS, event) or 0)
    if known > now then code = (known % 1 == 0 or known % 1024 == digest) and 'same' or 'other' end
  end
  if not code and i == first and ARGV[3] ~= '' then
    local is_wanted = ARGV[3] == '*' and after or ARGV[3] == '-' and not after
    for one in string.gmatch(after and ARGV[3] or '', '-?%d+') do is_wanted = is_wanted or tonumber(one) == after end
    if not is_wanted then code = 'changed' end
  end

  if code then
    -- Nothing is changed.
  elseif op == 'join' or op == 'leave' then
    board.segments = board.segments or Segments(board)
    code = board.segments[op](units, member, after, name)
    work = work + 1
    if board.log and code == 'ok' then board.log[#board.log + 1] = {'op', op, 'member', member, 'in_segment', units} end
  else
    code, before, after = apply(board, op, name, units)
    work = work + 1
    local last = after and not before and board.most > 0 and board.size > board.most and last_of(board)
    if last == name then
      apply(board, 'remove', name)
      code = 'dropped'
    elseif before ~= after then
      if is_one then
        work = work + follow(board, member, name, before, after)
      else  -- what follows is not undone if another board refuses
        board.change = {member, name, before, after}
        work = work + (board.segments and board.segments.of(member) or 0)
      end
      after = after or before
    elseif code == 'ok' then
      code = 'kept'
    end
    if last and last ~= name then
      local is_done, score = apply(board, 'remove', last)
      if is_done == 'ok' then  -- else set and tree disagree about it, which `check` finds
        local other = board.arrivals and string.sub(last, ARRIVAL_BYTES + 1) or last
        if is_one then
          work, dropped[other] = work + 1 + follow(board, other, last, score, false), true
        else
          board.gone = {other, last, score}
        end
      end
    end
  end
  if event ~= '' and (code == 'ok' or code == 'kept') then
    board.events[event] = math.min(math.floor((now + ARGV[1]) / 1024 + 1) * 1024, LATEST) + digest
  end
  replies[#replies + 1], replies[#replies + 2] = code, after
  if ARGV[2] == '1' then replies[#replies + 1], replies[#replies + 2] = false, false end  -- filled in below
  if is_one then
    if work >= MOST_WORK then break end
  elseif work > MOST_WORK or not (is_no_refusal[code] and after) then
    for _, other in ipairs(boards) do undo(other) end
    return work > MOST_WORK and redis.error_reply('MUCH ') or replies
  end
end

for _, board in ipairs(boards) do
  if board.change then follow(board, unpack(board.change)) end
  if board.gone then follow(board, board.gone[1], board.gone[2], board.gone[3], false) end
  local prefix, expires, segments = board.prefix, board.expires, board.segments
  if #board.moved > 0 or segments and segments.is_changed then
    save(board, expires, segments and segments.flags or board.flags)
  end
  if segments then segments.save() end
  if board.held then call('DEL', board.held) end
  if board.arrivals then board.arrivals.save(board.size, expires) end
  if board.sampled and #board.sampled > 0 then
    local come, go = Sample()
    for _, one in ipairs(board.sampled) do
      local from, to, size = unpack(one)
      local slot = from and to and call('ZSCORE', prefix .. KEY_SAMPLE, from)
      if slot then
        call('ZREM', prefix .. KEY_SAMPLE, from)
        call('ZADD', prefix .. KEY_SAMPLE, slot, to)
      elseif not from then
        come(prefix, to, size, board.sample)
      elseif not to then
        go(prefix, from)
      end
    end
    if expires > 0 then call('PEXPIREAT', prefix .. KEY_SAMPLE, expires) end
  end
  if board.events and next(board.events) then
    local events = prefix .. KEY_EVENTS
    for event, remembered in pairs(board.events) do
      local score = string.format('%.17g', remembered)
      call('ZADD', events, score, event)
      if board.log then board.log[#board.log + 1] = {'op', 'event', 'member', event, 'after', score} end
      for _, old in ipairs(call('ZRANGEBYSCORE', events, '-inf', '(' .. now, 'LIMIT', 0, 2)) do call('ZREM', events, old) end
    end
    -- As long as the last of the events, but no longer than the board.
    local last = math.ceil(call('ZREVRANGE', events, 0, 0, 'WITHSCORES')[2])
    call('PEXPIREAT', events, expires > 0 and math.min(expires, last) or last)
  end
  for _, entry in ipairs(board.log or {}) do
    for i = 6, 8, 2 do  -- all digits of a number
      if type(entry[i]) == 'number' then entry[i] = string.format('%d', entry[i]) end
    end
    call('XADD', prefix .. KEY_CHANGES, 'MAXLEN', '~', MOST_CHANGES, '*', unpack(entry))
  end
  if board.log and #board.log > 0 then
    call('PEXPIREAT', prefix .. KEY_CHANGES, expires > 0 and math.min(expires, board.logged) or board.logged)
  end
end
if is_one and next(dropped) then
  local step = ARGV[2] == '1' and 4 or 2
  for i = 1, #replies, step do
    local member = ARGV[first + (i - 1) / step * 4 + 1]
    local name = boards[1].arrivals and boards[1].arrivals.name(member) or member
    if replies[i] == 'ok' and dropped[member] and not boards[1].known[name] then replies[i] = 'dropped' end
  end
end
if ARGV[2] == '1' then
  for i = 4, #replies, 4 do
    local board, member = is_one and boards[1] or boards[i / 4], ARGV[first + i - 3]
    if board.arrivals then member = board.arrivals.name(member) end
    replies[i - 1], replies[i] = call('ZRANK', board.scores, member), board.size
  end
end
return replies
