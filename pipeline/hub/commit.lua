-- Commit what became of a request to the upstream hub: the offset, the counters and the dead letters move together, or
-- not at all. After numbers.lua.
--
-- KEYS[1]  the relay's lease of the partition
-- KEYS[2]  hash, group -> offset
-- KEYS[3]  hash, the relay's counters: see keys.py
-- KEYS[4]  stream of dead letters
-- KEYS[5]  list, ids of the dead letters to be re-driven
-- KEYS[6]  list, what was sent last, and what was refused: see sent.py
-- ARGV[1]  the worker, ARGV[2] the ms that its lease is to last from now on
-- ARGV[3]  the group, ARGV[4] its new offset, ARGV[5] the next sequence number; '' '' '' if a dead letter was re-driven
-- ARGV[6]  id of the dead letter that was re-driven; '' if none
-- ARGV[7]  events that the upstream hub took, ARGV[8] bytes of their bodies
-- ARGV[9]  the most dead letters that the partition may have
-- ARGV[10]  offset of the first event of the request, ARGV[11] of the last, ARGV[12] where they were sent
-- ARGV[13]  events that it refused and that are dropped
-- ARGV[14..]  three values for each event that it refused and that is kept: the event as MessagePack, the reason,
--           re-drives so far
--
-- Returns 1; or 0 if the lease is another's, or -1 if there are too many dead letters: then nothing was done.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
-- A letter that is refused again needs no more room than before.
if #ARGV > 13 and ARGV[6] == '' and redis.call('XLEN', KEYS[4]) >= tonumber(ARGV[9]) then return -1 end

-- The first write decides what happens if memory is full (store/while_full.py): a new dead letter needs room, and is
-- refused with all else; anything else goes on.
if ARGV[6] ~= '' then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
for i = 14, #ARGV, 3 do
  redis.call('XADD', KEYS[4], '*', 'e', ARGV[i], 'r', ARGV[i + 1], 'a', ARGV[i + 2])
  redis.call('HINCRBY', KEYS[3], 'refused', 1)
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
if ARGV[6] ~= '' then
  redis.call('XDEL', KEYS[4], ARGV[6])
  redis.call('LREM', KEYS[5], 0, ARGV[6])
else
  redis.call('HSET', KEYS[2], ARGV[3], ARGV[4])
  redis.call('HSET', KEYS[3], 'next', ARGV[5])
end
if ARGV[7] ~= '0' then
  redis.call('HINCRBY', KEYS[3], 'events', ARGV[7])
  redis.call('HINCRBY', KEYS[3], 'bytes', ARGV[8])
  redis.call('HINCRBY', KEYS[3], 'requests', 1)
end
if ARGV[13] ~= '0' then redis.call('HINCRBY', KEYS[3], 'dropped', ARGV[13]) end
redis.call('HDEL', KEYS[3], 'error', 'full')

-- Requests that follow each other within a second have one note, so that the notes of many minutes are few.
local now = time_ms()
local to = ARGV[7] ~= '0' and ARGV[12] or ''
local begun, first, newest_to = string.match(redis.call('LINDEX', KEYS[6], -1) or '', '^(%d+) %d+ (%S+) %S+ (.*)$')
if ARGV[6] == '' and newest_to == to and now - begun < 1000 then
  redis.call('LSET', KEYS[6], -1, table.concat({begun, text(now), first, ARGV[11], to}, ' '))
else
  redis.call('RPUSH', KEYS[6], table.concat({text(now), text(now), ARGV[10], ARGV[11], to}, ' '))
  redis.call('LTRIM', KEYS[6], -500, -1)
end
return 1
