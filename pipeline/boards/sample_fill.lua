-- Draw some more members into a board's sample, each of them equally likely any of those that are not in it yet: so what
-- is drawn so far is a uniform sample at any time, also if members come and go between two calls: see sample.lua.
-- ZRANDMEMBER would be shorter, but on Redis 6.2 it favours some members by a half over others.
--
-- KEYS     those of tree.lua
-- ARGV[1]  '1' to begin with none
-- ARGV[2]  and on: random numbers from [0, 1), one for each try to find a member that is not in the sample
--
-- Returns 1 if there are more members to be drawn. Some 10 us for each number.

local key, size = string.sub(KEYS[1], 1, PREFIX_END) .. KEY_SAMPLE, call('ZCARD', KEYS[1])
local head = call('GETRANGE', KEYS[2], 0, HEAD_SIZE - 1)
local expires, wanted = 0, 0
if head ~= '' then expires, wanted = select(4, unpack_(SETTINGS, head, SETTINGS_AT)) end
wanted = math.min(wanted, size)
if ARGV[1] == '1' then
  -- Changes nothing, as no member has an empty name: unlike DEL, it is refused if memory is full.
  if wanted > 0 then call('ZADD', KEYS[1], 'XX', 0, '') end
  call('DEL', key)
  if wanted > 0 then call('ZADD', key, '-inf', '') end
  if expires > 0 then call('PEXPIREAT', key, expires) end
end
if call('ZSCORE', key, '') ~= '-inf' then return 0 end  -- it is complete, or began anew with an empty board

local held = call('ZCARD', key) - 1
for i = 2, #ARGV do
  if held >= wanted then
    call('ZREM', key, '')
    return 0
  end
  local rank = math.floor(ARGV[i] * size)
  held = held + call('ZADD', key, 'NX', held + 1, call('ZRANGE', KEYS[1], rank, rank)[1])
end
return 1
