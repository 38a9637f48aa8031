-- Make a board, or change its settings, on all of the shards in KEYS or on none. A setting of '' stays as it is.
--
-- KEYS      those of tree.lua, of each shard
-- ARGV[1]   places, DEFAULT_PLACES if the board is new and this is ''
-- ARGV[2]   '1' if the lowest score is the best, '0' if the highest is
-- ARGV[3]   '1' if of equal scores the one that came first is the better, '0' if it is so by name
-- ARGV[4]   size of the reservoir sample, 0 for none
-- ARGV[5]   Unix time in ms at which the board is deleted, 0 for never
-- ARGV[6]   how many members the board keeps, 0 for all
-- ARGV[7]   Unix time in ms at which a new board is deleted if ARGV[5] is '', 0 for never
-- ARGV[8]   versions of the settings that are right, with spaces between them; '*' for those of any board that is
--           there, 'none' if there must be none, '' for any
-- ARGV[9]   '1' to look only whether it can be done
-- ARGV[10]  and on: see keys.lua
--
-- Returns {1 if there was no such board, form, sample, expires, most, sum of the versions}. An error that begins with
-- FORM says that the board has members, so that its places and ties, which follow, stay as they are, and its order if ties
-- go to who came first; CHANGED, that the settings are not of a right version. Then nothing is changed.

local shards, is_new = {}, true
for i = 1, #KEYS, 2 do
  local prefix, size = string.sub(KEYS[i], 1, PREFIX_END), call('ZCARD', KEYS[i])
  local head = call('GETRANGE', KEYS[i + 1], 0, HEADER_SIZE - 1)
  is_new = is_new and head == '' and size == 0
  if head == '' then
    local flags = call('SCARD', prefix .. KEY_SEGMENTS) > 0 and 2 or 0
    head = MAGIC .. struct.pack(SETTINGS, 0, tonumber(ARGV[1]) or DEFAULT_PLACES, flags, tonumber(ARGV[7]), 0, 0, 0, 0)
    head = head .. string.rep('\0', HEADER_SIZE - #head)
    if size > 0 and ARGV[1] ~= '' and tonumber(ARGV[1]) ~= DEFAULT_PLACES then
      return redis.error_reply('FORM ' .. form_of(DEFAULT_PLACES, 0, 0))
    end
  end
  if string.sub(head, 1, 4) ~= MAGIC then return redis.error_reply(IS_OLD) end
  local version, places, flags, expires, sample, generation, most, logged = unpack_(SETTINGS, head, SETTINGS_AT)

  local found = string.format('%d.%d.%d.%d', form_of(places, flags, generation), sample, expires, most)
  local is_right = ARGV[8] == '' or ARGV[8] == '*' or string.find(' ' .. ARGV[8] .. ' ', ' ' .. found .. ' ', 1, true)
  if not is_right and ARGV[8] ~= 'none' then return redis.error_reply('CHANGED') end

  local function bit(value, argument)  -- as the argument says, if it says so
    local is_set = math.floor(flags / value) % 2
    flags = flags + value * ((tonumber(argument) or is_set) - is_set)
  end
  local before = form_of(places, flags, generation)
  bit(FIRST_COME, ARGV[3])
  if math.floor(flags / FIRST_COME) % 2 == 1 then bit(LOWEST_FIRST, ARGV[2]) end  -- names depend on it: see arrivals.lua
  local wanted = tonumber(ARGV[1]) or places
  if size > 0 and (wanted ~= places or form_of(places, flags, generation) ~= before) then
    return redis.error_reply('FORM ' .. before)
  end
  bit(LOWEST_FIRST, ARGV[2])
  bit(KEPT, 1)
  expires, most = tonumber(ARGV[5]) or expires, tonumber(ARGV[6]) or most
  sample = tonumber(ARGV[4]) or sample
  shards[#shards + 1] = {prefix = prefix, key = KEYS[i + 1], rest = string.sub(head, SEARCH_AT),
    form = form_of(wanted, flags, generation), expires = expires, sample = sample, most = most, version = version + 1,
    head = MAGIC .. struct.pack(SETTINGS, version + 1, wanted, flags, expires, sample, generation, most, logged)}
end
local is_wrong = ARGV[8] ~= '' and ARGV[9] ~= '1' and is_new  -- a look is at one of several shards, which may be empty
if ARGV[8] == 'none' then is_wrong = not is_new end
if is_wrong then return redis.error_reply('CHANGED') end

local versions = 0
for _, shard in ipairs(shards) do
  versions = versions + shard.version
  if ARGV[9] ~= '1' then
    call('SETRANGE', shard.key, 0, shard.head .. shard.rest)
    if ARGV[4] ~= '' then call('DEL', shard.prefix .. KEY_SAMPLE) end  -- another size: the caller then draws a new one
    if ARGV[5] ~= '' or shard.expires > 0 then expire_keys(shard.prefix, shard.expires, 10) end
  end
end
local one = shards[1]
return {is_new and 1 or 0, one.form, one.sample, one.expires, one.most, versions}
