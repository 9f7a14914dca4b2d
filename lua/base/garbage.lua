-- SPDX-License-Identifier: MIT
-- When memory that is not used any more is collected.
local _, tools = ...

local garbage = {}

local LEAN = 150 -- per cent of what was in use, then it is collected again; src/main.c has that of a command

--- For a process that stays for days: less memory, more often looked through.
function garbage.lean() tools.collectgarbage("setpause", LEAN) end

return garbage
