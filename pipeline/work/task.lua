-- Changes a task: all changes are here, so that what a task says of itself, and the lists that it is in, agree.
--
-- KEYS[1] the task, KEYS[2] those that have not ended, KEYS[3] those that have: see keys.py
-- ARGV[1] the task's id, ARGV[2] what to do, ARGV[3..] as it stands beside each
--
-- A worker that was thought dead may come back and report. So each time that a task is begun, `run` grows, and what a
-- worker says of another run than the last is not taken.

local task, unfinished, ended = KEYS[1], KEYS[2], KEYS[3]
local id, what = ARGV[1], ARGV[2]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function text(number) return string.format('%.0f', number) end
local function field(name) return redis.call('HGET', task, name) end
local function is_run(run) return field('run') == run and field('state') == 'running' end

local function finish(state, kept_ms, most, ...)
  redis.call('HSET', task, 'state', state, 'finished', text(now), ...)
  redis.call('PEXPIRE', task, kept_ms)
  redis.call('ZREM', unfinished, id)
  redis.call('ZADD', ended, text(now), id)
  redis.call('PEXPIRE', ended, kept_ms)
  redis.call('ZREMRANGEBYSCORE', ended, '-inf', text(now - kept_ms))
  local prefix = string.sub(task, 1, -#id - 1)
  for _, old in ipairs(redis.call('ZRANGE', ended, 0, -most - 1)) do
    redis.call('DEL', prefix .. old)
    redis.call('ZREM', ended, old)
  end
end

-- ARGV[3] how many may wait, ARGV[4..] fields and values. Returns 0 if there are as many; else 1, also when sent again.
if what == 'create' then
  if redis.call('EXISTS', task) == 1 then return 1 end
  if redis.call('ZCARD', unfinished) >= tonumber(ARGV[3]) then return 0 end
  redis.call('HSET', task, 'state', 'waiting', 'created', text(now), 'due', text(now), unpack(ARGV, 4))
  redis.call('ZADD', unfinished, text(now), id)
  return 1
end

-- Returns fields and values of the task, which is now running; nothing if there is nothing to do.
if what == 'begin' then
  local state = field('state')
  if state ~= 'waiting' and state ~= 'running' then
    redis.call('ZREM', unfinished, id)
    return {}
  end
  if field('cancel') then
    finish('cancelled', ARGV[3], ARGV[4])
    return {}
  end
  redis.call('HSET', task, 'state', 'running')
  redis.call('HSETNX', task, 'started', text(now))
  redis.call('HDEL', task, 'done', 'total', 'error')
  redis.call('HINCRBY', task, 'run', 1)
  redis.call('HINCRBY', task, 'tries', 1)
  return redis.call('HGETALL', task)
end

-- ARGV[3] the run, ARGV[4..5] done and total, if these are known. Returns 1, 0 if it is to be cancelled, or -1 if
-- another run has begun.
if what == 'report' then
  if not is_run(ARGV[3]) then return -1 end
  if ARGV[4] then redis.call('HSET', task, 'done', ARGV[4], 'total', ARGV[5]) end
  return field('cancel') and 0 or 1
end

-- ARGV[3] the run, ARGV[4] ms from now, ARGV[5] why, ARGV[6] '1' if this was no fault of the task's own.
if what == 'postpone' then
  if not is_run(ARGV[3]) then return -1 end
  redis.call('HSET', task, 'state', 'waiting', 'due', text(now + ARGV[4]), 'error', ARGV[5])
  if ARGV[6] == '1' then redis.call('HINCRBY', task, 'tries', -1) end
  redis.call('ZADD', unfinished, text(now + ARGV[4]), id)
  return 1
end

-- ARGV[3] the run, ARGV[4] the state, ARGV[5] for how many ms it is kept, ARGV[6] how many are, ARGV[7..] fields.
if what == 'end' then
  if not is_run(ARGV[3]) then return -1 end
  finish(ARGV[4], ARGV[5], ARGV[6], unpack(ARGV, 7))
  return 1
end

-- ARGV[3] for how many ms it is kept, ARGV[4] how many are. Returns the state that the task was in.
if what == 'cancel' then
  local state = field('state')
  if state == 'waiting' then
    finish('cancelled', ARGV[3], ARGV[4])
  elseif state == 'running' then
    redis.call('HSET', task, 'cancel', '1')
  end
  return state
end
