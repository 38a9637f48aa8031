-- Say whether a consumer group has something to do in a partition.
--
-- KEYS  events (stream), offsets (hash), redrive (list), all as in keys.py
-- ARGV[1]  the group
--
-- Returns 1 if there is an event after its offset, or a dead letter to be sent again, else 0. The event itself is not
-- returned: it may have a mebibyte.

local events, offsets, redrive = unpack(KEYS)

if redis.call('EXISTS', redrive) == 1 then return 1 end
local offset = redis.call('HGET', offsets, ARGV[1]) or '0'
return #redis.call('XRANGE', events, '(' .. offset, '+', 'COUNT', 1)
