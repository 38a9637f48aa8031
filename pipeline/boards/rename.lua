-- Give a board another name: all its keys, at once.
--
-- KEYS[1..2]  those of tree.lua, of the board
-- KEYS[3..4]  the same for its new name, under which nothing exists
-- ARGV        see keys.lua

local from, to = string.sub(KEYS[1], 1, PREFIX_END), string.sub(KEYS[3], 1, PREFIX_END)
for _, name in ipairs(key_names(from, 1)) do
  if call('EXISTS', from .. name) == 1 then call('RENAME', from .. name, to .. name) end
end
