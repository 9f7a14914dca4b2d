-- SPDX-License-Identifier: MIT
-- The pages say what is: primitives, exit codes, settings, flags, files and packages are compared
-- with the program itself.
local commands = require "commands"
local config = require "config.effective"
local dotenv = require "config.dotenv"
local exitcodes = require "facts.exitcodes"
local files = require "base.files"
local flags = require "facts.flags"
local help = require "ui.help"
local host = require "sandbox.host"
local settings = require "config.settings"
local sorted = require "base.sorted"
local term = require "base.term"

local LIBRARIES = { "crypto", "http", "log", "loop", "net", "process", "rows", "script", "state",
  "terminal", "tunnel" }

return function(t)
  local root = files.dirname(t.root)
  local function page(name) return assert(files.read(files.join(root, name))) end
  local function none(problems)
    if #problems > 0 then error(table.concat(problems, "\n"), 0) end
  end

  -- The part of a page below the heading that begins with `title`.
  local function section(text, title)
    local at = assert(text:find("\n## " .. title, 1, true), "no section " .. title)
    local rest = text:sub(at + 1)
    return rest:sub(1, (rest:find("\n## ", 4, true) or #rest))
  end

  -- Names that are called in the code spans of a text: `name(…)`, `name{…}`, `x.name(…)`.
  local function called(text)
    local names = {}
    for span in text:gmatch("`([^`]+)`") do
      for name in span:gmatch("([%a_][%w_]*)[({]") do names[name] = true end
    end
    return names
  end

  local function methods(object, found)
    local class = getmetatable(object)
    for name, value in sorted(type(class.__index) == "table" and class.__index or class) do
      if type(value) == "function" and not name:find("^__") then found[name] = true end
    end
    object:close()
  end

  -- Every function of a library of the host, and the methods of what it makes.
  local function real(name)
    local found = {}
    for key, value in sorted(host[name]) do
      t:equal(type(value), "function", name .. "." .. key)
      found[key] = true
    end
    if name == "net" then methods(assert(host.net.udp { host = "127.0.0.1", port = 0 }), found) end
    if name == "crypto" then methods(host.crypto.key(), found) end
    if name == "tunnel" then
      local key <close> = host.crypto.key()
      local peer <close> = host.crypto.key()
      methods(assert(host.tunnel.open { key = key, peer = peer:public(), endpoint_host = "127.0.0.1",
        endpoint_port = 9, carrier = "udp", address = "10.13.37.2", peer_address = "10.13.37.1" }), found)
    end
    if name == "state" then
      local lock <close> = assert(host.state.lock(files.join(t:directory(), "lock"), "1 -\n"))
      for each in sorted(getmetatable(lock).__index) do found[each] = not each:find("^__") or nil end
    end
    if name == "rows" then
      local class = getmetatable(host.rows.fields({}, type)).__index
      for each in sorted(class) do found[each] = not each:find("^__") or nil end
    end
    return found
  end

  t:case("docs/host.md lists the primitives that are there, and no others", function()
    local text, problems = page "docs/host.md", {}
    for _, name in ipairs(LIBRARIES) do
      local told, there = called(section(text, "host." .. name)), real(name)
      for each in sorted(there) do
        if not told[each] then
          problems[#problems + 1] = ("docs/host.md lacks %s of host.%s"):format(each, name)
        end
      end
      for each in sorted(told) do
        if not there[each] then
          problems[#problems + 1] = ("docs/host.md has %s, which host.%s lacks"):format(each, name)
        end
      end
    end
    for title in text:gmatch("\n## host%.(%a+)") do
      if not table.concat(LIBRARIES, " "):find(title, 1, true) then
        problems[#problems + 1] = "docs/host.md has a library " .. title
      end
    end
    for key in sorted(host) do
      if not text:find("`host." .. key .. "`", 1, true) and not text:find("\n## host." .. key, 1, true) then
        problems[#problems + 1] = "docs/host.md lacks host." .. key
      end
    end
    none(problems)
  end)

  t:case("README: the table of exit codes is the one in use", function()
    local rows = {}
    for code, name, meaning in section(page "README.md",
      "Exit codes"):gmatch("\n| (%d+) | (%a+) | ([^\n]+) |") do
      rows[#rows + 1] = { code = tonumber(code), name = name, meaning = meaning }
    end
    t:equal(rows, exitcodes.list)
  end)

  -- The settings as they are in a home whose .env is this text.
  local function values_with(text)
    local dir, values = t:directory(), {}
    assert(files.write(files.join(dir, ".env"), text, 384))
    t:equal(config.load(dir), {}, "problems")
    for _, row in ipairs(settings) do
      if row.name then values[row.name] = config.get(row.name) end
    end
    return values
  end

  t:case(".example.env has every setting with its default, and no other", function()
    local text = page ".example.env"
    local entries, wrong = dotenv.parse(text)
    local said, known = {}, {}
    for _, entry in ipairs(entries) do said[entry.name] = entry.value end
    for _, row in ipairs(settings) do
      if row.name then
        known[row.name] = true
        t:ok(said[row.name], row.name .. " in .example.env")
        t:equal(said[row.name] == "", row.default == nil, row.name .. " without a value")
      end
    end
    for name in sorted(said) do t:ok(known[name], "the setting " .. name) end
    t:equal(wrong, {})
    t:equal(values_with(text), values_with "")
  end)

  t:case("what is generated is what make generated would write", function()
    for path, make in sorted(require("generated").files) do
      t:ok(page(path) == make(), path .. " is not what the tables say; make generated writes it anew")
    end
  end)

  local function load(name) return require("commands." .. name) end

  t:case("help --all has every command, flag, setting and exit code, in 80 columns", function()
    local lines = help.all { load = load, names = commands.names, daily = commands.daily, own = commands.own }
    local text = table.concat(lines, "\n")
    local function has(words, what)
      t:ok(text:find(words, 1, true), ("%s %s in the help"):format(what, words))
    end
    for _, row in ipairs(flags.list) do
      if row.name ~= "stop" then has("\n  --" .. row.name, "flag") end -- `--stop` is the command of that name
    end
    has("continueplz --stop ", "flag")
    for _, name in ipairs(commands.names()) do has("\ncontinueplz " .. name, "command") end
    for _, row in ipairs(settings) do has(row.name and "\n  " .. row.name or row.section, "setting") end
    for _, row in ipairs(exitcodes.list) do has(("%3d  %s"):format(row.code, row.name), "exit code") end
    for _, name in ipairs(commands.names()) do
      table.move(help.command(load(name), load(name)), 1, 200, #lines + 1, lines)
    end
    for _, line in ipairs(lines) do t:ok(term.width(line) <= 80, "too wide: " .. line) end
  end)

  t:case("every option that a command takes is a flag, every flag is taken", function()
    local taken = {}
    for _, name in ipairs(commands.names()) do
      for _, option in ipairs(load(name).options or {}) do
        option = option:gsub("=$", "") -- with a value
        t:ok(flags.long(option), name .. " takes --" .. option)
        taken[option] = true
      end
    end
    for _, row in ipairs(flags.list) do
      t:ok(row.global or taken[row.name], "somebody takes --" .. row.name)
    end
  end)

  -- Does a path of a page exist? `NAME` stands for any name, {a,b} for several.
  local function exists(path)
    -- in one of these folders, at least
    local above, below = path:gsub("/NAME/", "/*/"):match("^(.-)%*/(.*)$")
    if above then
      for _, name in ipairs(assert(files.list(files.join(root, above)))) do
        if files.exists(files.join(root, above .. name .. "/" .. below)) then
          return true
        end
      end
      return false
    end
    local dir, last = path:match("^(.-)([^/]*)$")
    if last:find("NAME", 1, true) or last:find("*", 1, true) then
      local pattern = last:gsub("%p", "%%%0"):gsub("NAME", ".+"):gsub("%%%*", ".*")
      for _, name in ipairs(files.list(files.join(root, dir)) or {}) do
        if name:find("^" .. pattern .. "$") then return true end
      end
      return false
    end
    return files.exists(files.join(root, path))
  end

  t:case("files that the pages name exist", function()
    local problems, pages = {},
      { "README.md", "CHANGELOG.md", "vendor/README.md", "tests/cloudsim/README.md" }
    for _, name in ipairs(files.list(files.join(root, "docs"))) do
      pages[#pages + 1] = name:find("%.md$") and "docs/" .. name or nil -- facts tell of other people's files
    end
    local count = 0
    for _, name in ipairs(pages) do
      for span in page(name):gmatch("`([^`\n]+)`") do
        for path in span:gmatch("[%w._*/-]+") do
          local top = path:match("^(%a+)/")
          if top == "src" or top == "lua" or top == "tests" or top == "docs" or top == "examples"
            or top == "vendor" then
            count = count + 1
            if not exists((path:gsub("[.,]$", ""):gsub("/$", ""))) then
              problems[#problems + 1] = name .. " names " .. path
            end
          end
        end
      end
    end
    t:ok(count > 20, count .. " paths were looked at")
    none(problems)
  end)

  t:case("modules that docs/architecture.md names exist", function()
    local count = 0
    for name in page("docs/architecture.md"):gmatch("`(%l+%.[%l_.]+)`") do
      local room = name:match("^%l+")
      if files.stat(files.join(root, "lua", room)) and name ~= "agent.sock" then
        local path = "lua/" .. name:gsub("%.", "/")
        t:ok(exists(path .. ".lua") or exists(path:match("^(.*)/") .. ".lua"),
          "docs/architecture.md names " .. name)
        count = count + 1
      end
    end
    t:ok(count > 10, count .. " modules")
  end)

  -- Every file below a directory, as paths from the root.
  local function tree(dir, found)
    for _, name in ipairs(assert(files.list(files.join(root, dir)))) do
      local path = dir .. "/" .. name
      if files.stat(files.join(root, path)).kind == "dir" then
        tree(path, found)
      else
        found[#found + 1] = path
      end
    end
    return found
  end

  t:case("docs/overrides.md: every example is in the table, and a test runs it", function()
    local text, tests, problems, rows = page "docs/overrides.md", page "tests/e2e/overrides.lua", {}, {}
    for path in text:gmatch("\n| [^|\n]+ | `[^`]+` | `(examples/[^`]+)` |") do rows[path] = true end
    for _, path in ipairs(tree("examples", {})) do
      -- run by hand or by a timer: docs/scripts.md
      local program = path == "examples/ask.lua" or path == "examples/workday.lua"
      if not program and not rows[path] then problems[#problems + 1] = path .. " is not in the table" end
    end
    for path in sorted(rows) do
      if not tests:find('"' .. path:gsub("^examples/", "") .. '"', 1, true)
        and not tests:find('"' .. path .. '"', 1, true) then
        problems[#problems + 1] = "no end-to-end test runs " .. path
      end
    end
    t:equal(#sorted.keys(rows), 9, "rows of the table")
    none(problems)
  end)

  t:case("docs/overrides.md: the rooms and the events are those in use", function()
    local rooms, events, text = require "sandbox.rooms", require("agent.reactions").events,
      page "docs/overrides.md"
    local told, plain = {}, { templates = true }
    for names, cell in section(text, "What a script may use"):gmatch("\n| ([%a, ]+) | (`[^\n]+) |") do
      for name in names:gmatch("%a+") do
        told[name] = {}
        for each in cell:gmatch("`([^`]+)`") do told[name][each] = true end
      end
    end
    local everywhere = {}
    for each in section(text,
      "What a script may use"):match("all may require(.-)Beside these"):gmatch("`([^`]+)`") do
      everywhere[each] = true
    end
    for room, limits in sorted(rooms.limits) do
      local set = {}
      for _, each in ipairs(limits) do set[each] = room == "reactions" or not everywhere[each] or nil end
      if not plain[room] then t:equal(told[room], set, room) end
    end
    local listed = {}
    for name in section(text, "reactions.lua"):gmatch("\n| `([%a_]+)` |") do listed[#listed + 1] = name end
    t:equal(listed, events)
  end)

  -- The functions that a page names as `lua/FILE.lua:NAME` and that are not there.
  local function missing_functions(text)
    local problems, count = {}, 0
    for path, name in text:gmatch("`(lua/[%w_/]+%.lua):([%w_.:]+)`") do
      local source = files.read(files.join(root, path)) or ""
      local there = source:find("function " .. name .. "(", 1, true)
      if not there then problems[#problems + 1] = ("%s has no function %s"):format(path, name) end
      count = count + 1
    end
    return problems, count
  end

  t:case("docs/money.md has a row for each of the fifteen rules, by functions that are "
    .. "there; each file of the room", function()
    local text, number = page "docs/money.md", 0
    for row in text:gmatch("\n(| %d+ | %*%*[^\n]+)") do
      number = number + 1
      t:equal(tonumber(row:match("^| (%d+)")), number)
      t:ok(select(2, missing_functions(row)) > 0, "who keeps rule " .. number)
    end
    t:equal(number, 15)
    none((missing_functions(text)))
    for _, name in ipairs(assert(files.list(files.join(root, "lua/money")))) do
      t:ok(name == "README.md" or text:find("`lua/money/" .. name .. ":", 1, true),
        "docs/money.md does not tell of " .. name)
    end
    t:equal(#(missing_functions "`lua/money/rent.lua:rent.none`"), 1, "the check can fail")
  end)

  t:case("docs/architecture.md: the ways of an offer and of a stop go through "
    .. "functions that are there", function()
    local problems, count = missing_functions(section(page "docs/architecture.md", "Money path"))
    none(problems)
    t:ok(count > 30, "functions on the way")
  end)

  t:case("vendor/README.md lists the packages that vendor/bootstrap installs", function()
    local bootstrap, text = page "vendor/bootstrap", page "vendor/README.md"
    local function installed(name)
      local set = {}
      for word in assert(bootstrap:match("\n" .. name .. "='([^']*)'")):gmatch("%S+") do set[word] = true end
      return set
    end
    local function listed(title)
      local set = {}
      for cell in section(text, title):gmatch("\n| ([^|]+) |") do
        for word in cell:gmatch("[^, ]+") do
          if not cell:find("^package") then set[word] = true end
        end
      end
      return set
    end
    t:equal(listed "To build and run", installed "build_apt")
    t:equal(listed "To test", installed "check_apt")
    t:equal(listed "For `make cross`", installed "cross_apt")
  end)
end
