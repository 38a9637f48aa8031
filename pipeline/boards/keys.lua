-- The names of a shard's keys, after its prefix.
--
-- keys.py has the names. They are passed as ARGV[first] and on; one with SEGMENT in it stands for a key of each segment.

local function key_names(prefix, first)
  local names = {}
  local segments = call('SMEMBERS', prefix .. KEY_SEGMENTS)
  for i = first, #ARGV do
    if string.find(ARGV[i], 'SEGMENT', 1, true) then
      for _, segment in ipairs(segments) do names[#names + 1] = string.gsub(ARGV[i], 'SEGMENT', segment) end
    else
      names[#names + 1] = ARGV[i]
    end
  end
  return names
end
