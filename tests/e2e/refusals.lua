-- SPDX-License-Identifier: MIT
-- Scripts of the user's that are refused: one sentence with the reason, nothing rented, and what ends a
-- machine goes on without them.
local expect = require "e2e.expect"
local files = require "base.files"
local process = require "base.process"

local MODEL = "--model=qwen3-coder:30b"
local cases = {}

-- Runs a script of the user's that lies beside the home.
local function runs(r, text, ...)
  local path = files.join(r.dir, "mine.lua")
  assert(files.write(path, text, 384))
  return r:run(path, ...)
end

local function tool(...)
  expect.that(process.spawn({ argv = { ... }, stdin = "null", stdout = "null",
    stderr = "null" }):wait().status == 0, (...) .. " failed")
end

-- Ways in which a script is refused: what is said; how `text`, a fine script, is put there.
local ways = {
  { "can be written by others", function(r, name, text) files.chmod(r:put(name, text), 438) end },
  { "belongs to another user", function(r, name, text) tool("/bin/chown", "65534", r:put(name, text)) end,
    root = true },
  { "is bytecode", function(r, name) r:put(name, "\27Lua\84\0\25\147") end },
  { "expected", function(r, name) r:put(name, "return {") end },
  { "undefined global 'frobnicate'", function(r, name) r:put(name, "return frobnicate()") end },
  { "assignment to the global 'x'", function(r, name) r:put(name, "x = 1 return {}") end },
  { "belongs to another user", function(r, name, text)
    local elsewhere = files.join(r.dir, "elsewhere.lua")
    assert(files.write(elsewhere, text))
    tool("/bin/chown", "65534", elsewhere)
    assert(files.mkdir(files.dirname(files.join(r.home, name))))
    tool("/bin/ln", "-sf", elsewhere, files.join(r.home, name))
  end, root = true },
  { "its directory can be written by others", function(r, name, text)
    local dir = files.dirname(r:put(name, text))
    if dir ~= r.home then files.chmod(dir, 511) end
  end, rooms = true },
  { "may not require", function(r, name) r:put(name, "return require 'home.journal'") end },
  { "loop without an end", function(r, name)
    r:put(name, "while true do pcall(function() while true do end end) end")
  end, slow = true },
}

local scripts = {
  { "policy.lua", "return function(c) return c, {} end\n", { "--cheapest", MODEL }, 3 },
  { "providers/vast.lua", "return require 'builtin.providers.vast'\n", { "--cheapest", MODEL }, 3 },
  { "engines/ollama.lua", "return require 'builtin.engines.ollama'\n", { "--cheapest", MODEL }, 3 },
  { "init.lua", "return {}\n", { "--cheapest", MODEL }, 3 },
  { "commands/mine.lua", "return { name = 'mine', run = function() return 0 end }\n", { "mine" }, 3 },
}

for _, script in ipairs(scripts) do
  local name, text, words, code = table.unpack(script)
  cases[#cases + 1] = { name = name, run = function(r)
    for _, way in ipairs(ways) do
      local here = (not way.root or process.uid() == 0) and (not way.rooms or name:find("/", 1, true))
        and (not way.slow or name == "init.lua")
      if here then
        files.remove(files.join(r.home, name))
        way[2](r, name, text)
        local result = expect.ends(r:run(table.unpack(words)), code, way[1], name)
        expect.lacks(result, "traceback", "attempt to", "READY")
        -- the money line aside
        local sentences = select(2, result.err:gsub("Money: none is running[^\n]*\n", ""):gsub("[^\n]+", ""))
        expect.that(sentences == 1, ("%d sentences for %s: %s"):format(sentences, way[1], result.err))
        if name:find("/", 1, true) then files.chmod(files.dirname(files.join(r.home, name)), 448) end
      end
    end
    expect.that(not r:journal():find('"kind":"sent"', 1, true), "a create was sent")
    if code == 3 and words[2] then expect.ends(r:run("--cheapest", MODEL, "--dry-run", "--no-user"), 0) end
    expect.all_over(r)
  end }
end

-- one line of init.lua, what is said of it
local misuse = {
  { "override('ui.statsu', 'lines', print_it)", "init.lua:1:" },
  { "override('ui.statsu', 'lines', function() end)",
    "init.lua:1: override: there is no module \"ui.statsu\"" },
  { "override('ui.status', 'liness', function() end)",
    "init.lua:1: override: ui.status has no function \"liness\"; it has limits_text, lines" },
  { "override('ui.status', 'lines')",
    "init.lua:1: override: ui.status.lines needs a function(base, ...), not a nil" },
  { "override(7, 'lines', function() end)", "init.lua:1: override: the module must be a name" },
  { "override('ui.status', nil, function() end)", "init.lua:1: override: the function of ui.status" },
  { "override('policies.cheapest', 'x', function() end)", "one function; put a file" },
  { "override('home.journal', 'open', function() end)",
    "home.journal cannot be replaced: it keeps the rules about money" },
  { "override('money.rent', 'create', function() end)", "money.rent cannot be replaced" },
  { "override('money.proof', 'verify', function() end)", "money.proof cannot be replaced" },
  { "override('start.offers', 'rank', function() end)", "start.offers cannot be replaced" },
  { "override('base.ticket', 'use', function() end)",
    "base.ticket cannot be replaced: every rule about money" },
  { "override('base.http', 'request', function() end)", "base.http cannot be replaced" },
  { "override('config.effective', 'get', function() end)",
    "config.effective cannot be replaced: every limit is read there" },
  { "override('cli', 'main', function() end)", "cli cannot be replaced" },
  { "return 7", "init.lua must return a table of settings" },
  { "return { MAX_PRICE = 'much' }", "init.lua: MAX_PRICE: 'much' is not a number" },
}
cases[#cases + 1] = { name = "init.lua: every misuse is one sentence with its place; status goes on",
  run = function(r)
    for _, row in ipairs(misuse) do
      r:put("init.lua", row[1] .. "\n")
      local result = expect.ends(r:run("--cheapest", MODEL), 3, row[2])
      expect.that(select(2, result.err:gsub("[^\n]+", "")) == 1, "more than one sentence: " .. result.err)
      expect.lacks(result, "traceback", "attempt to")
    end
    expect.ends(r:run("status"), 0, "init.lua", "None active")
    r:put("init.lua",
      "override('ui.status', 'lines', function() return { 'MINE' } end)\nerror('half way')\n")
    expect.lacks(expect.ends(r:run("status"), 0, "half way", "None active"), "MINE")
    expect.all_over(r)
  end }

cases[#cases + 1] = { name = "stop and the agent go on with what is built in, and say why", run = function(r)
  expect.ends(r:run("--cheapest", MODEL), 0)
  for _, room in ipairs { "commands", "ui", "providers", "facts", "engines" } do
    assert(files.mkdir(files.join(r.home, room)))
  end
  local others = { "commands/stop.lua", "ui/stopped.lua", "ui/progress.lua", "providers/vast.lua",
    "facts/flags.lua", "init.lua" }
  local fine = { 1, process.uid() == 0 and 2 or 4, 3, 4, 5, 9 }
  for index, name in ipairs(others) do ways[fine[index]][2](r, name, "return {}\n") end
  r:put("reactions.lua", "return {")
  process.kill(r:agent(), "KILL")
  expect.ends(r:run("status"), 3, "flags.lua", "--no-user")
  expect.ends(r:run("status", "--no-user"), 0, "Active")
  local result = expect.ends(r:run("stop"), 0, "built-in", "Session cost")
  for index, name in ipairs(others) do expect.ends(result, 0, name, ways[fine[index]][1]) end
  expect.lacks(result, "traceback")
  expect.all_over(r)
end }

-- What a create at Vast is; with the key it rents when it comes from outside of continueplz.
local function create_of(r)
  local id = expect.json(expect.ends(r:run("offers", MODEL, "--on-demand", "--output=json"), 0)).offers[1].id
  return { method = "PUT", url = ("%s/api/v0/asks/%s/"):format(r.address.vast, id),
    headers = { Authorization = "Bearer " .. r.account_key },
    json = { client_id = "me", image = "ollama/ollama:0.33.0", disk = 44, label = "mine", runtype = "args",
      onstart = "/bin/sh", args = { "-c", "sleep 9" } } }
end

local RAW = [[
  local http, term = require "base.http", require "base.term"
  local key = require("config.effective").secret "VAST_API_KEY"
  local order, path = { client_id = "me", image = "ollama/ollama:0.33.0", disk = 44, label = "mine",
    runtype = "args", onstart = "/bin/sh", args = { "-c", "sleep 9" } }, ...
  local headers = { Authorization = "Bearer " .. key }
  local real = { method = "PUT", url = path, headers = headers, json = order }
  local attempts = {
    real, { method = "PUT", url = path:gsub("/asks/", "/x/../asks/"), headers = headers, json = order },
    { method = "PUT", url = path:gsub("/asks/", "//%%61sks/./"), headers = headers, json = order },
    setmetatable({}, { __index = { method = "GET", url = path:gsub("/api.*", "/") },
      __pairs = function() return next, real end }),
  }
  for index, spec in ipairs(attempts) do
    local ok, why = pcall(http.request, spec)
    term.out(("attempt %d: %s\n"):format(index, ok and "SENT" or tostring(why)))
  end
]]

cases[#cases + 1] = { name = "a script cannot rent past the journal: no module, no raw "
    .. "request, nothing is rented", run = function(r)
  for _, name in ipairs { "base.ticket", "home.journal", "sandbox.host" } do
    local result = expect.ends(runs(r, ("local x = require %q\n"):format(name)), 3,
      "mine.lua:1: a script may not require \"" .. name .. "\"", "\"api\"")
    expect.lacks(result, "traceback", "attempt to")
  end
  local create = create_of(r)
  local result = expect.ends(runs(r, RAW, create.url), 0, "attempt 1: ", "attempt 4: ",
    "rents a machine: that needs client:create and a ticket")
  expect.lacks(result, "SENT", r.account_key)
  expect.that(not r:journal():find('"kind":"sent"', 1, true), "a create was sent")
  expect.machines(r, 0)
  require("base.http").request(create) -- the same from outside is a create indeed
  expect.machines(r, 1)
  r:control("POST", "/instance/" .. r:instances()[1].id, { action = "destroy" })
  expect.all_over(r)
end }

cases[#cases + 1] = { name = "examples/ask.lua: the model's answer as it comes, and a "
    .. "sentence where none is ready", run = function(r)
  local path = files.join(process.cwd(), "examples/ask.lua")
  expect.ends(r:run(path), 2, "say the question")
  expect.ends(r:run(path, "Why?"), 7, "no model is ready", "continueplz --cheapest")
  expect.ends(r:run("--cheapest", MODEL), 0)
  expect.ends(r:run(path, "Why", "is the sky blue?"), 0, "(qwen3-coder:30b, ", " tokens/s)")
  expect.ends(r:run("stop"), 0)
  expect.all_over(r)
end }

return cases
