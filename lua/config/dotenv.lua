-- SPDX-License-Identifier: MIT
-- Reads and changes the text of an `.env` file: KEY=value lines with quotes and comments. Pure.
local dotenv = {}

local PASTE = "\27%[20[01]~" -- the marks of a bracketed paste, in an editor that does not know them

-- Value after the equals sign. → text, or nil and what is wrong.
local function value_of(text)
  local quote = text:sub(1, 1)
  if quote == '"' or quote == "'" then
    local stop = text:find(quote, 2, true)
    if not stop then return nil, "a quote is opened and not closed" end
    local rest = text:sub(stop + 1)
    if not rest:match("^%s*$") and not rest:match("^%s*#") then
      return nil, "there is text after the closing quote"
    end
    return text:sub(2, stop - 1)
  end
  if text:sub(1, 1) == "#" then return "" end
  return (text:gsub("%s+#.*$", ""):gsub("%s+$", ""))
end

--- Parses the text. → entries {{name=, value=, line=}, …} in the file's order, problems
-- {{line=, message=}, …}. A name given twice: the first one counts,
-- and the second one is a problem, since nobody can tell which was meant.
function dotenv.parse(text)
  local entries, problems, seen = {}, {}, {}
  local number = 0
  if text:sub(1, 3) == "\239\187\191" then
    text = text:sub(4)
  end
  for line in (text .. "\n"):gmatch("(.-)\r?\n") do
    number = number + 1
    local bare = line:gsub(PASTE, ""):match("^%s*(.-)%s*$")
    if bare ~= "" and bare:sub(1, 1) ~= "#" then
      local name, rest = bare:gsub("^export%s+", ""):match("^([%a_][%w_]*)%s*=%s*(.*)$")
      local value, why
      if name then
        value, why = value_of(rest)
        if value and value:gsub("\t", ""):find("%c") then
          value, why = nil,
            "a control character is in it, perhaps the line end of another system; write the line anew"
        end
      else
        why = "this is not NAME=value"
      end
      if not value then
        problems[#problems + 1] = { line = number, message = why, name = name }
      elseif seen[name] then
        problems[#problems + 1] = { line = number,
          message = name .. " was already set in line " .. seen[name], name = name }
      else
        seen[name] = number
        entries[#entries + 1] = { name = name, value = value, line = number }
      end
    end
  end
  return entries, problems
end

--- A value as it is written behind the equals sign, in quotes where it needs them.
-- → text, or nil and a sentence
function dotenv.quoted(value)
  if value:find("[\r\n%z]") then
    return nil, "a value of .env cannot hold a line break"
  end
  if not value:find("%s") and not value:find("^[#\"']") then return value end
  for _, quote in ipairs { '"', "'" } do
    if not value:find(quote, 1, true) then return quote .. value .. quote end
  end
  return nil, "a value of .env cannot hold both kinds of quotes"
end

-- What stands behind the equals sign, taken apart: blanks, the value as written,
-- the rest (blanks and comment).
local function parts_of(text)
  local lead, rest = text:match("^(%s*)(.*)$")
  local quote = rest:sub(1, 1)
  if quote == '"' or quote == "'" then
    local stop = rest:find(quote, 2, true)
    local tail = stop and rest:sub(stop + 1)
    if not tail or not (tail:match("^%s*$") or tail:match("^%s*#")) then
      return lead, rest, "" -- a broken line: all of it gives way
    end
    return lead, rest:sub(1, stop), tail
  end
  if quote == "#" or rest == "" then return "", "", lead .. rest end
  local tail = rest:match("%s+#.*$") or rest:match("%s+$") or ""
  return lead, rest:sub(1, #rest - #tail), tail
end

-- One line with another value: its comment stays, in its column where there is room.
local function with_value(line, value)
  local ending = line:match("\r?$")
  local head, body = line:sub(1, #line - #ending):match("^([^=]*=)(.*)$")
  local lead, old, tail = parts_of(body)
  local blanks, comment = tail:match("^(%s*)(#.*)$")
  if comment then
    tail = (" "):rep(math.max(1, #blanks + #old - #value)) .. comment
  end
  return head .. lead .. value .. tail .. ending
end

local function name_of(line)
  local bare = line:gsub(PASTE, ""):gsub("^\239\187\191", ""):match("^%s*(.-)%s*$"):gsub("^export%s+", "")
  return bare:match("^([%a_][%w_]*)%s*=")
end

--- Puts values into a text: the line that counts for a name gets the new value, names without a line come at
-- the end, every other byte stays. changes: array of { name=, value= }; an empty value empties the line and
-- adds none. → text, or nil and a sentence
function dotenv.merge(text, changes)
  local wanted, written = {}, {}
  for _, change in ipairs(changes) do
    local value, why = dotenv.quoted(change.value)
    if not value then return nil, change.name .. ": " .. why end
    wanted[change.name] = value
  end
  local pieces = {}
  for line, ending in text:gmatch("([^\n]*)(\n?)") do
    local name = name_of(line)
    if name and wanted[name] and not written[name] then
      written[name] = true
      line = with_value(line, wanted[name])
    end
    pieces[#pieces + 1] = line .. ending
  end
  local merged = table.concat(pieces)
  local newline = text:find("\r\n", 1, true) and "\r\n" or "\n"
  for _, change in ipairs(changes) do
    if not written[change.name] and change.value ~= "" then
      written[change.name] = true
      if merged ~= "" and merged:sub(-1) ~= "\n" then
        merged = merged .. (merged:sub(-1) == "\r" and "\n" or newline)
      end
      merged = merged .. change.name .. "=" .. wanted[change.name] .. newline
    end
  end
  return merged
end

return dotenv
