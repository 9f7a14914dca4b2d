-- SPDX-License-Identifier: MIT
-- The limits as rows, the status that counts on, and its block on a terminal.
local config = require "config.effective"
local standing = require "money.standing"
local view = require "ui.limits"

local NOW = 1790000000

return function(t)
  local function session(more)
    local s = { id = "77", provider = "vast", started = NOW - 7200, guarded_at = NOW - 3600, hourly = 0.4,
      disk_hour = 0.1, plan = { silence = 36000, idle = 3600, life = 43200, max_price = 3,
        guard = "scoped-key" } }
    for name, value in pairs(more or {}) do s.plan[name] = value end -- order: free
    return s
  end

  local function rows(s, guard, more)
    local context = { now = NOW, heard = NOW - 600, hourly = 0.5, sessions = {} }
    for name, value in pairs(more or {}) do context[name] = value end -- order: free
    local by_name = {}
    for _, row in ipairs(standing.of(s, guard, context)) do by_name[row.name] = row end
    return by_name
  end

  t:case("the guard's own words, when each ends it, and who keeps it", function()
    local all = rows(session(), { silence_left = 100, idle_left = 50, life_left = 7000 }, { cloud = 43200 })
    t:equal({ all.silence.left, all.idle.left, all.life.left }, { 100, 50, 7000 })
    t:equal({ all.life.ends_at, all.life.used, all.life.reckoned }, { NOW + 7000, 43200 - 7000 })
    t:equal({ table.concat(all.silence.kept, " "), table.concat(all.idle.kept, " "),
      table.concat(all.life.kept, " "), table.concat(all.price.kept, " ") },
      { "guard agent", "guard", "guard agent cloud", "settings" })
    t:equal({ all.price.limit, all.price.used, all.price.left }, { 3, 0.5, 2.5 })
    t:equal({ all.budget.limit, all.budget.left }, {})
  end)

  t:case("without its guard: by the record, and idleness is not known", function()
    local all = rows(session(), nil)
    t:equal({ all.silence.left, all.life.left, all.idle.left }, { 35400, 39600 })
    t:equal({ all.silence.reckoned, all.life.reckoned, all.idle.reckoned }, { true, true })
    local none = rows(session { guard = "none", life = 0 }, { silence_left = 5 })
    t:equal({ none.life.limit, #none.life.kept, none.silence.kept[1], none.idle.kept[1] },
      { nil, 0, "agent", "agent" })
  end)

  t:case("the day's budget: what is left of it, and when it is used up at this price", function()
    config.use("DAILY_BUDGET_EUR", "10", "a test")
    config.use("EUR_RATE", "0.5@2026-11-01", "a test")
    local spent = { { id = "1", started = NOW - 3600, ended = NOW, hourly = 4, plan = {},
      closed = "proven" } }
    local noon = NOW - (NOW + require("base.zone").offset(NOW)) % 86400 + 43200
    spent[1].started, spent[1].ended = noon - 3600, noon
    local row = rows(session(), nil, { sessions = spent, now = noon }).budget
    config.use("DAILY_BUDGET_EUR", nil)
    config.use("EUR_RATE", nil)
    t:equal({ row.limit, row.used, row.left, row.ends_at - noon }, { 10, 2.0, 8.0, 32 * 3600.0 })
  end)

  t:case("the table: off, not known, reckoned; and of the next machine", function()
    local model = { running = true, id = "77", provider = "vast", now = NOW, state = "ready",
      rows = standing.of(session { life = 0 }, nil, { now = NOW, heard = NOW, hourly = 0.5, sessions = {} }) }
    local text = table.concat(view.lines(model), "\n")
    for _, words in ipairs { "77 on vast:", "~10h 00m", "not known", "off", "by the record",
      "its guard, this computer" } do
      t:ok(text:find(words, 1, true), words .. ": " .. text)
    end
    local object = view.object(model)
    t:equal({ object.limits[1].left, object.limits[1].reckoned, object.limits[3].limit, object.status },
      { 36000, true, nil, "ready" })
    model = { running = false, now = NOW, rows = standing.next({}, NOW), state = "none" }
    text = table.concat(view.lines(model), "\n")
    t:ok(text:find("Of the next machine", 1, true) and text:find("12h 00m", 1, true), text)
    t:ok(not text:find("LEFT", 1, true) and not text:find("not known", 1, true), text)
  end)

  t:case("a status that nobody looked at again counts on", function()
    local report = require "start.report"
    local model = { state = "ready", seconds = 100, cost = { current = 1, hourly = 3.6, at_most = true },
      guard = { state = "armed", silence_left = 30, life_left = 5 }, instance = { id = "7" } }
    local aged = report.aged(model, 10)
    t:equal({ aged.seconds, aged.state, aged.instance.id, aged.cost.hourly, aged.cost.at_most },
      { 110, "ready", "7", 3.6, true })
    t:ok(math.abs(aged.cost.current - 1.01) < 1e-9, "cost " .. aged.cost.current)
    t:equal({ aged.guard.silence_left, aged.guard.life_left, aged.guard.idle_left }, { 20, 0 })
    t:equal({ model.seconds, model.cost.current, model.guard.life_left }, { 100, 1, 5 })
  end)

  local fake = t:load("fakehost")

  t:case("a block is drawn once, then only what changed of it; another size draws it whole", function()
    local sim = fake.new {}
    local p = sim:start(function(require)
      local term = require "base.term"
      local size = { 20, 5 }
      local builtin = term.size
      term.size = function() return size[1], size[2] end
      local block, sizes = require("cli.redraw").new(), {}
      local function draw(...)
        sizes[#sizes + 1] = block:draw { ... }
        term.out "|"
      end
      draw("one", "two")
      draw("one", "two")
      draw("one", "three")
      draw("one")
      size = { 10, 5 }
      draw("a line that is far too long")
      draw("1", "2", "3", "4", "5", "6")
      term.size = builtin
      return sizes
    end, { bare = true, tty = { out = true } })
    sim:run()
    t:equal(p:result(), { true, false, true, true, true, true })
    t:equal(p.out, "one\27[K\ntwo\27[K\n||\27[2A\r\nthree\27[K\n|\27[2A\r\27[Jone\27[K\n|"
      .. "\27[1A\r\27[Ja line th>\27[K\n|\27[1A\r1\27[K\n2\27[K\n3\27[K\n4\27[K\n|")
  end)
end
