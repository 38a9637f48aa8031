-- Let nobody change a shard's members or features, or let them again: all other writers ask again after a moment.
--
-- KEYS     those of tree.lua
-- ARGV[1]  who holds it
-- ARGV[2]  for how many ms at most, 0 to end it
--
-- Returns 1; 0 if another one holds it, and then nothing is changed.

local held = string.sub(KEYS[1], 1, PREFIX_END) .. KEY_HELD
local head = call('GETRANGE', KEYS[2], 0, HEAD_SIZE - 1)
local is_known = #head == HEAD_SIZE and string.sub(head, 1, 4) == MAGIC
local flags
if is_known then flags = string.byte(head, FLAGS_AT) % HELD end
if ARGV[2] ~= '0' then
  if not call('SET', held, ARGV[1], 'PX', ARGV[2], 'NX') then return 0 end
  if is_known then call('SETRANGE', KEYS[2], FLAGS_AT - 1, string.char(flags + HELD)) end
  return 1
end
if call('GET', held) ~= ARGV[1] then return 0 end
call('DEL', held)  -- first, as this is done even if memory is full
if is_known then call('SETRANGE', KEYS[2], FLAGS_AT - 1, string.char(flags)) end
return 1
