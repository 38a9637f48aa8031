-- Give a board another name: all its keys, at once. O(members that have features).
--
-- KEYS[1..3]  those of tree.lua, of the board
-- KEYS[4..6]  the same for its new name, under which nothing exists
-- ARGV        see keys.lua

local from, to = string.sub(KEYS[1], 1, PREFIX_END), string.sub(KEYS[4], 1, PREFIX_END)
local names = key_names(from, 1)
for _, member in ipairs(call('SMEMBERS', from .. KEY_FEATURED)) do names[#names + 1] = KEY_FEATURES end
for _, name in ipairs(names) do
  if call('EXISTS', from .. name) == 1 then call('RENAME', from .. name, to .. name) end
end
