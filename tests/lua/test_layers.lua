-- SPDX-License-Identifier: MIT
-- Rules about the source itself: rooms (docs/architecture.md), who sees the host, order, and budgets.
local files = require "base.files"
local sorted = require "base.sorted"
local source = require "source"

local FILE_LINES, FUNCTION_LINES, COLUMNS = 400, 60, 110
-- The one list outside of their folders that names clouds: module names of the last release.
local NAMED = { ["sandbox/aliases.lua"] = true }

return function(t)
  local lua, tests = source.lua(), source.tree(t.root, ".lua")
  local root = files.dirname(t.root)

  -- The rooms of docs/architecture.md: name → rank, anew for each caller.
  local function ranks() return source.ranks(assert(files.read(files.join(root, "docs/architecture.md")))) end

  local function none(problems)
    if #problems > 0 then error(table.concat(problems, "\n"), 0) end
  end

  t:case("the checks see what they look for", function()
    t:equal(source.bare("a 'b' --c\n[[d]] e --[[f\ng]] \"h\\\"i\" j"),
      "a" .. (" "):rep(8) .. "\n" .. (" "):rep(6) .. "e      \n" .. (" "):rep(11) .. "j")
    t:equal(source.functions("local function f()\n  if x then\n  end\nend\nlocal g = function() end"),
      { { 1, 4 }, { 5, 1 } })
    t:ok(lua["base/task.lua"] and lua["main.lua"] and tests["run.lua"], "the sources")
    local text = "x = require 'a.b' y = 'a.' .. z, require(('a.%s.card'):format(n)), (\"b.%s\"):format(q)"
    t:equal(source.asked(text), { "a.b", "a.", "a.%s.card", "b.%s" })
    local rooms = {
      ["providers.%s.card"] = "cards", ["providers/x/card.lua"] = "cards", ["providers.%s"] = "providers",
      ["providers.card"] = "providers", ["providers/x.lua"] = "providers", ["cli.lua"] = "top",
    }
    for name, wanted in sorted(rooms) do
      t:equal(source.room(name), wanted, name)
    end
  end)

  t:case("a file requires only from its own room and those above it", function()
    local problems, rank = {}, ranks()
    for path, text in sorted(lua) do
      local mine = rank[source.room(path)]
      if not mine then problems[#problems + 1] = path .. " is in no room" end
      for _, name in ipairs(source.asked(source.uncommented(text))) do
        local theirs = rank[source.room((name:gsub("^builtin%.", ""):gsub("%.$", ".x")))]
        if mine and theirs and theirs > mine then
          problems[#problems + 1] = ("%s asks for %s, which is of a room below it"):format(path, name)
        end
      end
    end
    none(problems)
  end)

  t:case("a card of a cloud asks for nothing, and nothing else says what a cloud is called", function()
    local problems, cards = {}, {}
    for path in sorted(lua) do cards[#cards + 1] = path:match("^providers/([^/]+)/card%.lua$") end
    t:ok(#cards > 4, "the cards")
    for path, text in sorted(lua) do
      local own = path:match("^providers/([^/.]+)")
      if source.room(path) == "cards" and #source.asked(source.uncommented(text)) > 0 then
        problems[#problems + 1] = path .. " asks for another file"
      end
      for number, line in ipairs(source.lines(text)) do
        local plain = line:lower():gsub("facts/[%w_-]+%.md", "") -- where a fact was found may be said
        for _, name in ipairs(cards) do
          if name ~= own and plain:find("%f[%a]" .. name .. "%f[%A]") and not NAMED[path] then
            problems[#problems + 1] = ("lua/%s:%d names %s: %s"):format(path, number, name, line)
          end
        end
      end
    end
    none(problems)
  end)

  t:case("each room has a README of five lines, and nothing else is one", function()
    local problems, rank, rooms = {}, ranks(), { "src", "src/tunnel", "src/guest" }
    for _, name in ipairs(assert(files.list(files.join(root, "lua")))) do
      if not name:find("%.lua$") then
        if not rank[name] then
          problems[#problems + 1] = "lua/" .. name .. " is not in the table of docs/architecture.md"
        end
        rooms[#rooms + 1], rank[name] = "lua/" .. name, nil
      end
    end
    for _, path in ipairs(rooms) do
      local text = files.read(files.join(root, path, "README.md"))
      if not text or select(2, text:gsub("\n", "\n")) ~= 5 then
        problems[#problems + 1] = path .. " has no README of five lines"
      end
    end
    rank.top, rank.cards = nil, nil
    for name in sorted(rank) do
      problems[#problems + 1] = "docs/architecture.md tells of lua/" .. name .. ", which is not there"
    end
    none(problems)
  end)

  t:case("required modules exist", function()
    local problems, made = {}, { ["policies.user"] = true }
    for path, text in sorted(lua) do
      for _, name in ipairs(source.asked(source.uncommented(text))) do
        local plain = name:gsub("^builtin%.", "")
        local whole = not plain:find("%.$") and not plain:find("%%s")
        if whole and not made[plain] and not lua[plain:gsub("%.", "/") .. ".lua"] then
          problems[#problems + 1] = ("%s requires %s, which does not exist"):format(path, name)
        end
      end
    end
    none(problems)
  end)

  t:case("only base, sandbox and main see the host", function()
    local problems = {}
    for path, text in sorted(lua) do
      if text:find("sandbox.host", 1, true) then problems[#problems + 1] = path .. " takes sandbox.host" end
      if source.room(path) ~= "base" and source.room(path) ~= "sandbox" and path ~= "main.lua" then
        for number, line in ipairs(source.lines(source.bare(text))) do
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
        local code, plain = source.lines(source.bare(text)), source.lines(text)
        for number, line in ipairs(code) do
          if line:find("%f[%w_]pairs%s*[%({]") and not plain[number]:find("-- order: free", 1, true) then
            problems[#problems + 1] =
              ("%s%s:%d uses pairs without saying why the order is free"):format(prefix, path, number)
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
      local code = source.bare(text)
      if code:find("http%.start") and path ~= "base/http.lua" then
        problems[#problems + 1] = path .. " starts transfers"
      end
      if code:find("ticket%.new") and path ~= "home/journal.lua" and path ~= "base/ticket.lua" then
        problems[#problems + 1] = path .. " makes tickets"
      end
      if code:find("loop%.wait") and path ~= "base/scheduler.lua" then
        problems[#problems + 1] = path .. " waits"
      end
    end
    none(problems)
  end)

  t:case("no file of the runtime is too long, no line of C, Python or shell is", function()
    local problems, src = {}, {}
    for _, dir in ipairs { "src", "tests", "vendor" } do
      for _, ending in ipairs { ".c", ".h", ".py", ".sh" } do
        source.tree(files.join(root, dir), ending, dir .. "/", src)
      end
    end
    for path, text in sorted(src) do
      local lines = source.lines(text)
      if path:find("^src/") and #lines - 1 > FILE_LINES then
        problems[#problems + 1] = ("%s has %d lines"):format(path, #lines - 1)
      end
      for number, line in ipairs(lines) do
        if (utf8.len(line) or #line) > COLUMNS and not path:find("^tests/examples%-") then
          problems[#problems + 1] = ("%s:%d is too wide"):format(path, number)
        end
      end
    end
    t:ok(#sorted.keys(src) > 100, "the sources in C")
    none(problems)
  end)

  t:case("every file names its licence, none is too long, no function is", function()
    local problems = {}
    for prefix, set in sorted { ["lua/"] = lua, ["tests/"] = tests } do
      for path, text in sorted(set) do
        local name = prefix .. path
        local lines = select(2, text:gsub("\n", "\n"))
        if not text:find("^%-%- SPDX%-License%-Identifier: MIT\n") then
          problems[#problems + 1] = name .. " does not name its licence"
        end
        if not path:find("test_", 1, true) and lines > FILE_LINES then
          problems[#problems + 1] = ("%s has %d lines"):format(name, lines)
        end
        if prefix == "lua/" then
          for _, block in ipairs(source.functions(source.bare(text))) do
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
