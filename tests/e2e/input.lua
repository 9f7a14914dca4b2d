-- SPDX-License-Identifier: MIT
-- Bad input: one sentence that names it and the way out, the right exit code, nothing lost, nothing billed.
local expect = require "e2e.expect"
local files = require "base.files"

local MODEL = "--model=qwen3-coder:30b"
local cases = {}

-- name; prepare(r); arguments; exit code; texts
local rows = {
  { "no .env", function(r) files.remove(files.join(r.home, ".env")) end, { "--cheapest", MODEL }, 3,
    { ".env" } },
  { ".env that is a link", function(r)
    local process, path = require "base.process", files.join(r.home, ".env")
    local real = files.join(r.dir, "env.real")
    assert(files.write(real, files.read(path)))
    assert(files.remove(path))
    process.spawn({ argv = { "/bin/ln", "-s", real, path }, stdin = "null", stdout = "null",
      stderr = "null" }):wait()
  end, { "--cheapest", MODEL }, 3, { "not a link" } },
  { "empty key", function(r) files.write(files.join(r.home, ".env"), "VAST_API_KEY=\n", 384) end,
    { "--cheapest", MODEL }, 3, { "VAST_API_KEY" } },
  { "world-readable .env", function(r) files.chmod(files.join(r.home, ".env"), 420) end,
    { "--cheapest", MODEL }, 3, { "chmod 600" } },
  { "unknown flag", nil, { "--cheapest", "--modle=x" }, 2, { "--modle", "--model" } },
  { "unknown command", nil, { "statsu" }, 2, { "status" } },
  { "unknown model", nil, { "--cheapest", "--model=qwen3-codr:30b" }, 2,
    { "qwen3-codr:30b", "qwen3-coder:30b" } },
  { "cloud model", nil, { "--cheapest", "--model=qwen3-coder:480b-cloud" }, 2, { "cloud" } },
  { "a GPU that fits nothing", nil, { "--cheapest", MODEL, "--gpu=l4" }, 4, {} },
  { "unknown tier", nil, { "--cheapest", "--tier=huge" }, 2, { "huge", "small, medium, large" } },
  { "more context than any offer holds", nil,
    { "up", "--model=devstral-2:123b", "--context=256k", "--gpu=l4" }, 4, { "needs 180.0 GB", "--context" } },
  { "nonsense duration", nil, { "--cheapest", MODEL, "--timeout=soon" }, 2, { "soon" } },
  { "beyond MAX_PRICE without a terminal", nil, { "--cheapest", MODEL, "--gpu=h100", "--on-demand" }, 8,
    { "MAX_PRICE" }, { MAX_PRICE = "0.01" } },
  { "newer state", function(r) files.write(files.join(r.home, ".continueplz.state"), '{"version":99}\n') end,
    { "--cheapest", MODEL }, 3, { "newer" } },
  { "broken policy", function(r) files.write(files.join(r.home, "policy.lua"), "return function( end\n") end,
    { "--cheapest", MODEL }, 3, { "policy.lua" } },
  { "world-writable policy", function(r)
    files.write(files.join(r.home, "policy.lua"), "return function(c) return c, {} end\n")
    files.chmod(files.join(r.home, "policy.lua"), 438)
  end, { "--cheapest", MODEL }, 3, { "policy.lua" } },
}

for _, row in ipairs(rows) do
  local name, prepare, arguments, code, texts, env = table.unpack(row, 1, 6)
  cases[#cases + 1] = { name = name, options = { env = env }, run = function(r)
    if prepare then prepare(r) end
    local result = expect.plain(expect.ends(r:run(table.unpack(arguments)), code, table.unpack(texts)))
    expect.lacks(result, "traceback", "attempt to", r.account_key)
    expect.all_over(r)
  end }
end

-- Every answer in JSON is one object on stdout and nothing else, failures of all kinds included.
cases[#cases + 1] = { name = "--output=json is one object, whatever happens", run = function(r)
  for _, row in ipairs {
    { 2, "--modle" }, { 2, "status", "extra" }, { 2, "stop", "--cheapest" }, { 2, "frobnicate" },
    { 0, "--version" }, { 0, "help" }, { 0, "status" }, { 0, "stop" }, { 7, "ping" }, { 7, "ack" },
    { 2, "logs", "foo" }, { 2, "--cheapest", "--timeout=soon" }, { 2, "--cheapest", "--timeout=99999h" },
    { 4, "--cheapest", MODEL, "--max-price=0.01" }, { 0, "--cheapest", MODEL, "--dry-run" },
  } do
    local object = expect.json(expect.ends(r:run("--output=json", table.unpack(row, 2)), row[1]))
    expect.that(type(object.status) == "string", row[2] .. " has no status")
    expect.that(row[1] ~= 2 or object.error.exit_code == 2 and object.error.kind == "usage",
      row[2] .. " tells no usage error")
  end
end }

cases[#cases + 1] = { name = "a folder that does not exist is said to be none", run = function(r)
  local home = r.home
  r.home = files.join(r.dir, "nowhere")
  local way = "continueplz -C " .. r.home .. " init"
  for _, row in ipairs { { 0, "status" }, { 0, "stop" }, { 7, "logs" }, { 7, "logs", "guard" },
    { 7, "endpoint" }, { 7, "ping" } } do
    expect.wrapped(expect.ends(r:run(table.unpack(row, 2)), row[1]), r.home .. " does not exist", way)
  end
  for _, name in ipairs { "status", "stop" } do
    local object = expect.json(expect.ends(r:run(name, "--output=json"), 0))
    expect.that(object.status == "none" and object.warnings[1]:find(way, 1, true),
      name .. " --output=json does not tell it")
  end
  expect.that(not files.exists(r.home), "the folder was made")
  r.home = home
  for _, name in ipairs { "status", "stop" } do
    expect.lacks(expect.ends(r:run(name), 0), "does not exist")
  end
end }

cases[#cases + 1] = { name = "--directory names the home in every spelling; what is no folder is refused",
  run = function(r)
    local home, process = r.home, require "base.process"
    for _, words in ipairs { { "--directory=" .. home }, { "--directory", home }, { "-vC", home },
      { "-C" .. home } } do
      local argv = { process.exe, "status" }
      table.move(words, 1, #words, #argv + 1, argv)
      local env = { "HOME=" .. r.dir, "COLUMNS=300" }
      local child = process.spawn { argv = argv, env = env, stdin = "null", stdout = "pipe", stderr = "null" }
      local text = ""
      for piece in function() return child.stdout:read() end do text = text .. piece end
      child:wait()
      expect.that(text:find(home, 1, true), table.concat(words, " ") .. " was not obeyed: " .. text)
    end
    r.home = files.join(home, ".env")
    expect.ends(r:run("stop"), 3, "not a folder")
    r.home = home
    files.chmod(home, 511)
    expect.ends(r:run("--cheapest", MODEL), 3, "chmod 700")
    expect.ends(r:run("stop"), 0, "chmod 700")
    files.chmod(home, 448)
  end }

-- what stands in the home, and what the answer names
local policies = {
  { "never ends", "return function() while true do end end", 3, "loop without an end" },
  { "never ends while it is read", "while true do end", 3, "loop without an end" },
  { "eats memory", "return function() local t = {} while true do t[#t + 1] = ('x'):rep(1 << 20) end end",
    3, "memory" },
  { "asks for a gigabyte at once", "return function() return { ('x'):rep(1 << 30) } end", 3,
    "not enough memory" },
  { "returns one candidate", "return function(c) return c[1] end", 4, "no offer" },
  { "refuses with garbage", "return function(c) return {}, { 5, { reason = 7 }, { candidate = "
      .. "c[1], reason = {} } } end", 4, "refused by the policy" },
}
for _, row in ipairs(policies) do
  cases[#cases + 1] = { name = "a policy that " .. row[1], run = function(r)
    assert(files.write(files.join(r.home, "policy.lua"), row[2] .. "\n"))
    expect.lacks(expect.plain(expect.ends(r:run("--cheapest", MODEL), row[3], row[4])), "traceback",
      "attempt to")
    expect.all_over(r)
  end }
end

cases[#cases + 1] = { name = "a policy that changes the prices it is shown fools neither "
    .. "the limit nor the journal", run = function(r)
  local path = files.join(r.home, "policy.lua")
  local lie = "return function(c, w) w.max_price, w.ask_above = 99, nil\n"
    .. "for _, x in ipairs(c) do x.hourly, x.bid, x.total = 0.001, 0.001, 0.001 end return c end\n"
  assert(files.write(path, lie))
  expect.ends(r:run("--cheapest", MODEL, "--max-price=0.002"), 4, "too dear")
  expect.ends(r:run("--cheapest", MODEL), 0)
  local hourly = expect.json(expect.ends(r:run("status", "--output=json"), 0)).cost.hourly
  expect.that(hourly > 0.01, "the journal believes " .. tostring(hourly))
  expect.ends(r:run("stop"), 0)
  expect.all_over(r)
end }

cases[#cases + 1] = { name = "broken scripts of the user's keep stop from nothing", run = function(r)
  expect.ends(r:run("--cheapest", MODEL), 0)
  local function put(name, text) assert(files.write(files.join(r.home, name), text .. "\n")) end
  for _, room in ipairs { "facts", "ui", "commands", "providers", "providers/vast" } do
    assert(files.mkdir(files.join(r.home, room)))
  end
  put("facts/flags.lua", "return function( end")
  put("providers/vast/parse.lua", "return {}")
  files.chmod(files.join(r.home, "providers/vast/parse.lua"), 438)
  put("ui/format.lua", "error('format')")
  put("ui/progress.lua",
    "local s = setmetatable({}, { __index = function() return function() error('screen') end end })\n"
      .. "return { new = function() return s end }")
  put("ui/stopped.lua", "return { lines = function() error('lines') end }")
  put("commands/stop.lua",
    "return { name = 'stop', summary = 'end it', tolerant = true, run = function() error('my stop') end }")
  put("providers/vast.lua",
    "local b, m = require 'builtin.providers.vast', {} for k, v in next, b do m[k] = v end m.timing = nil\n"
      .. "function m.destroy() error('my destroy') end function m.get() error('my get') end return m")
  put("init.lua", "error('init')")
  expect.lacks(expect.ends(r:run("status"), 3, "flags.lua"), "traceback")
  expect.ends(r:run("stop"), 0, "flags.lua", "vast/parse.lua", "my stop", "built-in", "Session cost")
  expect.all_over(r)
end }

cases[#cases + 1] = { name = "a script that never ends lets go at the third signal", run = function(r)
  local path = files.join(r.dir, "loop.lua")
  assert(files.write(path,
    "require('base.term').out('on\\n') while true do pcall(function() while true do end end) end\n"))
  local child = r:start(path)
  r.wait_for("the script", 30, function() return r.said(child):find("on", 1, true) end)
  for _ = 1, 3 do
    child:kill("INT")
    require("base.task").sleep(0.1)
  end
  expect.ends(r:finish(child), 130, "--stop")
end }

cases[#cases + 1] = { name = "an agent that stands still or lost its socket is replaced; the machine stays",
  run = function(r)
    local process = require "base.process"
    expect.ends(r:run("--cheapest", MODEL), 0)
    local first = r:agent()
    process.kill(first, "STOP")
    expect.ends(r:run("ping"), 0, "answers")
    local second = r:agent()
    expect.that(second and second ~= first, "the agent was not replaced")
    files.remove(files.join(r.home, "agent.sock"))
    expect.ends(r:run("ping"), 0, "answers")
    expect.that(#r:instances() == 1, "the machine is gone")
    expect.ends(r:run("stop"), 0)
    expect.all_over(r)
  end }

cases[#cases + 1] = { name = "too little credit: said before anything is rented", run = function(r)
  r:control("POST", "/set", { credit = 0.01 })
  expect.plain(expect.ends(r:run("--cheapest", MODEL), 4, "credit",
    "add credit at https://cloud.vast.ai/billing/"))
  expect.all_over(r)
  expect.that(not r:journal():find('"kind":"sent"', 1, true), "a create was sent")
end }

cases[#cases + 1] = { name = "half a journal record", run = function(r)
  expect.ends(r:run("--cheapest", MODEL), 0)
  local path = files.join(r.home, "journal")
  assert(files.append(path, "0123456789abcdef0123456789abcdef {\"kind\":\"clo"))
  expect.ends(r:run("status"), 0, "Active")
  expect.ends(r:run("stop"), 0)
  expect.all_over(r)
  expect.that(files.read(path .. ".torn"), "the torn record was lost")
end }

cases[#cases + 1] = { name = "damaged journal: no new rental, status ends nothing, stop "
    .. "still works and sets it aside", run = function(r)
  expect.ends(r:run("--cheapest", MODEL), 0)
  local path = files.join(r.home, "journal")
  local text = files.read(path)
  local at = text:find('"kind":"guarded"', 1, true)
  assert(files.write(path, text:sub(1, at + 8) .. "x" .. text:sub(at + 10)))
  require("base.process").kill(r:agent(), "KILL")
  expect.ends(r:run("--cheapest", MODEL), 6, "already running")
  expect.ends(r:run("status"), 0, "Cost so far:  not known", "Money: running")
  expect.ends(r:run("stop"), 0, "Confirmed", "Money: none is running")
  expect.nothing_bills(r)
  expect.that(files.read(path .. ".damaged"), "the damaged record was not set aside")
  expect.ends(r:run("--cheapest", MODEL), 0)
  expect.ends(r:run("stop"), 0)
  expect.all_over(r)
end }

cases[#cases + 1] = { name = "a policy of one's own decides", run = function(r)
  local source = assert(files.read("examples/policy.lua"))
  assert(files.write(files.join(r.home, "policy.lua"), source))
  local object = expect.json(expect.ends(r:run("--cheapest", MODEL, "--dry-run", "--output=json"), 0))
  expect.that(object.status == "dry-run", "status is " .. tostring(object.status))
  local plain =
    expect.json(expect.ends(r:run("--cheapest", MODEL, "--dry-run", "--output=json", "--no-user"), 0))
  local mine, builtin = object.offers[1], plain.offers[1]
  expect.that(mine.region:sub(1, 2) == "eu", "the region is " .. tostring(mine.region))
  expect.that(#object.offers < #plain.offers or mine.id ~= builtin.id, "the policy changed nothing")
end }

cases[#cases + 1] = { name = "a full disk: nothing is sent, nothing lost", run = function(r)
  return r:on_small_disk(64, function()
    local filler = files.join(r.home, "filler")
    local fill = files.write(filler, ("x"):rep(44 * 1024))
    local result = r:run("--cheapest", MODEL)
    local bills = #r:billing()
    files.remove(filler)
    local again = r:run("stop")
    expect.that(fill, "the file system could not be filled")
    expect.that(result.code ~= 0, "a start worked on a full disk")
    expect.lacks(result, "traceback", "attempt to")
    expect.that(bills == 0, "something bills")
    expect.ends(again, 0)
  end)
end }

return cases
