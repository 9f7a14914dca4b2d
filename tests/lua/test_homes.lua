-- SPDX-License-Identifier: MIT
-- Homes that the last release left (tests/homes): opened by this one nothing is lost, and every session reads
-- and costs the same, also once what is over has moved to the history.
local files = require "base.files"
local json = require "base.json"

local HOME, SECONDS = "/h", 5
local KEPT = { journal = "journal", history = "history", ["home.id"] = "home.id",
  [".continueplz.state"] = "continueplz.state" }

return function(t)
  local fake = t:load("fakehost")

  local function page(home, name)
    return files.read(files.join(files.dirname(t.root), "tests/homes/" .. home .. "/" .. name))
  end

  local function within(s, fn)
    local p = s:start(fn, { home = HOME })
    s:run(SECONDS)
    return p:result()
  end

  -- A world with that home. copied: the state file tells of other files, as in a copy that a user makes.
  local function world_of(home, copied)
    local s = fake.new {}
    s.disk[HOME] = { dir = true, mode = 448, mtime = 0 }
    for name, kept in require("base.sorted")(KEPT) do
      local text = page(home, kept)
      if text then s.disk[HOME .. "/" .. name] = { data = text, mode = 384, mtime = 0 } end
    end
    if copied then return s end
    local state = s.disk[HOME .. "/.continueplz.state"]
    local seal = within(s, function(require) return require("home.folder").fingerprint(HOME) end)
    state.data = state.data:gsub('("seal":")%S+ [^%s"]+', "%1" .. seal)
    return s
  end

  -- What the home tells. → { open =, over = texts of sessions by token, intact =, damaged =, last cost and
  -- number of what scripts see }
  local function told(s)
    return within(s, function(require)
      local journal, over = require("home.journal").open(HOME), require("home.history").all(HOME)
      require("config.effective").load(HOME, {})
      local costs = {}
      for _, row in ipairs(require("money.history").sessions()) do
        costs[row.token] = row.ended and row.cost or nil
      end
      return { open = journal:sessions(), over = over.sessions, intact = require("home.folder").intact(HOME),
        damaged = #over.damaged + #journal.damaged, costs = costs }
    end)
  end

  local function by_token(...)
    local set = {}
    for _, list in ipairs { ... } do
      for _, session in ipairs(list) do
        session.rented_life = nil -- that release did not tell it
        set[session.token] = json.encode(session)
      end
    end
    return set
  end

  local function expected(home) return assert(json.decode(page(home, "sessions.json"))) end

  local function costs_of(sessions)
    local costs = {}
    for _, list in ipairs { sessions.open, sessions.over } do
      for _, session in ipairs(list) do costs[session.token] = session.cost end
    end
    return costs
  end

  -- As a command does that changes nothing: the lock taken and let go.
  local function locked(s)
    within(s, function(require)
      local journal = require("home.journal").open(HOME)
      assert(journal:acquire("test"))
      journal:release()
    end)
  end

  for _, row in ipairs { { "in-use", 1, 3 }, { "in-the-journal", 0, 5 }, { "long-history", 0, 30 } } do
    local home, open, over = table.unpack(row)
    t:case("a home of the last release reads as it did, before and after what is over has moved: "
      .. home, function()
      local s, was = world_of(home), expected(home)
      for _, moved in ipairs { false, true } do
        local now = told(s)
        t:equal(by_token(now.open, now.over), by_token(was.open, was.over))
        t:equal(now.costs, costs_of(was))
        t:equal({ now.intact, now.damaged }, { true, 0 }, "the seal of the last release is a fingerprint")
        if moved then t:equal({ #now.open, #now.over }, { open, over }) end
        locked(s)
      end
    end)
  end

  t:case("a home of the last release that was copied is noticed, and loses nothing either", function()
    local s, was = world_of("in-the-journal", true), expected "in-the-journal"
    t:equal(told(s).intact, false)
    locked(s)
    local now = told(s)
    t:equal(by_token(now.over), by_token(was.open))
    t:equal({ now.intact, #now.open }, { false, 0 }, "only the clouds can say that nothing else runs")
  end)

  t:case("the machine in use is the current one, and its end is recorded behind "
    .. "what the last release wrote", function()
    local s, was = world_of "in-use", expected "in-use"
    local token = was.open[2].token
    within(s, function(require)
      local journal = require("home.journal").open(HOME)
      assert(journal:acquire("test"))
      assert(journal:current().token == token)
      for _, kind in ipairs { "stopping", "absent", "closed" } do
        journal:append(kind, token, { outcome = "proven", cost = 2.5 })
      end
      journal:release()
    end)
    local now = told(s)
    t:equal({ #now.open, #now.over, now.damaged, now.costs[token], now.intact }, { 0, 4, 0, 2.5, true })
  end)
end
