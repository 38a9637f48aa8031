-- Make a board, or change its settings. A setting of '' stays as it is.
--
-- KEYS     those of tree.lua
-- ARGV[1]  places, DEFAULT_PLACES if the board is new and this is ''
-- ARGV[2]  size of the reservoir sample, 0 for none
-- ARGV[3]  Unix time in ms at which the board is deleted, 0 for never
-- ARGV[4]  '1' to keep the board when its last member is removed
-- ARGV[5]  Unix time in ms at which a new board is deleted if ARGV[3] is '', 0 for never
-- ARGV[6]  and on: see keys.lua
--
-- Returns {1 if there was no such board, form, expires, sample}. An error that begins with FORM says that the board
-- has members, and with how many places; then nothing is changed.

local prefix = string.sub(KEYS[1], 1, PREFIX_END)
local header = call('GETRANGE', KEYS[2], 0, HEADER_SIZE - 1)
local created = header == '' and call('ZCARD', KEYS[1]) == 0
if header == '' then
  header = MAGIC .. struct.pack(SETTINGS, 0, tonumber(ARGV[1]) or DEFAULT_PLACES,
    call('SCARD', prefix .. KEY_SEGMENTS) > 0 and 2 or 0, tonumber(ARGV[5]), 0, 0, 0, 0)
  header = header .. string.rep('\0', HEADER_SIZE - #header)
end
if string.sub(header, 1, 4) ~= MAGIC then return redis.error_reply(IS_OLD) end
local version, places, flags, expires, sample, generation, most, logged = unpack_(SETTINGS, header, SETTINGS_AT)
if ARGV[1] ~= '' and tonumber(ARGV[1]) ~= places then
  if call('ZCARD', KEYS[1]) > 0 then return redis.error_reply('FORM ' .. form_of(places, flags, generation)) end
  places = tonumber(ARGV[1])
end
if ARGV[2] ~= '' then
  sample = tonumber(ARGV[2])
end
expires = tonumber(ARGV[3]) or expires
if ARGV[4] == '1' and flags % 2 == 0 then flags = flags + 1 end

local packed = struct.pack(SETTINGS, version + 1, places, flags, expires, sample, generation, most, logged)
call('SETRANGE', KEYS[2], 0, MAGIC .. packed .. string.sub(header, SEARCH_AT))
if ARGV[2] ~= '' then call('DEL', prefix .. KEY_SAMPLE) end  -- another size: the caller then draws a new sample

if ARGV[3] ~= '' or expires > 0 then
  for _, name in ipairs(key_names(prefix, 6)) do
    if expires > 0 then call('PEXPIREAT', prefix .. name, expires) else call('PERSIST', prefix .. name) end
  end
end
return {created and 1 or 0, form_of(places, flags, generation), expires, sample}
