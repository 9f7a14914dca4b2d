-- SPDX-License-Identifier: MIT
-- Alerts: at most one CRITICAL per cause within a quarter of an hour, over all processes;
-- what the webhook does not take is kept.
local json = require "base.json"

local HOME = "/home/user/.continueplz"

-- A home with a webhook. say.status: what the webhook answers, nil: nobody does. → sim, posted,
-- run(function(alert, task))
local function home(fake, say)
  local posted = {}
  local sim = fake.new { http = function(request)
    if not say.status then
      return { error = "connection refused", code = "connect", sent = false }
    end
    if say.status < 300 then posted[#posted + 1] = json.decode(request.body) end
    return { status = say.status, body = "" }
  end }
  sim.disk[HOME .. "/.env"] = { data = "ALERT_WEBHOOK_URL=http://127.0.0.1:9/hook/canary-77\n"
      .. "VAST_API_KEY=canary-key-1234567\n", mode = 384, mtime = 0 }
  local function run(fn)
    local p = sim:start(function(require)
      require("config.effective").load(HOME)
      return require("base.task").run(function() fn(require "home.alert", require "base.task") end)
    end, { bare = true })
    sim:run()
    p:result()
    return p
  end
  return sim, posted, run
end

local function kept(sim)
  local list = {}
  for path, file in require("base.sorted")(sim.disk) do
    if path:find("/alerts/.*%.alert$") then list[#list + 1] = file.data end
  end
  return list
end

return function(t)
  local fake = t:load("fakehost")

  t:case("critical: one post per cause within a quarter of an hour, whichever process it is", function()
    local sim, posted, run = home(fake, { status = 200 })
    local function tell(alert)
      alert.critical("Could not verify billing stopped", { instance_id = "7" }, "unproven 7")
    end
    for _ = 1, 28 do
      run(tell)
      sim.now = sim.now + 60
    end
    t:equal(#posted, 2, "28 minutes, one cause")
    run(function(alert) alert.critical("A second machine", { instance_id = "8" }) end)
    t:equal({ #posted, posted[3].message, posted[3].context.instance_id }, { 3, "A second machine", "8" })
    local logged = 0
    for _, line in ipairs(sim.log) do
      logged = logged + (line.message:find("CRITICAL", 1, true) and 1 or 0)
    end
    t:equal(logged, 29, "the log has them all")
  end)

  t:case("a clock that is set back does not silence anything for years", function()
    local sim, posted, run = home(fake, { status = 200 })
    local function tell(alert) alert.critical("x", { instance_id = "7" }) end
    run(tell)
    sim:jump(-365 * 86400)
    run(tell)
    t:equal(#posted, 2)
  end)

  for _, status in ipairs { 0, 500, 403 } do
    t:case("a post that fails is kept on the disk and posted by whoever comes next: " .. status, function()
      local say = { status = status > 0 and status or nil }
      local sim, posted, run = home(fake, say)
      for _ = 1, 5 do
        run(function(alert)
          alert.critical("Could not verify billing stopped",
            { instance_id = "7", reason = "key canary-key-1234567" })
          alert.warn("today's spending", { action = "budget" })
        end)
        sim.now = sim.now + 1000
      end
      local list = kept(sim)
      t:equal({ #posted, #list }, { 0, 6 }, "one of the cause, however often it is told")
      t:ok(not table.concat(list):find("canary", 1, true), "a secret is on the disk: " .. table.concat(list))
      say.status = 204
      run(function(alert) alert.deliver() end)
      t:equal({ #posted, #kept(sim), posted[1].level, posted[1].message, posted[2].level },
        { 6, 0, "CRITICAL", "Could not verify billing stopped", "WARN" })
      t:ok(posted[1].timestamp < posted[6].timestamp, "the time is when it was told")
    end)
  end

  t:case("a command delivers what an earlier one could not", function()
    local say = {}
    local sim, posted, run = home(fake, say)
    run(function(alert) alert.critical("x", { instance_id = "7" }) end)
    say.status = 200
    local p = sim:start(function(require) return require("cli").main { "status", "--output=json" } end,
      { bare = true })
    sim:run()
    p:result()
    t:equal({ #posted, posted[1] and posted[1].message }, { 1, "x" })
  end)

  t:case("what is kept is bounded, and a CRITICAL goes last", function()
    local sim, posted, run = home(fake, {})
    run(function(alert)
      alert.critical("the machine", { instance_id = "7" })
      for n = 1, 130 do alert.warn("news " .. n, {}) end
    end)
    t:equal({ #posted, #kept(sim) }, { 0, 100 })
    t:ok(kept(sim)[1]:find("the machine", 1, true) and kept(sim)[100]:find("news 130", 1, true),
      "the wrong one was given up")
  end)

  t:case("a home that cannot be written posts all the same, once per cause", function()
    local sim, posted, run = home(fake, { status = 200 })
    sim.disk[HOME .. "/alerts"] = { data = "in the way", mode = 384, mtime = 0 }
    run(function(alert)
      for _ = 1, 3 do alert.critical("x", { instance_id = "7" }) end
    end)
    t:equal(#posted, 1)
  end)
end
