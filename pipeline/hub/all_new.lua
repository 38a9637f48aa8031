-- In front of append.lua, where nothing that comes can be a repetition. Functions that are not there cost no time.

local KEYS_OF, BEGIN, VALUES = 3, 3, 3
local recognition
