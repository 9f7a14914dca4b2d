-- SPDX-License-Identifier: MIT
-- What a terminal sends, read as keys. Pure: bytes in, keys out; what is cut off waits for the rest.

local keys = {}

local CONTROL = {
  [1] = "home", [2] = "left", [4] = "delete-or-end", [5] = "end", [6] = "right", [7] = "abort",
  [8] = "backspace", [9] = "tab", [10] = "enter", [11] = "kill-end", [12] = "clear", [13] = "enter",
  [14] = "down", [16] = "up", [18] = "search", [21] = "kill-start", [23] = "kill-word",
  [25] = "yank", [127] = "backspace",
}
local LETTERS = { A = "up", B = "down", C = "right", D = "left", H = "home", F = "end" }
local NUMBERS = { [1] = "home", [3] = "delete", [4] = "end", [7] = "home", [8] = "end" }
local WORDS = { left = "word-left", right = "word-right", delete = "kill-next-word", up = "up", down = "down",
  home = "home", ["end"] = "end" }
local ALT = {
  b = "word-left", f = "word-right", d = "kill-next-word", ["\127"] = "kill-word", ["\8"] = "kill-word",
  ["\r"] = "newline", ["\n"] = "newline",
}
local PASTE, PASTED = "\27[200~", "\27[201~"

--- Text as it may stand in a line: line ends are "\n", other control characters are gone, bytes that are
-- not UTF-8 are replaced.
function keys.clean(text)
  text = text:gsub("\r\n?", "\n"):gsub("\t", "  "):gsub("[%z\1-\9\11-\31\127]", "")
  local at = select(2, utf8.len(text))
  while at do
    text = text:sub(1, at - 1) .. utf8.char(0xfffd) .. text:sub(at + 1)
    at = select(2, utf8.len(text, at))
  end
  return text
end

-- The key of an escape sequence at the start of `bytes`. → name or nil (unknown), how many bytes;
-- nothing when it is cut off
local function escape(bytes)
  if #bytes < 2 then return nil end
  local second = bytes:sub(2, 2)
  if second == "O" then
    return #bytes >= 3 and 3 or nil, LETTERS[bytes:sub(3, 3)]
  end
  if second ~= "[" then return 2, ALT[second] end
  local parameters, stop, final = bytes:match("^\27%[([0-?]*)[ -/]*()(.?)")
  if final == "" then
    return nil
  elseif not final:find("[@-~]") then
    return stop - 1
  end
  local number, modifier = parameters:match("^(%d*);?(%d*)")
  local name = final == "~" and NUMBERS[tonumber(number)] or LETTERS[final]
  if name and (tonumber(modifier) or 1) > 1 then
    name = WORDS[name]
  end
  return stop, name
end

-- Pasted text: all of it at once. → how many bytes, key; nil while its end has not come
local function pasted(bytes)
  local first, last = bytes:find(PASTED, 1, true)
  if not first then return nil end
  return last, { text = keys.clean(bytes:sub(#PASTE + 1, first - 1)), pasted = true }
end

-- The bytes of plain text at the start; those of a character that is cut off wait.
local function plain(bytes)
  local text = bytes:match("^[^%z\1-\31\127]+")
  local cut = text == bytes and text:match("[\xc2-\xf4][\x80-\xbf]*$")
  local lead = cut and cut:byte()
  local wanted = lead and (lead >= 0xf0 and 4 or lead >= 0xe0 and 3 or 2)
  if wanted and #cut < wanted then
    text = text:sub(1, #text - #cut)
  end
  if text == "" then return nil end
  return #text, { text = keys.clean(text) }
end

local function first(bytes)
  local code = bytes:byte()
  if code == 27 then
    if bytes:sub(1, #PASTE) == PASTE then return pasted(bytes) end
    local count, name = escape(bytes)
    return count, name and { name = name }
  end
  if code < 32 or code == 127 then
    return 1, CONTROL[code] and { name = CONTROL[code] }
  end
  return plain(bytes)
end

--- A reader of keys: feed(bytes) → array of { name= } or { text=, pasted= }.
function keys.reader()
  local rest = ""
  return function(bytes)
    local list = {}
    rest = rest .. bytes
    while rest ~= "" do
      local count, key = first(rest)
      if not count then break end
      list[#list + 1] = key
      rest = rest:sub(count + 1)
    end
    return list
  end
end

return keys
