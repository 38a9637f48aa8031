-- The segments that a member is in.
--
-- KEYS[1]  set, the names of the board's segments
-- ARGV[1]  member
-- ARGV[2]  the prefix of a segment's set, before the segment's name

local found = {}
for _, name in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  if redis.call('SISMEMBER', ARGV[2] .. name, ARGV[1]) == 1 then found[#found + 1] = name end
end
return found
