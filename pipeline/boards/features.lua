-- Change a member's features.
--
-- KEYS[1..3]  those of tree.lua
-- KEYS[4]     hash, feature -> JSON
-- KEYS[5]     set, the members that have features
-- ARGV[1]     member
-- ARGV[2]     '1' to remove those that are not named
-- ARGV[3]     Unix time in ms at which the features are deleted if there is no board yet, 0 for never
-- ARGV[4]     versions (features.py) of which they must be one, or '' for any
-- ARGV[5...]  pairs: feature, and its JSON, '' to remove it
--
-- Returns the hash as it is afterwards; false if it is of another version, and then nothing was changed.

if ARGV[4] ~= '' then
  local stored, digests = call('HGETALL', KEYS[4]), {}
  for i = 1, #stored, 2 do digests[#digests + 1] = redis.sha1hex(#stored[i] .. ' ' .. stored[i] .. stored[i + 1]) end
  table.sort(digests)
  if not string.find(ARGV[4], redis.sha1hex(table.concat(digests)), 1, true) then return false end
end
for i = 5, #ARGV, 2 do  -- as in update.lua: what adds is refused if memory is full, before anything was deleted
  if ARGV[i + 1] ~= '' then
    call('SETRANGE', KEYS[2], 0, '')
    break
  end
end
if ARGV[2] == '1' then call('DEL', KEYS[4]) end
for i = 5, #ARGV, 2 do
  if ARGV[i + 1] == '' then call('HDEL', KEYS[4], ARGV[i]) else call('HSET', KEYS[4], ARGV[i], ARGV[i + 1]) end
end

if call('EXISTS', KEYS[4]) == 0 then
  call('SREM', KEYS[5], ARGV[1])
else
  call('SADD', KEYS[5], ARGV[1])
  local head = call('GETRANGE', KEYS[2], 0, HEAD_SIZE - 1)
  local expires = head ~= '' and select(4, unpack_(SETTINGS, head, SETTINGS_AT)) or tonumber(ARGV[3])
  if expires > 0 then
    call('PEXPIREAT', KEYS[4], expires)
    call('PEXPIREAT', KEYS[5], expires)
  end
end
return call('HGETALL', KEYS[4])
