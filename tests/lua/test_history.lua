-- SPDX-License-Identifier: MIT
-- What was rented before: read from the end, summed, shown.
local json = require "base.json"
local spending = require "money.spending"
local view = require "ui.history"

local HOME = "/h"
local DAY = 86400

return function(t)
  local fake = t:load("fakehost")

  local function within(s, fn)
    local p = s:start(function(require) return fn(require) end, { home = HOME })
    s:run(5)
    return p:result()
  end

  -- A journal with one session's records, moved to the history when the lock is let go.
  local function rent(s, token, kinds)
    within(s, function(require)
      local journal = require("home.journal").open(HOME)
      assert(journal:acquire("test"))
      for _, row in ipairs(kinds) do journal:append(row[1], token, row[2] or {}) end
      journal:release()
    end)
  end

  local function over(n, more)
    local plan = { provider = n % 2 == 0 and "vast" or "lambda", gpu = "rtx4090", gpus = 1, hourly = 1,
      model = n % 3 == 0 and "a:1b" or "b:2b", spot = true }
    local closed = { outcome = "proven", cost = n, source = n % 2 == 0 and "charges" or "reckoned" }
    for name, value in pairs(more or {}) do closed[name] = value end -- order: free
    return { { "intent", plan }, { "sent" }, { "bound", { id = tostring(n) } }, { "booting" }, { "ready" },
      { "stopping", { reason = "stop" } }, { "closed", closed } }
  end

  local function home()
    local s = fake.new {}
    s.disk[HOME] = { dir = true, mode = 448, mtime = 0 }
    return s
  end

  local function ids(s, since, most)
    return within(s, function(require)
      local list = {}
      local damaged = require("home.past").each(HOME, since, function(session)
        list[#list + 1] = session.id or session.token
        return #list == most
      end)
      return { table.concat(list, " "), damaged }
    end)
  end

  t:case("the newest first, across pieces of the file, those that are open before", function()
    local s, wanted = home(), {}
    for n = 1, 90 do
      rent(s, ("cplz-aa-%03d"):format(n), over(n))
      table.insert(wanted, 1, tostring(n))
      s.now = s.now + 60
    end
    t:ok(#s.disk[HOME .. "/history"].data > 68 << 10, "the history is longer than a piece")
    rent(s, "cplz-aa-open", { { "intent", { provider = "vast" } }, { "sent" }, { "bound", { id = "open" } } })
    table.insert(wanted, 1, "open")
    t:equal(ids(s), { table.concat(wanted, " "), 0 })
    t:equal(ids(s, nil, 3), { "open 90 89", 0 })
    local seen = within(s, function(require)
      local list = {}
      for _, session in ipairs(require("home.history").all(HOME).sessions) do
        table.insert(list, 1, session.id .. " " .. session.cost)
      end
      local mine = {}
      require("home.past").each(HOME, nil, function(session)
        if session.cost then mine[#mine + 1] = session.id .. " " .. session.cost end
      end)
      return { list, mine }
    end)
    t:equal(seen[2], seen[1])
  end)

  t:case("what was over before is not read; a damaged line is counted and costs itself", function()
    local s = home()
    local cut
    for n = 1, 6 do
      rent(s, "cplz-aa-" .. n, over(n))
      s.now = s.now + 3600
      if n == 3 then cut = within(s, function(require) return require("base.clock").wall() end) end
    end
    t:equal(ids(s, cut), { "6 5 4", 0 })
    local file = s.disk[HOME .. "/history"]
    local before = file.data
    file.data = file.data:gsub('"cost":5', '"cost":7')
    local list = ids(s)
    t:equal(list, { "6 5 4 3 2 1", 1 })
    local row = within(s, function(require) return (require("money.history").last(HOME, 2)) end)[2]
    t:equal({ row.id, row.outcome }, { "5" }, "its end is not known")
    file.data = before .. "0123"
    t:equal(ids(s), { "6 5 4 3 2 1", 0 }, "half a line at the end is nothing")
  end)

  t:case("a machine that was found again counts once, as it ended at last; one that was taken over counts",
    function()
      local s = home()
      rent(s, "cplz-aa-1", over(1))
      rent(s, "cplz-aa-2", over(2))
      rent(s, "cplz-aa-1", { { "found", { id = "1", known = true } }, { "stopping", { reason = "gone" } },
        { "closed", { outcome = "proven", cost = 40 } } })
      rent(s, "cplz-bb-9", { { "found", { id = "9", provider = "vast", by = "user" } },
        { "stopping", { reason = "stop" } }, { "closed", { outcome = "proven", cost = 3 } } })
      rent(s, "cplz-aa-3", { { "intent", { provider = "vast" } }, { "sent" },
        { "closed", { outcome = "never" } } })
      local rows = within(s, function(require) return (require("money.history").last(HOME, 9)) end)
      local list = {}
      for index, row in ipairs(rows) do list[index] = ("%s %s %s"):format(row.id, row.cost, row.reason) end
      t:equal(list, { "9 3 stop", "2 2 stop", "1 40 gone" })
      rent(s, "cplz-aa-2", { { "found", { id = "2", known = true } } })
      local _, count = ids(s)[1]:gsub("%f[%w]2%f[%W]", "")
      t:equal(count, 1, "one that is open again is told twice")
    end)

  local NOON = 1790000000 - (1790000000 + require("base.zone").offset(1790000000)) % DAY + DAY / 2

  local function row(more)
    local r = { id = "7", token = "x", provider = "vast", gpu = "rtx4090", gpus = 1, model = "a:1b",
      started = NOON - 3600, ended = NOON, seconds = 3600, cost = 1, source = "charges", outcome = "proven",
      ready_at = NOON - 3000, reason = "stop", currency = "USD", hourly = 1 }
    for name, value in pairs(more or {}) do -- order: free
      r[name] = value ~= json.null and value or nil
    end
    return r
  end

  local function summed(by, since, rows)
    local sum = spending.new(by, since, NOON + 7200)
    for _, each in ipairs(rows) do sum:add(each) end
    local groups, total = sum:result()
    local list = {}
    for index, group in ipairs(groups) do
      list[index] = ("%s %d %.0f %.4g %.4g"):format(group.key, group.sessions, group.seconds, group.cost,
        group.billed)
    end
    return list, total
  end

  t:case("sums by cloud and model, the dearest first; what is not known is counted", function()
    local rows = { row(), row { provider = "lambda", cost = 5, source = "reckoned" }, row { cost = 2 },
      row { provider = "lambda", cost = json.null, model = "b:2b" } }
    local list, total = summed("cloud", nil, rows)
    t:equal(list, { "lambda 2 7200 5 0", "vast 2 7200 3 3" })
    t:equal({ total.cost, total.billed, total.unknown, total.sessions }, { 8, 3, 1, 4 })
    t:equal((summed("model", nil, rows)), { "a:1b 3 10800 8 3", "b:2b 1 3600 0 0" })
    t:equal((summed("cloud", nil, { row { provider = "b" }, row { provider = "a" } })),
      { "a 1 3600 1 1", "b 1 3600 1 1" })
  end)

  t:case("sums by day: what ran over midnight counts on both, and what began before --since by its part",
    function()
      local long = row { started = NOON - 18 * 3600, ended = NOON, seconds = 18 * 3600, cost = 18 }
      local list, total = summed("day", nil, { long })
      t:equal(#list, 2)
      t:ok(list[1]:find(" 1 21600 6 6$") and list[2]:find(" 1 43200 12 12$"), table.concat(list, "; "))
      t:equal({ total.sessions, total.cost }, { 1, 18 })
      t:equal((summed("cloud", NOON - 2 * 3600, { long })), { "vast 1 7200 2 2" })
      t:equal((summed("cloud", NOON + 1, { long })), {})
      t:equal((summed("cloud", nil, { row { ended = json.null } })), { "vast 1 10800 1 1" })
      t:equal((summed("day", nil, { row { started = NOON, ended = NOON, cost = 0.5 } }))[1]:sub(11),
        " 1 0 0.5 0.5")
    end)

  t:case("the table, its signs, the values with commas", function()
    local model = { damaged = 1, rows = { row(), row { source = "reckoned", spot = true,
      reason = "interrupted" },
      row { at_most = true, source = "reckoned", outcome = "unverifiable", reason = "limit" },
      row { cost = json.null, ready_at = json.null, reason = "no offer, none" } } }
    local text = table.concat(view.lines(model), "\n")
    for _, words in ipairs { "$1.00  stopped", "~$1.00  taken back", "max $1.00  ended at a limit, no proof",
      "not known  start failed", "4 sessions, $3.00", "~: reckoned here", "1 line of the history is "
          .. "damaged" } do
      t:ok(text:find(words, 1, true), words .. ": " .. text)
    end
    t:equal(view.lines { rows = {}, damaged = 0 }, { "Nothing was rented yet." })
    local csv = view.csv(model)
    t:equal({ #csv, (csv[5]:match '"no offer, none"$') }, { 5, '"no offer, none"' })
    t:equal(view.object(model).sessions[3].at_most, true)
    local sums = { by = "cloud", damaged = 0, groups = { { key = "vast", sessions = 2, seconds = 7200,
      cost = 4,
      billed = 4, unknown = 0 }, { key = "lambda", sessions = 1, seconds = 1, cost = 0.01, billed = 0,
      unknown = 1 } }, total = { sessions = 3, seconds = 7201, cost = 4.01, billed = 4, unknown = 1 } }
    local lines = view.cost_lines(sums, true)
    t:ok(lines[2]:find("vast +2  2.0 h +$4.00  #+$") and lines[3]:find("not known  #$"),
      table.concat(lines, "\n"))
    t:ok(not table.concat(view.cost_lines(sums), "\n"):find("#", 1, true), "bars without a terminal")
    t:equal(view.cost_csv(sums)[2], "vast,2,7200,4,USD,4,,0")
  end)

  t:case("--since: dates in local time, durations, and what is neither", function()
    local since, clock = require "cli.since", require "base.clock"
    t:equal(since(nil), nil)
    t:equal(clock.local_time(since "2026-03-01"), "2026-03-01 00:00:00")
    t:ok(math.abs(clock.wall() - since "7d" - 7 * DAY) < 60)
    for _, text in ipairs { "yesterday", "2026-13-01", "7", "2999-01-01", "" } do t:raises("usage", since,
      text) end
  end)
end
