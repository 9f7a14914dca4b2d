-- SPDX-License-Identifier: MIT
-- The terminal: what is printed is text, colour only where a person looks at it; only what draws moves the
-- cursor.

local host = ...

local clean = lazy "base.clean"

local term = {}

local terminal = host.terminal

-- Colours, line breaks and tabs pass; what else is no text (a folder's name may hold anything) is shown as
-- \xNN.
local function printed(text)
  return text:find("[\0-\8\11-\31\127-\255]") and clean.text(text, true) or text
end

function term.out(text) terminal.write("out", printed(text)) end
function term.err(text) terminal.write("err", printed(text)) end

--- Writes sequences of our own making, which move the cursor, to "out" or "err" as they are; what others
-- said in them must be clean.
function term.draw(stream, text) terminal.write(stream, text) end

--- Whether "in", "out" or "err" is a terminal.
function term.is(name) return terminal.is(name) end

local function said(name)
  local number = math.tointeger(tonumber(host.process.getenv(name) or ""))
  return number and number > 0 and number <= 10000 and number
end

--- columns, rows; of no terminal what the environment says, or 80 and 24.
function term.size()
  local columns, rows = terminal.size()
  return columns > 0 and columns or said "COLUMNS" or 80, rows > 0 and rows or said "LINES" or 24
end

--- How many columns a text takes.
function term.width(text)
  return text:find("[^ -~]") and require "base.width"(text) or #text
end

--- The start of a text that takes at most so many columns. → text, its columns
function term.start(text, columns)
  if not text:find "[^ -~]" then return text:sub(1, columns), math.min(#text, columns) end
  local used, stop = 0, #text
  for at, code in utf8.codes(text, true) do
    local wide = term.width(utf8.char(code))
    if used + wide > columns then
      stop = at - 1
      break
    end
    used = used + wide
  end
  return text:sub(1, stop), used
end

local STYLES = {
  bold = "1", dim = "2", red = "31", green = "32", yellow = "33", blue = "34", magenta = "35", cyan = "36",
}

local function coloured(stream)
  local no_color = host.process.getenv("NO_COLOR")
  return terminal.is(stream) and (no_color == nil or no_color == "") and host.process.getenv("TERM") ~= "dumb"
end

--- The text in a style (bold dim red green yellow blue magenta cyan) for a stream ("out"), plain where
-- colour is off.
function term.style(name, text, stream)
  local code = STYLES[name]
  if not code then error(("%q is no style"):format(tostring(name)), 2) end
  if not coloured(stream or "out") then return text end
  return "\27[" .. code .. "m" .. text .. "\27[0m"
end

local input

local function stdin()
  input = input or require("base.net").wrap(terminal.stdin())
  return input
end

--- Shows a prompt (stderr) and waits for a line; nil at the end of the input.
function term.ask(prompt)
  if prompt then term.err(prompt) end
  return stdin():read_line()
end

--- The person at the controlling terminal, whatever stdin and stdout are; what was typed before is dropped,
-- as it answers no question. → connection (write, read_line, close), or nil, sentence, code: "missing"
-- (there is none), "background" (it belongs to another job)
function term.person()
  local socket, sentence, code = terminal.tty()
  if not socket then return nil, sentence, code end
  return require("base.net").wrap(socket)
end

--- Is an answer to a [y/N] question a yes? nil (the end of the input) and everything else are none.
function term.agrees(answer)
  local word = answer and answer:lower():match("^%s*(%a+)%s*$")
  return word == "y" or word == "yes"
end

--- Like ask, without showing what is typed.
function term.hidden(prompt)
  local before = terminal.is("in")
  local _ <close> = setmetatable({}, { __close = function()
    if not before then return end
    terminal.echo(true)
    terminal.write("err", "\n")
  end })
  if before then terminal.echo(false) end
  return term.ask(prompt)
end

--- Can a full screen be shown here? → true, or nil and why not
function term.screens()
  if not (terminal.is "in" and terminal.is "out") then return nil, "this is no terminal" end
  local kind = host.process.getenv "TERM"
  if kind and kind ~= "" and kind ~= "dumb" and kind ~= "unknown" then return true end
  return nil, ("TERM is %s, which shows no full screen"):format(kind and "'" .. kind .. "'" or "not set")
end

--- Begins a full screen with one sequence; the other ends it, whatever happens to this process. Without
-- them: ends it.
function term.screen(enter, leave) return terminal.screen(enter, leave) end

--- Keys one by one while on (terminals only).
function term.raw(on) return terminal.raw(on) end

--- Bytes typed, as they come: read(n, timeout), for key readers.
function term.read(n, timeout)
  return stdin():read(n, timeout)
end

--- Are colours wanted on the stream ("out")?
function term.coloured(stream) return coloured(stream or "out") end

--- Does the terminal show more than ASCII, by its locale?
function term.unicode()
  for _, name in ipairs { "LC_ALL", "LC_CTYPE", "LANG" } do
    local value = host.process.getenv(name)
    if value and value ~= "" then return value:upper():find "UTF%-?8" ~= nil end
  end
  return false
end

return term
