-- What a board knows of a member beside its score.
--
-- KEYS     those of tree.lua
-- ARGV[1]  member
--
-- Returns its features as they are stored, nil for none, then the segments that it is in.

local prefix = string.sub(KEYS[1], 1, PREFIX_END)
local found = {redis.call('HGET', prefix .. KEY_FEATURES, ARGV[1])}
for _, segment in ipairs(redis.call('SMEMBERS', prefix .. KEY_SEGMENTS)) do
  if redis.call('SISMEMBER', prefix .. KEY_IN_SEGMENT, ARGV[1]) == 1 then found[#found + 1] = segment end
end
return found
