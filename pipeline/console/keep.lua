-- Stores the service's part of a trace, in place of one with the same id, and puts it at the head of the list.
-- KEYS: the trace, the list. ARGV: id, summary, app, nginx's part or "", seconds to keep it.
local id, summary, app, nginx, seconds = unpack(ARGV)
local earlier = redis.call('HSTRLEN', KEYS[1], 'summary') + redis.call('HSTRLEN', KEYS[1], 'app')
-- First, so that all is refused if memory is full: see store/while_full.py.
redis.call('HSET', KEYS[1], 'summary', summary, 'app', app)
if nginx ~= '' then
    redis.call('HSET', KEYS[1], 'nginx', nginx)
elseif earlier > 0 then
    redis.call('HDEL', KEYS[1], 'nginx')
end
if earlier > 0 then
    redis.call('LREM', KEYS[2], 0, id .. ' ' .. earlier)
end
redis.call('EXPIRE', KEYS[1], seconds)
redis.call('LPUSH', KEYS[2], id .. ' ' .. #summary + #app)
redis.call('EXPIRE', KEYS[2], seconds)
