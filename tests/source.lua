-- SPDX-License-Identifier: MIT
-- The source of this tree as texts: its files, without comments and strings, its functions, which module asks
-- for which.
local files = require "base.files"
local world = require "sandbox.world"

local M = {}

--- The directory of the whole tree.
M.root = files.dirname(world.scripts[1])

--- All files under a directory whose names end so: path → text.
function M.tree(dir, ending, prefix, found)
  found, prefix = found or {}, prefix or ""
  for _, name in ipairs(assert(files.list(dir))) do
    local path = files.join(dir, name)
    if files.stat(path).kind == "dir" then
      M.tree(path, ending, prefix .. name .. "/", found)
    elseif ending == "" or name:sub(-#ending) == ending then
      found[prefix .. name] = assert(files.read(path))
    end
  end
  return found
end

--- The Lua of the program: path below lua/ → text.
function M.lua(root)
  return M.tree(files.join(root or M.root, "lua"), ".lua")
end

--- The text without comments and strings, line by line as before.
function M.bare(text)
  local function blank(piece) return (piece:gsub("[^\n]", " ")) end
  local out, at = {}, 1
  while at <= #text do
    local level = text:match("^%-%-%[(=*)%[", at)
    local stop
    if level or text:match("^%[=*%[", at) then
      level = level or text:match("^%[(=*)%[", at)
      stop = select(2, text:find("]" .. level .. "]", at, true)) or #text
    elseif text:sub(at, at + 1) == "--" then
      stop = (text:find("\n", at, true) or #text + 1) - 1
    elseif text:find("^[\"']", at) then
      local quote = text:sub(at, at)
      stop = at + 1
      while text:sub(stop, stop) ~= quote and stop <= #text do
        stop = stop + (text:sub(stop, stop) == "\\" and 2 or 1)
      end
    end
    local piece = stop and blank(text:sub(at, stop)) or text:match("^[^%-%[\"']+", at) or text:sub(at, at)
    out[#out + 1] = piece
    at = stop and stop + 1 or at + #piece
  end
  return table.concat(out)
end

function M.lines(text)
  local list = {}
  for line in text:gmatch("([^\n]*)\n?") do list[#list + 1] = line end
  return list
end

--- The room of a path or of a module's name; what lies above the rooms is "top", and the clouds' cards are a
-- room of their own.
function M.room(path)
  if path:gsub("%.lua$", ""):find("^providers[/.][^/.]+[/.]card$") then
    return "cards"
  end
  return path:match("^([^/.]+)[/.].") and not path:find("^[^/.]+%.lua$") and path:match("^[^/.]+") or "top"
end

local ROWS = { ["*.lua"] = "top", ["providers/*/card.lua"] = "cards" }

--- The rooms in the order of the table in docs/architecture.md: name → rank.
function M.ranks(page)
  local rank, count = {}, 0
  for name in page:gmatch("\n| `lua/([^`]+)` |") do
    count = count + 1
    rank[ROWS[name] or name:gsub("/$", "")] = count
  end
  return rank, count
end

--- Names of modules that a text asks for: as they are, "providers." where only their beginning is, or
-- "providers.%s.card".
function M.asked(text)
  local names = {}
  local plain = text:gsub("%f[%w]lazy%f[%W]", "require")
  for name in plain:gmatch("%f[%w_]require%s*%(?%s*[\"']([%w_.-]+)[\"']") do
    names[#names + 1] = name
  end
  for name in text:gmatch("[\"'](%l+%.)[\"']%s*%.%.") do
    names[#names + 1] = name ~= "builtin." and name or nil
  end
  for name in text:gmatch("[\"'](%l+%.[%w_.]*%%s[%w_.%%]*)[\"']%s*%)?%s*:%s*format") do
    names[#names + 1] = name
  end
  for _, call in ipairs { "builtin", "require_safe", "forget", "source" } do
    for name in text:gmatch("%." .. call .. "%s*%(?%s*[\"']([%w_.-]+)[\"']") do names[#names + 1] = name end
  end
  return names
end

--- The text without its comments, strings as they are.
function M.uncommented(text) return (text:gsub("%-%-[^\n]*", "")) end

--- Length in lines of each function: {first line, count}.
function M.functions(code)
  local open, list = {}, {}
  for number, line in ipairs(M.lines(code)) do
    for word in line:gmatch("[%a_][%w_]*") do
      if word == "function" then
        open[#open + 1] = { first = number, is_function = true }
      elseif word == "if" or word == "do" or word == "repeat" then
        open[#open + 1] = {}
      elseif word == "end" or word == "until" then
        local block = table.remove(open)
        if block and block.is_function then list[#list + 1] = { block.first, number - block.first + 1 } end
      end
    end
  end
  return list
end

return M
