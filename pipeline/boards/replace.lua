-- Give a board another name, or put a board that was built beside another one in its place: on all shards in KEYS or on
-- none. The board that was there is deleted.
--
-- KEYS     for each shard, those of tree.lua of the board, and then those of its new name
-- ARGV[1]  the generation that it gets
-- ARGV[2]  '1' if the new name may be that of a board with members
-- ARGV[3]  '1' if it was built: its keys then get the end that its header has
-- ARGV[4]  '1' if the scores that the new name has stay: they are those of the board
-- ARGV[5]  and on: see keys.lua
--
-- Returns 1, or 0 if there is no such board, or if the scores are to stay and it is not held (any more). An error that begins with EXISTS says that the new name has members. Then
-- nothing is changed. O(segments).

local settings, is_there
for i = 1, #KEYS, 4 do
  local head = call('GETRANGE', KEYS[i + 1], 0, HEAD_SIZE - 1)
  is_there = is_there or head ~= '' or call('EXISTS', KEYS[i]) == 1
  settings = settings or #head == HEAD_SIZE and string.sub(head, 1, 4) == MAGIC and {unpack_(SETTINGS, head, SETTINGS_AT)}
  if ARGV[2] ~= '1' and call('ZCARD', KEYS[i + 2]) > 0 then return redis.error_reply('EXISTS') end
end
if not is_there then return 0 end

for i = 1, #KEYS, 4 do
  local from, to = string.sub(KEYS[i], 1, PREFIX_END), string.sub(KEYS[i + 2], 1, PREFIX_END)
  if ARGV[4] == '1' then
    call('UNLINK', KEYS[i])
    if call('EXISTS', KEYS[i + 2]) == 1 then call('RENAME', KEYS[i + 2], KEYS[i]) end
  end
  for _, name in ipairs(key_names(to, 5)) do
    if name ~= KEY_HELD then call('UNLINK', to .. name) end
  end
  for _, name in ipairs(key_names(from, 5)) do
    if name ~= KEY_HELD and call('EXISTS', from .. name) == 1 then call('RENAME', from .. name, to .. name) end
  end

  local tree, empty = KEYS[i + 3], string.rep('\0', HEADER_SIZE)
  local head = call('GETRANGE', tree, 0, HEAD_SIZE - 1)
  local is_known = #head == HEAD_SIZE and string.sub(head, 1, 4) == MAGIC
  if settings and (is_known or call('ZCARD', KEYS[i + 2]) == 0) then  -- each shard has a header, and so the generation
    local version, places, flags, expires, sample, _, most, logged
    if is_known then
      version, places, flags, expires, sample, _, most, logged = unpack_(SETTINGS, head, SETTINGS_AT)
    else
      version, places, flags, expires, sample, _, most, logged = unpack(settings)
      call('SET', tree, empty)
      flags, logged = flags - math.floor(flags / 2) % 2 * 2, 0
      if expires > 0 then call('PEXPIREAT', tree, expires) end
    end
    flags = flags % HELD
    if flags % 2 == 0 then flags = flags + KEPT end
    call('SETRANGE', tree, 0, MAGIC ..
      struct.pack(SETTINGS, version + 1, places, flags, expires, sample, tonumber(ARGV[1]), most, logged))
    if ARGV[3] == '1' then expire_keys(to, expires, 5, KEY_EVENTS) end
  end
end
return 1
