-- SPDX-License-Identifier: MIT
-- Reads the text of an `.env` file: KEY=value lines with quotes and comments. Pure.
local M = {}

-- Value after the equals sign. → text, or nil and what is wrong.
local function value_of(text)
  local quote = text:sub(1, 1)
  if quote == '"' or quote == "'" then
    local stop = text:find(quote, 2, true)
    if not stop then
      return nil, "a quote is opened and not closed"
    end
    local rest = text:sub(stop + 1)
    if not rest:match("^%s*$") and not rest:match("^%s*#") then
      return nil, "there is text after the closing quote"
    end
    return text:sub(2, stop - 1)
  end
  if text:sub(1, 1) == "#" then
    return ""
  end
  return (text:gsub("%s+#.*$", ""):gsub("%s+$", ""))
end

--- Parses the text. → entries {{name=, value=, line=}, …} in the file's order, problems {{line=, message=}, …}. A name given
-- twice: the last one counts,
-- and the second one is a problem, since nobody can tell which was meant.
function M.parse(text)
  local entries, problems, seen = {}, {}, {}
  local number = 0
  if text:sub(1, 3) == "\239\187\191" then
    text = text:sub(4)
  end
  for line in (text .. "\n"):gmatch("(.-)\r?\n") do
    number = number + 1
    local bare = line:match("^%s*(.-)%s*$")
    if bare ~= "" and bare:sub(1, 1) ~= "#" then
      local name, rest = bare:gsub("^export%s+", ""):match("^([%a_][%w_]*)%s*=%s*(.*)$")
      local value, why
      if name then
        value, why = value_of(rest)
      else
        why = "this is not NAME=value"
      end
      if not value then
        problems[#problems + 1] = { line = number, message = why, name = name }
      elseif seen[name] then
        problems[#problems + 1] = { line = number, message = name .. " was already set in line " .. seen[name], name = name }
      else
        seen[name] = number
        entries[#entries + 1] = { name = name, value = value, line = number }
      end
    end
  end
  return entries, problems
end

return M
