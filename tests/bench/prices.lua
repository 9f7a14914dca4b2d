-- SPDX-License-Identifier: MIT
-- continueplz tests/bench/prices.lua, with CONTINUEPLZ_SCRIPTS=tests: one price list over all clouds, each
-- answer of theirs 300 ms late; the same beside a dead one; and 10,000 offers beside `jq length`. Prints one
-- figure a line, NAME VALUE; seconds and KiB.
local clock = require "base.clock"
local clouds = require "facts.clouds"
local fail = require "base.fail"
local files = require "base.files"
local json = require "base.json"
local net = require "base.net"
local process = require "base.process"
local rig = require "e2e.rig"
local sorted = require "base.sorted"
local term = require "base.term"

local SCALE, LATE, ROUNDS, MANY, MANY_ROUNDS = 100, 0.3, 9, 10000, 5
local MODEL = "--model=qwen3-coder:30b"

local function say(name, value) term.out(("%s %.9g\n"):format(name, value)) end

local function median(list)
  table.sort(list)
  return list[#list // 2 + 1]
end

local function environment(r) return { "PATH=" .. process.getenv "PATH", "HOME=" .. r.dir } end

-- Runs `offers`. lines: how many lines of clouds are waited for; nil: the whole list, to the end.
-- → seconds
local function offers(r, lines, ...)
  local began = clock.now()
  local child = process.spawn { argv = { process.exe, "-C", r.home, "offers", MODEL, ... }, stdout = "null",
    stdin = "null", stderr = "pipe", env = environment(r), session = true }
  local seen, text = 0, ""
  while not lines or seen < lines do
    local piece = child.stderr:read()
    if not piece then break end
    text = text .. piece
    seen = select(2, text:gsub("\n  %l+: %d+ offer", "")) + (text:find "^  %l+: %d+ offer" and 1 or 0)
  end
  local took = clock.now() - began
  if lines then child:kill "KILL" end
  local exit = child:wait()
  child:close()
  if lines and seen < lines or not lines and exit.status ~= 0 then error("offers failed: " .. text, 0) end
  return lines and took or clock.now() - began
end

-- Every request of a cloud is answered LATE.
local function late(r)
  r:fault { name = "api.slow", seconds = LATE * SCALE, sticky = true }
end

local function clouds_of(r)
  local names = {}
  for _, cloud in ipairs(json.decode(r:run("sweep", "--dry-run", "--output=json").out).clouds) do
    names[#names + 1] = cloud.name
  end
  return names
end

-- Points a cloud to a place where nobody answers. → function that takes it back
local function dead(r, name, address)
  local setting
  for _, row in ipairs(clouds.known(name).settings) do
    setting = setting or row.type == "url" and row.name or nil
  end
  r:write_env { [setting] = address }
  return function() r:write_env() end
end

local function together(r)
  local names = clouds_of(r)
  late(r)
  local all, single, lines = {}, {}, {}
  for _, name in ipairs(names) do single[name] = {} end
  for i = 1, ROUNDS do
    all[i] = offers(r)
    for _, name in ipairs(names) do single[name][i] = offers(r, nil, "--provider=" .. name) end
  end
  local slowest, which = 0, nil
  for _, name in ipairs(names) do
    local seconds = median(single[name])
    if seconds > slowest then slowest, which = seconds, name end
  end
  say("clouds", #names)
  say("all", median(all))
  say("slowest", slowest)
  -- the slowest one is dead: the others' lines, as without it
  local silent = net.listen { host = "127.0.0.1", port = 0 } -- takes connections and never answers
  local _, port = silent:name()
  for kind, address in sorted { refused = "http://127.0.0.1:1", silent = "http://127.0.0.1:" .. port } do
    lines[kind], lines.alive = {}, {}
    for i = 1, ROUNDS do
      lines.alive[i] = offers(r, #names - 1)
      local back = dead(r, which, address)
      lines[kind][i] = offers(r, #names - 1)
      back()
    end
    say("beside_" .. kind, median(lines[kind]))
    say("alive_" .. kind, median(lines.alive))
  end
  silent:close()
end

-- 10,000 offers, made of those that the simulator has: other numbers, prices and hosts.
local function many(r)
  local answer = require("base.http").client { base = r.address.vast, writes = { "POST ^/api/v0/bundles/$" },
    headers = { Authorization = "Bearer " .. r.account_key } }:post("/api/v0/bundles/",
      { json = { limit = 1000 } }).json()
  local rows = {}
  for i = 1, MANY do
    local row = {}
    for name, value in sorted(answer.offers[(i - 1) % #answer.offers + 1]) do row[name] = value end
    row.id, row.machine_id = 40000000 + i, 50000 + i
    for _, name in ipairs { "dph_base", "dph_total", "min_bid" } do
      row[name] = type(row[name]) == "number" and row[name] * (1 + i / MANY / 10) or nil
    end
    rows[i] = json.encode(row)
  end
  return '{"offers":[' .. table.concat(rows, ",") .. '],"success":true}'
end

-- Runs words under /usr/bin/time, with a file as their input. → seconds of CPU (user and system), KiB at
-- most, exit code
local function measured(r, path, words)
  local out = files.join(r.dir, "measured")
  local child = process.spawn { argv = { "/bin/sh", "-c", 'path=$1; shift; exec "$@" <"$path"', "sh", path,
    "/usr/bin/time", "-o", out, "-f", "%U %S %M", table.unpack(words) },
    stdin = "null", stdout = "null", stderr = "file:" .. files.join(r.dir, "measured.err"),
    env = { "CONTINUEPLZ_SCRIPTS=" .. process.cwd() .. "/tests", table.unpack(environment(r)) } }
  local exit = child:wait()
  local user, system, kib = assert(files.read(out)):match("([%d.]+) ([%d.]+) (%d+)%s*$")
  return tonumber(user) + tonumber(system), tonumber(kib), exit.status
end

local function beside_jq(r)
  local body = many(r)
  local path = files.join(r.dir, "offers.json")
  assert(files.write(path, body))
  local ours, theirs, most, jq_most, code = {}, {}, 0, 0, nil
  for i = 1, MANY_ROUNDS do
    local kib
    ours[i], kib, code = measured(r, path, { process.exe, "-C", r.home, "tests/bench/many.lua" })
    most = math.max(most, kib)
    theirs[i], kib = measured(r, path, { "jq", "length" })
    jq_most = math.max(jq_most, kib)
  end
  say("many_bytes", #body)
  if code ~= 0 then error(assert(files.read(files.join(r.dir, "measured.err"))), 0) end
  say("many_own", median(ours))
  say("many_jq", median(theirs))
  say("many_kib", most)
  say("many_jq_kib", jq_most)
end

local r = rig.new { cloud = "all", scale = SCALE }
local ok, problem = fail.settle(function()
  if files.exists "/usr/bin/time" and files.exists "/usr/bin/jq" then beside_jq(r) end
  r:write_env()
  together(r)
end)
r:close()
files.remove_tree(r.dir)
if not ok then error(problem, 0) end
return 0
