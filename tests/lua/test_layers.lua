-- SPDX-License-Identifier: MIT
-- Rules about the source itself: layers, who sees the host, order, and budgets.
local files = require "base.files"
local sorted = require "base.sorted"

local RANK = {
  base = 1, facts = 2, providers = 3, policies = 3, templates = 3, engines = 3, work = 4, cli = 5, api = 5, commands = 5, ui = 5, main = 5,
}
local FILE_LINES, FUNCTION_LINES = 400, 60

-- All .lua files under `dir`: path → text.
local function sources(dir, prefix, found)
  found = found or {}
  for _, name in ipairs(assert(files.list(dir))) do
    local path = files.join(dir, name)
    if files.stat(path).kind == "dir" then
      sources(path, prefix .. name .. "/", found)
    elseif name:find("%.lua$") then
      found[prefix .. name] = assert(files.read(path))
    end
  end
  return found
end

-- The text without comments and strings, line by line as before.
local function bare(text)
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

local function lines_of(text)
  local list = {}
  for line in text:gmatch("([^\n]*)\n?") do list[#list + 1] = line end
  return list
end

local function layer(path)
  return path:match("^([^/]+)/") or path:match("^(.-)%.lua$")
end

-- Length in lines of each function: {first line, count}.
local function functions_of(code)
  local open, list = {}, {}
  for number, line in ipairs(lines_of(code)) do
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

return function(t)
  local lua = sources(files.join(files.dirname(t.root), "lua"), "")
  local tests = sources(t.root, "")

  local function none(problems)
    if #problems > 0 then error(table.concat(problems, "\n"), 0) end
  end

  t:case("the checks see what they look for", function()
    t:equal(bare("a 'b' --c\n[[d]] e --[[f\ng]] \"h\\\"i\" j"), "a" .. (" "):rep(8) .. "\n" .. (" "):rep(6) .. "e      \n" .. (" "):rep(11) .. "j")
    t:equal(functions_of("local function f()\n  if x then\n  end\nend\nlocal g = function() end"), { { 1, 4 }, { 5, 1 } })
    t:ok(lua["base/task.lua"] and lua["main.lua"] and tests["run.lua"], "the sources")
  end)

  t:case("a file requires only its own layer or lower ones", function()
    local problems = {}
    for path, text in sorted(lua) do
      local mine = RANK[layer(path)]
      if not mine then problems[#problems + 1] = path .. " is in no layer" end
      for name in text:gsub("%f[%w]lazy%f[%W]", "require"):gmatch("require%s*%(?%s*[\"']([%w_.-]+)[\"']") do
        local theirs = RANK[name:gsub("^builtin%.", ""):match("^[^.]+")]
        if not theirs then
          problems[#problems + 1] = ("%s requires %s, which is in no layer"):format(path, name)
        elseif mine and theirs > mine then
          problems[#problems + 1] = ("%s requires %s from a higher layer"):format(path, name)
        end
      end
    end
    none(problems)
  end)

  t:case("required modules exist", function()
    local problems, made = {}, { ["base.world"] = true, ["policies.user"] = true }
    for path, text in sorted(lua) do
      for name in text:gsub("%f[%w]lazy%f[%W]", "require"):gmatch("require%s*%(?%s*[\"']([%w_.-]+)[\"']") do
        local plain = name:gsub("^builtin%.", "")
        if not plain:find("%.$") and not made[plain] and not lua[plain:gsub("%.", "/") .. ".lua"] then
          problems[#problems + 1] = ("%s requires %s, which does not exist"):format(path, name)
        end
      end
    end
    none(problems)
  end)

  t:case("only base and main see the host", function()
    local problems = {}
    for path, text in sorted(lua) do
      if text:find("base.host", 1, true) and path ~= "base/host.lua" then problems[#problems + 1] = path .. " takes base.host" end
      if layer(path) ~= "base" and path ~= "main.lua" then
        for number, line in ipairs(lines_of(bare(text))) do
          local name = line:match("%f[%w_]host%.(%a+)%.%a+%s*[%({]")
          if line:find("local%s+host%s*=%s*%.%.%.") or name then
            problems[#problems + 1] = ("lua/%s:%d says host"):format(path, number)
          end
        end
      end
    end
    none(problems)
  end)

  t:case("no bare pairs where order can show", function()
    local problems = {}
    for prefix, set in sorted { ["lua/"] = lua, ["tests/"] = tests } do
      for path, text in sorted(set) do
        local code, plain = lines_of(bare(text)), lines_of(text)
        for number, line in ipairs(code) do
          if line:find("%f[%w_]pairs%s*[%({]") and not plain[number]:find("-- order: free", 1, true) then
            problems[#problems + 1] = ("%s%s:%d uses pairs without saying why the order is free"):format(prefix, path, number)
          end
          if (" " .. line):find("[^%w_.:]next%s*%([^,()]+,") then
            problems[#problems + 1] = ("%s%s:%d walks with next"):format(prefix, path, number)
          end
        end
      end
    end
    none(problems)
  end)

  t:case("one function sends creates, one module makes tickets, one place waits", function()
    local problems = {}
    for path, text in sorted(lua) do
      local code = bare(text)
      if code:find("http%.start") and path ~= "base/http.lua" then problems[#problems + 1] = path .. " starts transfers" end
      if code:find("ticket%.new") and path ~= "work/journal.lua" and path ~= "base/ticket.lua" then
        problems[#problems + 1] = path .. " makes tickets"
      end
      if code:find("loop%.wait") and path ~= "base/scheduler.lua" then problems[#problems + 1] = path .. " waits" end
    end
    none(problems)
  end)

  t:case("every file names its licence, none is too long, no function is", function()
    local problems = {}
    for prefix, set in sorted { ["lua/"] = lua, ["tests/"] = tests } do
      for path, text in sorted(set) do
        local name = prefix .. path
        local lines = select(2, text:gsub("\n", "\n"))
        if not text:find("^%-%- SPDX%-License%-Identifier: MIT\n") then problems[#problems + 1] = name .. " does not name its licence" end
        if not path:find("test_", 1, true) and lines > FILE_LINES then problems[#problems + 1] = ("%s has %d lines"):format(name, lines) end
        if prefix == "lua/" then
          for _, block in ipairs(functions_of(bare(text))) do
            if block[2] > FUNCTION_LINES then
              problems[#problems + 1] = ("%s:%d: a function of %d lines"):format(name, block[1], block[2])
            end
          end
        end
      end
    end
    none(problems)
  end)
end
