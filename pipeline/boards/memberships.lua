-- The segments that a member is in.
--
-- KEYS     those of tree.lua
-- ARGV[1]  member

local prefix = string.sub(KEYS[1], 1, PREFIX_END)
local found = {}
for _, segment in ipairs(redis.call('SMEMBERS', prefix .. KEY_SEGMENTS)) do
  if redis.call('SISMEMBER', prefix .. KEY_IN_SEGMENT, ARGV[1]) == 1 then found[#found + 1] = segment end
end
return found
