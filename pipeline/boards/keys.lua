-- The names of a shard's keys, after its prefix, and when they expire.
--
-- keys.py has the names. They are passed as ARGV[first] and on; one with SEGMENT in it stands for a key of each segment.

local function key_names(prefix, first)
  local names = {}
  local segments = redis.pcall('SMEMBERS', prefix .. KEY_SEGMENTS)
  if segments.err then segments = {} end  -- another program's key, which a deletion must not stop at
  for i = first, #ARGV do
    if string.find(ARGV[i], 'SEGMENT', 1, true) then
      for _, segment in ipairs(segments) do names[#names + 1] = string.gsub(ARGV[i], 'SEGMENT', segment) end
    else
      names[#names + 1] = ARGV[i]
    end
  end
  return names
end

-- Let all keys expire at a time in ms, 0 for never, but `other`, and two that have a near end of their own.
local function expire_keys(prefix, expires, first, other)
  for _, name in ipairs(key_names(prefix, first)) do
    local key = prefix .. name
    if name ~= KEY_CHANGES and name ~= KEY_HELD and name ~= other then
      if expires > 0 then call('PEXPIREAT', key, expires) else call('PERSIST', key) end
    end
  end
end
