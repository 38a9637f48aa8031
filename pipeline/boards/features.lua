-- Change a member's features, if they still are those that the caller has read.
--
-- KEYS[1..2]  those of tree.lua
-- KEYS[3]     hash, member -> its features
-- ARGV[1]     member
-- ARGV[2]     the features that it must have, '' for none, '*' for any
-- ARGV[3]     those that it is to have, '' for none
-- ARGV[4]     Unix time in ms at which they are deleted if there is no board yet, 0 for never
--
-- Returns 1; 0 if it has other features, or the board is held (hold.lua), and then nothing was changed.

local member, after = ARGV[1], ARGV[3]
local before = call('HGET', KEYS[3], member) or ''
if ARGV[2] ~= '*' and before ~= ARGV[2] then return 0 end
if call('EXISTS', string.sub(KEYS[1], 1, PREFIX_END) .. KEY_HELD) == 1 then return 0 end
if after == before then return 1 end
local expires, logged = tonumber(ARGV[4]), 0
local head = call('GETRANGE', KEYS[2], 0, HEAD_SIZE - 1)
if string.sub(head, 1, 4) == MAGIC then
  local _
  _, _, _, expires, _, _, _, logged = unpack_(SETTINGS, head, SETTINGS_AT)
end
if after == '' then
  call('HDEL', KEYS[3], member)
else
  call('HSET', KEYS[3], member, after)
  if expires > 0 then call('PEXPIREAT', KEYS[3], expires) end
end
local time = logged > 0 and call('TIME')
if time and logged > time[1] * 1000 + math.floor(time[2] / 1000) then
  local log = string.sub(KEYS[1], 1, PREFIX_END) .. KEY_CHANGES
  call('XADD', log, 'MAXLEN', '~', MOST_CHANGES, '*', 'op', KEY_FEATURES, 'member', member, 'after', after)
  call('PEXPIREAT', log, expires > 0 and math.min(expires, logged) or logged)
end
return 1
