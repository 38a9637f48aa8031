-- Have a shard's changes logged from now on, and say where the log is.
--
-- KEYS     those of tree.lua
-- ARGV[1]  for how many ms; if somebody has asked for longer, it stays so
--
-- Returns {id of the log's last entry, the header}; false if the board has none, and then nobody can change it. There is
-- always an entry: where the log begins, the op `begin`. Who follows a board and finds another one has missed changes.

local head = call('GETRANGE', KEYS[2], 0, HEAD_SIZE - 1)
if #head < HEAD_SIZE or string.sub(head, 1, 4) ~= MAGIC then return false end
local changes = string.sub(KEYS[1], 1, PREFIX_END) .. KEY_CHANGES
local logged, time = unpack_('<I6', head, LOGGED_AT), call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local wanted = now + ARGV[1]
local last = logged > now and call('XREVRANGE', changes, '+', '-', 'COUNT', 1)[1]
if wanted > logged then call('SETRANGE', KEYS[2], LOGGED_AT - 1, struct.pack('<I6', wanted)) end
local id = last and last[1] or call('XADD', changes, '*', 'op', 'begin')
if call('PTTL', changes) < wanted - now then call('PEXPIREAT', changes, wanted) end
return {id, head}
