-- SPDX-License-Identifier: MIT
-- Keys as people paste them: what surely belongs to the paste and not to the key is taken off, all else has
-- its own sentence. No sentence shows anything of the key. Pure.
local pasted = {}

local PAIRS = {
  { '"', '"' }, { "'", "'" }, { "`", "`" }, { "“", "”" }, { "„", "“" }, { "‘", "’" }, { "«", "»" },
  { "<", ">" },
}

-- NAME=… of a line of .env: a name has an underscore, so that the padding of base64 makes none.
local function named(text)
  return text:match("^(%a[%w]*_[%w_]*)%s*=%s*(.*)$")
end

local function unquoted(text)
  for _, pair in ipairs(PAIRS) do
    local open, close = pair[1], pair[2]
    if #text >= #open + #close and text:sub(1, #open) == open and text:sub(-#close) == close then
      return text:sub(#open + 1, -#close - 1)
    end
  end
  return text
end

local function bared(text)
  return (text:gsub("\27%[20[01]~", ""):gsub("^\239\187\191", ""):match("^%s*(.-)%s*$")
    :gsub("^export%s+", ""))
end

local function once(text)
  text = bared(text)
  local _, value = named(text)
  text = (value or text):gsub("^[Aa]uthorization%s*:%s*", ""):gsub("^[Bb]earer%s+", "")
  return unquoted(text)
end

--- Without the marks of a bracketed paste, a byte order mark, blanks, a NAME= or `Authorization: Bearer` in
-- front, and quotes around.
function pasted.unwrapped(text)
  local before
  repeat
    before, text = text, once(text)
  until text == before
  return text
end

-- The setting whose line this is, when it is another's than `name`.
local function of_another(text, name)
  local found = named(bared(text))
  if not found or found:upper() == name then return nil end
  for _, row in ipairs(require "config.settings") do
    if row.name == found:upper() then return row.name end
  end
  return nil
end

local function quoted(text)
  for _, pair in ipairs(PAIRS) do
    if text:sub(1, #pair[1]) == pair[1] or text:sub(-#pair[2]) == pair[2] then
      return true
    end
  end
  return false
end

-- What is wrong with a key that was unwrapped, or nil.
local function wrong(key)
  if key == "" then
    return "there is no key between the quotes or behind the name"
  elseif key:find("[\r\n]") then
    return "there are several lines; paste the key alone"
  elseif key:find("%c") then
    return "a control character is in the key, as of an arrow key or a strange paste; paste it again"
  elseif quoted(key) then
    return "the key has a quote at one end only; paste all of it, without quotes"
  elseif key:find("%s") then
    return "the key has a blank in its middle, so more than the key was pasted, or it was broken into two"
  elseif key:find("[^%g]") then
    return "the key has a letter or dash that no key has, as text programs make them; "
      .. "copy it again as plain text"
  end
  return nil
end

--- The key in what was pasted for the setting `name`. → key, or nil and a sentence
function pasted.key(text, name)
  if text:find("\0", 1, true) or text:find("^\255\254") or text:find("^\254\255") then
    return nil, "this is UTF-16, as some editors save text; save it as UTF-8, or paste the key itself"
  end
  local other = of_another(text, name)
  if other then
    return nil, ("this is the line of %s, and %s is wanted here"):format(other, name)
  end
  local key = pasted.unwrapped(text)
  local why = wrong(key)
  if why then return nil, why end
  return key
end

return pasted
