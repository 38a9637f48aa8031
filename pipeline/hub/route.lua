-- Changes the route of a hub, if it is still the one that was read. See relay_route.py.
--
-- KEYS[1]  upstream
-- ARGV[1]  the route that was read, '' if there was none
-- ARGV[2]  the new one, '' to forget what was chosen
--
-- Returns 1 if it was changed, 0 if somebody else was first.

if (redis.call('HGET', KEYS[1], 'route') or '') ~= ARGV[1] then
  return 0
end
redis.call('DEL', KEYS[1])  -- also what workers have made of the last one
if ARGV[2] ~= '' then
  redis.call('HSET', KEYS[1], 'route', ARGV[2])
end
return 1
