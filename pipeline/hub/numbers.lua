-- Numbers, as commands take them, and the time.

local function text(number) return string.format('%.0f', number) end

local function time_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
