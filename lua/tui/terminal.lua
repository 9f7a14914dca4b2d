-- SPDX-License-Identifier: MIT
-- The terminal as the full screen has it: begun and always left as it was.
local keys = lazy "base.keys"
local process = lazy "base.process"
local term = require "base.term"

local terminal = {}

-- alternate screen, no cursor, pasted text in marks; mouse: presses and the wheel, as text (mode 1006)
local ENTER, LEAVE = "\27[?1049h\27[?25l\27[?2004h", "\27[?2004l\27[?25h\27[?1049l"
local MOUSE, NO_MOUSE = "\27[?1000h\27[?1006h", "\27[?1006l\27[?1000l"
local COPY_MOST = 74994 -- bytes of a text that terminals take (docs/facts/additions-2026-11.md)

--- Begins. mouse: bool
function terminal.enter(mouse)
  term.raw(true)
  term.screen(ENTER .. (mouse and MOUSE or ""), (mouse and NO_MOUSE or "") .. LEAVE)
end

function terminal.leave()
  term.screen()
  term.raw(false)
end

--- Puts a text into the clipboard of whoever looks at it, through ssh and tmux. → true, or nil and a sentence
function terminal.copy(text)
  local coded = keys.base64(text)
  if #coded > COPY_MOST then return nil, "that is too long for a terminal's clipboard" end
  local sequence = "\27]52;c;" .. coded .. "\7"
  if process.getenv "TMUX" then
    sequence = "\27Ptmux;" .. sequence:gsub("\27", "\27\27") .. "\27\\"
  end
  term.draw("out", sequence)
  return true
end

return terminal
