-- Delete a board's keys. Redis frees their memory later, in the background.
--
-- KEYS  those of tree.lua, of each shard
-- ARGV  see keys.lua
--
-- Returns how many keys there were.

local deleted = 0
for i = 1, #KEYS, 2 do
  local prefix = string.sub(KEYS[i], 1, PREFIX_END)
  for _, name in ipairs(key_names(prefix, 1)) do
    if name ~= KEY_HELD then deleted = deleted + call('UNLINK', prefix .. name) end
  end
end
return deleted
