-- SPDX-License-Identifier: MIT
-- What a terminal sends, read as keys. Pure: bytes in, keys out; what is cut off waits for the rest.
--
-- A key: { name = "up" | "enter" | "f5" | "ctrl-l" | "alt-b" | "shift-tab" | "ctrl-right" | … }
--   or { text = what was typed, pasted = true for a paste }
--   or { mouse = "press" | "release" | "drag" | "wheel-up" | "wheel-down", button = 1 to 3, x=, y= from 1 }
local keyboard = {}

local CONTROL = { [8] = "backspace", [9] = "tab", [10] = "enter", [13] = "enter", [127] = "backspace" }
local LETTERS = { A = "up", B = "down", C = "right", D = "left", H = "home", F = "end", P = "f1", Q = "f2",
  R = "f3", S = "f4", Z = "shift-tab" }
local NUMBERS = { [1] = "home", [2] = "insert", [3] = "delete", [4] = "end", [5] = "page-up",
  [6] = "page-down", [7] = "home", [8] = "end", [11] = "f1", [12] = "f2", [13] = "f3", [14] = "f4",
  [15] = "f5", [17] = "f6", [18] = "f7", [19] = "f8", [20] = "f9", [21] = "f10", [23] = "f11", [24] = "f12" }
local PASTE, PASTED = "\27[200~", "\27[201~"
local LONGEST = 64    -- bytes of a sequence that is one
local WHEEL = 64      -- in a mouse report's number (xterm's SGR mode 1006)
local DRAG = 32

--- Text as it may stand in a line: line ends are "\n", other control characters are gone, bytes that are
-- not UTF-8 are replaced.
function keyboard.clean(text)
  text = text:gsub("\r\n?", "\n"):gsub("\t", "  "):gsub("[%z\1-\9\11-\31\127]", "")
  local at = select(2, utf8.len(text))
  while at do
    text = text:sub(1, at - 1) .. utf8.char(0xfffd) .. text:sub(at + 1)
    at = select(2, utf8.len(text, at))
  end
  return text
end

-- Shift, Alt and Ctrl as bits of a number that is one more (xterm).
local function with_modifier(name, modifier)
  local bits = (tonumber(modifier) or 1) - 1
  if not name or bits <= 0 then return name end
  return (bits & 4 ~= 0 and "ctrl-" or "") .. (bits & 2 ~= 0 and "alt-" or "")
    .. (bits & 1 ~= 0 and "shift-" or "") .. name
end

local function mouse(parameters, final)
  local number, x, y = parameters:match "^<(%d+);(%d+);(%d+)$"
  number = math.tointeger(tonumber(number))
  if not number then return nil end
  local key = { x = math.tointeger(tonumber(x)), y = math.tointeger(tonumber(y)) }
  if number & WHEEL ~= 0 then
    key.mouse = number & 3 == 0 and "wheel-up" or number & 3 == 1 and "wheel-down" or nil
    return key.mouse and key
  end
  key.mouse, key.button = final == "m" and "release" or number & DRAG ~= 0 and "drag" or "press",
    (number & 3) + 1
  return key
end

-- A control sequence. → how many bytes, key or nil; nothing while it is cut off
local function sequence(bytes)
  local parameters, stop, final = bytes:match("^\27%[([0-?]*)[ -/]*()(.?)")
  if final == "" then return #bytes > LONGEST and #bytes or nil end
  if not final:find "[@-~]" then return stop - 1 end -- broken off by something else
  if final == "M" and parameters == "" then -- a report of the oldest kind, which nobody asked for
    return #bytes >= stop + 3 and stop + 3 or nil
  end
  if final == "M" or final == "m" then return stop, mouse(parameters, final) end
  local number, modifier = parameters:match "^(%d*);?(%d*)"
  local name = with_modifier(final == "~" and NUMBERS[tonumber(number)] or LETTERS[final], modifier)
  return stop, name and { name = name }
end

local function escape(bytes)
  local second = bytes:sub(2, 2)
  if second == "" then return nil end
  if second == "[" then return sequence(bytes) end
  if second == "O" then
    if #bytes < 3 then return nil end
    local name = LETTERS[bytes:sub(3, 3)]
    return 3, name and { name = name }
  end
  if second == "\27" then return 1, { name = "escape" } end
  local code = second:byte()
  if code >= 128 then return 1, { name = "escape" } end
  local plain = CONTROL[code] or code < 32 and "ctrl-" .. string.char(code + 96) or second
  return 2, { name = "alt-" .. plain }
end

-- Pasted text: all of it at once. → how many bytes, key; nil while its end has not come
local function pasted(bytes)
  local first, last = bytes:find(PASTED, 1, true)
  if not first then return nil end
  return last, { text = keyboard.clean(bytes:sub(#PASTE + 1, first - 1)), pasted = true }
end

-- The bytes of plain text at the start; those of a character that is cut off wait.
local function plain(bytes)
  local text = bytes:match "^[^%z\1-\31\127]+"
  local cut = text == bytes and text:match "[\xc2-\xf4][\x80-\xbf]*$"
  local lead = cut and cut:byte()
  local wanted = lead and (lead >= 0xf0 and 4 or lead >= 0xe0 and 3 or 2)
  if wanted and #cut < wanted then
    text = text:sub(1, #text - #cut)
  end
  if text == "" then return nil end
  return #text, { text = keyboard.clean(text) }
end

local function first(bytes)
  local code = bytes:byte()
  if code == 27 then
    if bytes:sub(1, #PASTE) == PASTE then return pasted(bytes) end
    if #bytes < #PASTE and PASTE:sub(1, #bytes) == bytes then return nil end
    return escape(bytes)
  end
  if code < 32 or code == 127 then
    return 1, code > 0 and { name = CONTROL[code] or "ctrl-" .. string.char(code + 96) } or nil
  end
  return plain(bytes)
end

local Reader = {}
Reader.__index = Reader

--- A reader of keys.
function keyboard.reader() return setmetatable({ rest = "" }, Reader) end

--- Bytes that have come. → array of keys
function Reader:feed(bytes)
  local list = {}
  self.rest = self.rest .. bytes
  while self.rest ~= "" do
    local count, key = first(self.rest)
    if not count then break end
    list[#list + 1] = key
    self.rest = self.rest:sub(count + 1)
  end
  return list
end

--- Is a sequence begun? One Escape key looks like that until nothing follows it.
function Reader:waiting() return self.rest ~= "" and self.rest:sub(1, #PASTE) ~= PASTE end

--- Nothing followed: what was begun is none. → array of keys
function Reader:flush()
  local rest = self.rest
  if not self:waiting() then return {} end
  self.rest = ""
  if rest:byte() ~= 27 then return { { text = keyboard.clean(rest) } } end
  local list = { { name = "escape" } }
  if #rest == 2 then list[1] = { name = "alt-" .. rest:sub(2) } end
  return list
end

return keyboard
