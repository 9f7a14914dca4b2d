-- SPDX-License-Identifier: MIT
-- Plants one mistake of dst/mistakes.lua in a text, however its lines are broken and indented.
local chunk = require "sandbox.chunk"
local fail = require "base.fail"

-- What says nothing: blanks, where a long string goes on in another piece, the comma before a closing brace
-- on a line of its own.
local SILENT = { "^%s+", '^"%s*%.%.%s*"', "^'%s*%.%.%s*'", "^\\z%s+", "^,%f[%s}]%s*%f[}]" }

-- The length of what says nothing at `at`, or nil.
local function silent(text, at)
  for _, pattern in ipairs(SILENT) do
    local _, stop = text:find(pattern, at)
    if stop and stop >= at then return stop - at + 1 end
  end
  return nil
end

-- What the text says; a blank is left only between two words. → it, the place of each of its characters
local function said(text)
  local out, places, at, blank = {}, {}, 1, nil
  while at <= #text do
    local skipped = silent(text, at)
    if skipped then
      blank = blank or text:find("^%s", at) and at
      at = at + skipped
    else
      if blank and (out[#out] or ""):find("[%w_]") and text:find("^[%w_]", at) then
        out[#out + 1], places[#places + 1] = " ", blank
      end
      out[#out + 1], places[#places + 1] = text:sub(at, at), at
      at, blank = at + 1, nil
    end
  end
  return table.concat(out), places
end

-- How many characters two texts have in common at their beginning.
local function common(one, other)
  local count = 0
  while count < #one and one:byte(count + 1) == other:byte(count + 1) do count = count + 1 end
  return count
end

-- What surrounds a range, without the seam of a split string.
local function around(text, from, to)
  local left, right = text:sub(1, from - 1), text:sub(to + 1)
  return (left:gsub("[\"']%s*%.%.%s*[\"']$", "")), (right:gsub("^[\"']%s*%.%.%s*[\"']", ""))
end

-- Do the blanks and the comma at the ends of `find` agree with what surrounds a range? Do lines?
local function agrees(find, left, right)
  local blank, tail = find:match("^%s*"), find:match(",?%s*$")
  local fits = (blank == "" or left == "" or left:find("%s$"))
    and (not tail:find(",", 1, true) or right:find("^%s*[,}]"))
    and (not tail:find("^%s") or right == "" or right:find("^%s"))
  local begins = #blank < 2 or left:find("^%s*$") or left:find("\n%s*$")
  local ends = not tail:find("\n", 1, true) or right:find("^,?[ \t]*\n")
  return fits, begins and ends
end

-- The range with as much of the blanks and the comma around it as `find` has.
local function extended(text, find, from, to)
  local before, after = find:match("^%s*"), find:match(",?%s*$")
  local left, right = text:sub(1, from - 1), text:sub(to + 1)
  return { from - common(before:reverse(), left:reverse()), to + common(after, right) }
end

-- Where `find` stands in the text: { {from, to}, … }; where it tells of a line, lines come before others.
local function found(text, find)
  local source, places = said(text)
  local wanted, all, lines = said((find:gsub(",?%s*$", ""))), {}, {}
  local first, last = source:find(wanted, 1, true)
  while first and wanted ~= "" do
    local from, to = places[first], places[last]
    local fits, lined = agrees(find, around(text, from, to))
    if fits then all[#all + 1] = extended(text, find, from, to) end
    if fits and lined then lines[#lines + 1] = all[#all] end
    first, last = source:find(wanted, first + 1, true)
  end
  return #lines > 0 and lines or all
end

--- Replaces what must stand in `text` exactly once, however its lines are broken.
-- @param change { file=, find=, replace= } (file: only for the message)
-- @return the changed text
-- @raise `usage` when the text is not there, or twice, or when nothing but a broken file would come of it
return function(text, change)
  local list = found(text, change.find)
  if #list == 0 then
    fail.raise("usage", ("%s does not hold the text that is to be changed"):format(change.file))
  end
  if #list > 1 then
    fail.raise("usage", ("%s holds the text that is to be changed twice"):format(change.file))
  end
  local from, to = list[1][1], list[1][2]
  local changed = text:sub(1, from - 1) .. change.replace .. text:sub(to + 1)
  local fine, why = change.file:sub(-4) ~= ".lua" or nil, nil
  if not fine then fine, why = chunk.compile(changed, "=" .. change.file, {}) end
  if not fine then
    fail.raise("usage", "this is no mistake but a broken file: " .. why)
  end
  return changed
end
