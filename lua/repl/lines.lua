-- SPDX-License-Identifier: MIT
-- The REPL without a terminal, or on one without escapes: runs each complete piece of what comes in;
-- the first error ends it.
local fail = require "base.fail"
local term = require "base.term"

local lines = {}

-- A function that gives the lines of the standard input, then nil.
local function reader(prompt)
  local rest, ended = "", false
  return function()
    if prompt then
      term.err(prompt)
    end
    while not rest:find("\n", 1, true) and not ended do
      local piece = term.read(65536)
      ended = piece == nil
      rest = rest .. (piece or "")
    end
    if rest == "" then return nil end
    local line, after = rest:match("^([^\n]*)\n?(.*)$")
    rest = after
    return (line:gsub("\r$", ""))
  end
end

--- Runs what the standard input holds. typed: a person types it, and an error does not end it. → exit
-- code: that of the first error, else 0
function lines.run(session, typed)
  local next_line, number, first, text = reader(typed and session.provider .. "> "), 0, 1, nil
  local function finish()
    local piece = ("\n"):rep(first - 1) .. text
    text = nil
    local code = session:run(piece:find("^%s*:") and piece:match("^%s*(.*)$") or piece,
      typed and "=repl" or "=stdin")
    return code
  end
  while not session.over do
    local line = next_line()
    if not line then break end
    number = number + 1
    if number == 1 and line:find("^#!") then
      line = ""
    end
    text, first = text and text .. "\n" .. line or line, text and first or typed and 1 or number
    if not text:find("%S") then
      text = nil
    elseif not session:unfinished(text) then
      local code = finish()
      if code ~= 0 and not typed then return code end
    end
  end
  if text then
    return session:failed(fail.new { kind = "usage", message =
        ("%s:%d: the input ends in the middle of a statement"):format(typed and "repl" or "stdin", first) })
  end
  return 0
end

return lines
