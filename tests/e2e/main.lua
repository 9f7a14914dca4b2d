-- SPDX-License-Identifier: MIT
-- The main job: rent, ask, stop, prove.
local expect = require "e2e.expect"

local MODEL = "--model=qwen3-coder:30b"
local cases = {}

local function case(name, run, options) cases[#cases + 1] = { name = name, run = run, options = options } end

local function up(r, ...) return r:run("up", "--cheapest", MODEL, ...) end

local function check_running(r, kind)
  expect.machines(r, 1)
  local status = expect.json(r:run("status", "--output=json"))
  expect.that(status.status == "ready", "status is " .. tostring(status.status))
  expect.that(status.instance.type == kind, "type is " .. tostring(status.instance.type))
  expect.that(status.deadman.active == true, "the guard is not active")
end

case("up, status, ping, endpoint, stop", function(r)
  local result = expect.plain(expect.ends(up(r), 0, "READY", "[1/8]", "[8/8]", "qwen3-coder:30b"))
  expect.lacks(result, r.account_key)
  check_running(r, r:kind())
  expect.ends(r:run("ping"), 0)
  expect.ends(r:run("endpoint", "--shell"), 0, "OPENAI_BASE_URL=", "OLLAMA_HOST=")
  local outcome, words = r:outcome()
  local stopped = expect.plain(expect.ends(r:run("--stop"), 0, "[1/4]", "[4/4]", words))
  expect.lacks(stopped, r.account_key)
  expect.all_over(r)
  expect.ends(r:run("stop"), 0)
  expect.ends(r:run("ack", "-y"), outcome == "proven" and 7 or 0, outcome == "proven" and "No record"
    or "is closed")
end)

case("on-demand: up and stop in json", function(r)
  local ready = expect.json(expect.ends(r:run("--cheapest", MODEL, "--on-demand", "--output=json"), 0))
  expect.that(ready.status == "ready", "not ready")
  check_running(r, "on-demand")
  local stopped = expect.json(expect.ends(r:run("--stop", "--output=json"), 0))
  expect.that(stopped.outcome == r:outcome(), "outcome is " .. tostring(stopped.outcome))
  expect.all_over(r)
end)

case("a second start is refused while one runs", function(r)
  expect.ends(up(r), 0)
  expect.ends(up(r), 6, "already running")
  expect.ends(up(r, "--dry-run"), 0, "Selected:")
  expect.machines(r, 1)
  expect.ends(r:run("stop"), 0)
  expect.all_over(r)
end)

case("two starts at once: one machine", function(r)
  local first, second = r:start("--cheapest", MODEL), r:start("--cheapest", MODEL)
  local a, b = r:finish(first), r:finish(second)
  expect.that((a.code == 0) ~= (b.code == 0), ("codes %s and %s"):format(tostring(a.code), tostring(b.code)))
  expect.machines(r, 1)
  expect.ends(r:run("stop"), 0)
  expect.all_over(r)
end)

case("dry run rents nothing", function(r)
  expect.ends(up(r, "--dry-run"), 0)
  expect.machines(r, 0)
end)

case("offers, status and stop with nothing running", function(r)
  expect.ends(r:run("offers", MODEL), 0)
  expect.ends(r:run("status"), 0, "None active")
  expect.ends(r:run("stop"), 0)
end)

return cases
