-- The names of a shard's keys, after its prefix; not those of its members' features, of which there may be a million.

local function key_names(prefix)
  local names = {
    'scores', 'tree', 'leaves', 'sample', 'events', 'featured', 'segments', 'rebuild', 'rebuild:leaves',
  }
  for _, segment in ipairs(call('SMEMBERS', prefix .. 'segments')) do
    names[#names + 1] = 'in:' .. segment
    for _, part in ipairs({'scores', 'tree', 'leaves'}) do
      names[#names + 1] = 'segment:' .. segment .. ':' .. part
    end
  end
  return names
end
