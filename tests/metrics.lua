-- SPDX-License-Identifier: MIT
-- make metrics: how the source is built. metrics.lua [ROOT]: of another tree, whose rooms are its folders.
local files = require "base.files"
local sorted = require "base.sorted"
local source = require "source"
local term = require "base.term"

local TOP = 10
local root = ... or source.root

local function line(text, ...)
  term.out(text:format(...) .. "\n")
end

local function lines_in(text)
  return select(2, text:gsub("\n", ""))
end

-- Every file of these endings: path from the root → text.
local function all(top, ...)
  local found = {}
  for _, ending in ipairs { ... } do
    for path, text in sorted(source.tree(files.join(root, top), ending)) do
      found[top .. "/" .. path] = text
    end
  end
  return found
end

local lua, c = all("lua", ".lua"), all("src", ".c", ".h")

-- Sums a table of texts: number of files, lines, lines that are neither empty nor a comment.
local function sum(texts, comment)
  local count, lines, code = 0, 0, 0
  for _, text in sorted(texts) do
    count, lines = count + 1, lines + lines_in(text)
    for each in text:gmatch("[^\n]+") do
      code = code + (each:find("%S") and not each:find(comment) and 1 or 0)
    end
  end
  return count, lines, code
end

-- Functions in C: what begins in the first column, holds a "(" and ends with "{", up to the "}"
-- in the first column.
local function c_functions(text)
  local list, first, name = {}, nil, nil
  for number, each in ipairs(source.lines(text)) do
    if each:find("^[%a_].*%(") then
      name = each:match("([%w_]+)%s*%(")
    end
    if name and not first and each:find("{%s*$") and not each:find("^%s") then
      first = number
    elseif first and each:find("^}") then
      list[#list + 1] = { first, number - first + 1, name }
      first, name = nil, nil
    elseif not first and (each:find(";%s*$") or each == "") then
      name = nil
    end
  end
  return list
end

local function name_at(text, number)
  local each = source.lines(text)[number]
  return each:match("function%s+([%w_.:]+)") or each:match("([%w_.]+)%s*=%s*function") or "(a function)"
end

local function longest()
  local list = {}
  for path, text in sorted(lua) do
    for _, block in ipairs(source.functions(source.bare(text))) do
      list[#list + 1] = { lines = block[2], where = path .. ":" .. block[1], name = name_at(text, block[1]) }
    end
  end
  for path, text in sorted(c) do
    for _, block in ipairs(c_functions(text)) do
      list[#list + 1] = { lines = block[2], where = path .. ":" .. block[1], name = block[3] }
    end
  end
  table.sort(list, function(a, b)
    return a.lines > b.lines or a.lines == b.lines and a.where < b.where
  end)
  line("The ten longest of %d functions (median %d lines, nine in ten at most %d):", #list,
    list[#list // 2 + 1].lines, list[#list // 10 + 1].lines)
  for index = 1, TOP do
    line("  %4d  %-44s %s", list[index].lines, list[index].where, list[index].name)
  end
end

local function largest()
  local list = {}
  for _, set in ipairs { lua, c } do
    for path, text in sorted(set) do
      list[#list + 1] = { path = path, lines = lines_in(text) }
    end
  end
  table.sort(list, function(a, b)
    return a.lines > b.lines or a.lines == b.lines and a.path < b.path
  end)
  line("\nThe ten largest of %d files (median %d lines):", #list, list[#list // 2 + 1].lines)
  for index = 1, TOP do
    line("  %4d  %s", list[index].lines, list[index].path)
  end
end

-- Who asks for whom, by require, lazy and names that are put together. → room → room → { file = true }
local function edges()
  local from = {}
  for path, text in sorted(lua) do
    local mine = source.room((path:gsub("^lua/", "")))
    from[mine] = from[mine] or {}
    for _, name in ipairs(source.asked(source.uncommented(text))) do
      local plain = name:gsub("^builtin%.", ""):gsub("%.$", ".x")
      local theirs = source.room(plain)
      if theirs ~= "top" or lua["lua/" .. plain .. ".lua"] then
        from[mine][theirs] = from[mine][theirs] or {}
        from[mine][theirs][path] = true
      end
    end
  end
  return from
end

local function counted(set)
  local names = {}
  for name, paths in sorted(set) do
    names[#names + 1] = ("%s %d"):format(name, #sorted.keys(paths))
  end
  return table.concat(names, ", ")
end

local function rooms()
  local from, into, size = edges(), {}, {}
  for path, text in sorted(lua) do
    local mine = source.room((path:gsub("^lua/", "")))
    size[mine] = size[mine] or { 0, 0 }
    size[mine] = { size[mine][1] + 1, size[mine][2] + lines_in(text) }
  end
  for room, targets in sorted(from) do
    for theirs, paths in sorted(targets) do
      into[theirs] = into[theirs] or {}
      into[theirs][room] = theirs ~= room and paths or nil
    end
    targets[room] = nil
  end
  line("\nThe rooms of lua/ (fan-in: rooms that ask for it; fan-out: rooms that it "
    .. "asks for, with the number of")
  line("its files that do):")
  line("  %-10s %5s %6s %6s %7s", "room", "files", "lines", "fan-in", "fan-out")
  for room in sorted(size) do
    line("  %-10s %5d %6d %6d %7d  %s", room, size[room][1], size[room][2], #sorted.keys(into[room] or {}),
      #sorted.keys(from[room]), counted(from[room]))
  end
end

longest()
largest()
rooms()
line("")
for _, row in ipairs {
  { "own C", c, "^%s*[/*]" },
  { "own Lua", lua, "^%s*%-%-" },
  { "tests in Lua", all("tests", ".lua"), "^%s*%-%-" },
  { "tests in C", all("tests", ".c", ".h"), "^%s*[/*]" },
} do
  local count, lines, code = sum(row[2], row[3])
  line("%-14s %4d files %6d lines, %6d of them neither empty nor comment", row[1] .. ":", count, lines,
    code)
end
