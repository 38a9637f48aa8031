-- Add a version to a table. The time is taken here: between one that was read before and this call, a reader could read
-- the table, and then hold for known all versions of times up to LEAD_MS later.
--
-- KEYS[1]  the tables; KEYS[2] the rows of the new version; from KEYS[3] on, those of each version that the table has
-- ARGV[1]  the table's name
-- ARGV[2]  the table as it was read, '' for none
-- ARGV[3]  the rows
-- ARGV[4]  from when on they hold, in ms; '' for the earliest time that they may have
-- ARGV[5]  how many ms from now that is; ARGV[6] the most versions
-- ARGV[7]  the new table as JSON, up to its versions; ARGV[8] the new version, up to the value of `valid_from`; ARGV[9]
--          what comes after that of `put`
-- ARGV[10] and on, 2 for each version that the table has, in the order of their times: `valid_from`, '' for none;
--          and its JSON
--
-- Returns {'put', the new table}; or, with nothing changed, {'other'} if the table is not as it was read; {'late'} if
-- the time is over or too near; {'full'} if more versions than the most would hold now or later.

local name, was, lead, most = ARGV[1], ARGV[2], tonumber(ARGV[5]), tonumber(ARGV[6])
if (redis.call('HGET', KEYS[1], name) or '') ~= was then return {'other'} end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function text(number) return string.format('%.0f', number) end

local from = tonumber(ARGV[4])
if was ~= '' then
  from = from or now + lead
  if from < now + lead then return {'late'} end
end
local json = ARGV[8] .. (from and text(from) or 'null') .. ',"put":' .. text(now) .. ARGV[9]
local start = from or -math.huge

local kept, gone, is_in = {}, {}, false  -- kept: {start, JSON, key}
local function keep_new()
  if not is_in then kept[#kept + 1], is_in = {start, json}, true end
end
for i = 10, #ARGV, 2 do
  local its, key = tonumber(ARGV[i]) or -math.huge, KEYS[3 + (i - 10) / 2]
  if its > start then keep_new() end
  if its == start then gone[#gone + 1] = key else kept[#kept + 1] = {its, ARGV[i + 1], key} end
end
keep_new()
while #kept > most and kept[2][1] <= now do
  gone[#gone + 1] = table.remove(kept, 1)[3]
end
if #kept > most then return {'full'} end

local versions = {}
for i, one in ipairs(kept) do versions[i] = one[2] end
local made = ARGV[7] .. table.concat(versions, ',') .. ']}'
redis.call('SET', KEYS[2], ARGV[3])
redis.call('HSET', KEYS[1], name, made)
for _, key in ipairs(gone) do redis.call('UNLINK', key) end
return {'put', made}
