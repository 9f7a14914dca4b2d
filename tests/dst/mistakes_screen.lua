-- SPDX-License-Identifier: MIT
-- Mistakes of the full screen: what a key may answer, what is drawn, what is said of money.
return {
  { name = "what was typed before a question answers it", file = "tui/keys.lua", by = "lua", tests = "tui",
    find = "if key.mouse or too_soon(line) then", replace = "if key.mouse then" },
  { name = "a paste is a yes", file = "tui/keys.lua", by = "lua", tests = "tui",
    find = "if key.pasted then", replace = "if false then" },
  { name = "Enter is a yes", file = "tui/prompt.lua", by = "lua", tests = "tui",
    find = "function Prompt:text() return self.buffer:text() end",
    replace = "function Prompt:text() return self.buffer:text() ~= '' and self.buffer:text() or 'y' end" },
  { name = "anything but a no rents", file = "tui/confirm.lua", by = "e2e", tests = "face: a whole day",
    find = 'if answer:lower() ~= "y" then', replace = 'if answer:lower() == "x" then' },
  { name = "anything ends the machine", file = "tui/instance.lua", by = "e2e",
    tests = "face: what another terminal", replace = "",
    find = '    if answer:lower() ~= "y" then return self.app:say "nothing was ended" end\n' },
  { name = "a row that changed is not drawn", file = "tui/frame.lua", by = "lua", tests = "tui",
    find = "before.rows[y] ~= row", replace = "y == 1" },
  { name = "what a cloud says reaches the terminal as it is", file = "ui/screens/rows.lua", by = "lua",
    tests = "screens", find = 'text:find "[^ -~]" and clean.row(text) or text', replace = "text" },
  { name = "a machine that may still run is none", file = "ui/screens/bottom.lua", by = "lua",
    tests = "screens", find = '"MAY STILL BE RUNNING (%s): look at %s"', replace = '"nothing runs"' },
}
