-- Delete a board's keys. Redis frees their memory later, in the background.
--
-- KEYS  those of tree.lua
-- ARGV  see keys.lua
--
-- Returns how many keys there were.

local prefix = string.sub(KEYS[1], 1, PREFIX_END)
local deleted = 0
for _, name in ipairs(key_names(prefix, 1)) do deleted = deleted + call('UNLINK', prefix .. name) end
return deleted
