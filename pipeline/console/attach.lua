-- Puts a field into a hash that is there. Without it the field would stay alone, if the hash was never written.
-- KEYS: the hash. ARGV: the field, its value. Returns 1, or 0 if there is no such hash.
if redis.call('EXISTS', KEYS[1]) == 0 then
    return 0
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
