-- The last member of a board in its order, as it will be after this call of update.lua: which changes have not yet been
-- written. Needed only on a board that keeps a limited number of members.

local function last_of(board)
  local call, known = redis.call, board.known
  local lowest_first = math.floor(board.flags / LOWEST_FIRST) % 2 == 1

  local function is_after(score, name, other_score, other)
    if score ~= other_score then return (score > other_score) == lowest_first end
    local i = 1  -- the first byte that differs: Lua's < depends on the locale
    while i <= #name and string.byte(name, i) == string.byte(other, i) do i = i + 1 end
    return ((string.byte(name, i) or -1) > (string.byte(other, i) or -1)) == lowest_first
  end

  -- The last one in the set of which this call knows nothing. Those behind it were looked at before, or are known.
  local last, its_score
  local at = board.passed or 0
  repeat
    local one = call(lowest_first and 'ZREVRANGE' or 'ZRANGE', board.scores, at, at, 'WITHSCORES')
    local is_known = one[1] and known[one[1]] ~= nil
    if is_known then at = at + 1 else last, its_score = one[1], tonumber(one[2]) end
  until not is_known
  board.passed = at
  for member, score in pairs(known) do
    if score and (not last or is_after(score, member, its_score, last)) then last, its_score = member, score end
  end
  return last
end
