-- SPDX-License-Identifier: MIT
-- Rules of money/ one by one, in front of clouds that are told word by word what to answer. The campaign
-- (tests/dst) plays whole histories; here is what few of them meet.
local sorted = require "base.sorted"

local HOME = "/home/user/.continueplz"

return function(t)
  local fake = t:load "fakehost"

  -- Runs fn(require, journal) in a replaced world; the journal is locked. → its results
  local function run(fn, env)
    local all = { HOME = "/home/user", VAST_API_KEY = "k" }
    for name, value in sorted(env or {}) do all[name] = value end
    local s = fake.new { env = all, http = function() return { error = "nobody is asked here" } end }
    s.disk["/home/user/.continueplz"] = s.disk["/home/user/.continueplz"] or { dir = true }
    local p = s:start(function(require)
      require("config.effective").load(HOME)
      local journal = require("home.journal").open(HOME)
      assert(journal:acquire "test")
      return fn(require, journal)
    end)
    s:run()
    return p:result()
  end

  -- A cloud whose calls are those of `calls`; `log` has the numbers of what it was told to end.
  local function cloud(calls)
    local made = { name = "vast", log = {}, capabilities = { billing = "absence" }, timing = { poll = 5,
      proof_gap = 10, consistency = 60 } }
    function made.account() return { id = "7" } end
    function made.list() return {} end
    function made.proof() return { state = "stopped", evidence = {} } end
    function made.destroy(id)
      made.log[#made.log + 1] = id
      return true
    end
    for name, value in sorted(calls or {}) do made[name] = value end
    return made
  end

  -- A session of this account with machine 5. → token, the session
  local function bound(journal, more)
    local plan = { provider = "vast", account = "7", hourly = 1, disk_hour = 0 }
    for name, value in sorted(more or {}) do plan[name] = value end
    local token = journal:intend(plan)
    journal:append("sent", token)
    journal:append("bound", token, { id = "5" })
    return token, journal:session(token)
  end

  local function nothing() end
  local QUIET = { unwatched = function() return false end, terminating = nothing, failed = nothing,
    terminated = nothing, verifying = nothing, waiting = nothing, verified = nothing }

  t:case("proof: a second machine of the token is ended, and that look counts for nothing", function()
    local absent, count, ended = run(function(require)
      local looks, twins = 0, { { id = "6", token = "cplz-a" } }
      local provider = cloud { list = function()
        looks = looks + 1
        return looks <= 2 and twins or {}
      end }
      local absences = 0
      local ok = require("money.proof").verify(provider, { id = "5", token = "cplz-a", account = "7" }, 5, 1,
        function(n) absences = n end, nothing)
      return ok, absences, provider.log
    end)
    t:equal({ absent, count, ended }, { true, 2, { "6", "5", "6", "5" } }, "5 is asked to go once more too")
  end)

  t:case("proof: whose key it is, is looked at in every try", function()
    local absent, why = run(function(require)
      local asked, presence = 0, 1
      local provider = cloud { account = function()
        asked = asked + 1
        return { id = asked == 1 and "7" or "8" }
      end, proof = function()
        presence = presence - 1
        return { state = presence >= 0 and "running" or "stopped", evidence = {} }
      end }
      return require("money.proof").verify(provider, { id = "5", token = "cplz-a", account = "7" }, 3, 1,
        nothing, nothing)
    end)
    t:ok(not absent and why:find("belongs to account 8", 1, true), tostring(why))
  end)

  t:case("proof: without an acknowledgement the two absences lie a window apart; and one is none", function()
    local function finish(destroy, billing)
      return run(function(require, journal)
        local clock = require "base.clock"
        local token, session = bound(journal)
        journal:append("booting", token)
        local provider = cloud { destroy = destroy, capabilities = { billing = billing or "absence" } }
        local times = {}
        local hooks = setmetatable({ verifying = function() times[1] = clock.now() end,
          verified = function() times[2] = clock.now() end }, { __index = QUIET })
        local outcome = require("money.proof").finish(journal, provider, session, "test", hooks, 2)
        return outcome, times[2] - times[1] >= 60
      end)
    end
    local function refuses() error "refused" end
    t:equal({ finish(refuses) }, { "proven", true })
    t:equal({ (finish(function() return true end, "none")), (finish(refuses, "none")) },
      { "unverifiable", "unproven" })
  end)

  t:case("proof: what cannot be ended at this moment is asked again, while that may pass", function()
    local function destroy(times)
      return run(function(require)
        local fail, asked, waited = require "base.fail", 0, 0
        local provider = cloud { destroy = function()
          asked = asked + 1
          if asked <= times then fail.raise("refused", "not now", { code = "busy" }) end
          return true
        end }
        provider.timing.ending = 60
        local done = require("money.proof").destroy(provider, { id = "5" }, 1, nothing,
          function() waited = waited + 1 end)
        return done, waited
      end)
    end
    t:equal({ destroy(3) }, { true, 3 })
    t:equal((destroy(1000)), false)
  end)

  t:case("proof: another key is known by our own machine alone", function()
    local known = run(function(require, journal)
      local token, session = bound(journal)
      local provider = cloud { account_of_key = function() return "9" end }
      local proof, list = require "money.proof", {}
      for index, instance in ipairs { { status = "running", token = "cplz-b" }, { status = "gone",
        token = token }, { status = "running" }, { status = "running", token = token } } do
        proof.recognise(journal, provider, session, instance)
        list[index] = journal:session(token).account
      end
      return list
    end)
    t:equal(known, { "7", "7", "7", "9" })
  end)

  -- What rent.bound makes of an answer that is this failure. → what it raised, kinds of the records
  local function answered(failure, calls)
    return run(function(require, journal)
      local fail, provider = require "base.fail", cloud(calls)
      local rent = require "money.rent"
      local intent = rent.intend(journal, provider, { provider = "vast", account = "7", hourly = 1 })
      require("base.ticket").use(intent.ticket)
      local ok, problem = fail.try(rent.bound, intent, false, fail.new(failure),
        require "base.null_screen")
      local kinds = {}
      for _, record in ipairs(journal.records) do kinds[#kinds + 1] = record.kind end
      return ok or problem, table.concat(kinds, " ", 2), intent.token
    end)
  end

  t:case("a create that failed with a number made a machine, and it is to be undone", function()
    local problem, kinds = answered { kind = "refused", message = "elsewhere", created_id = "5" }
    t:equal({ problem.kind, problem.created.id, kinds }, { "refused", "5", "intent sent bound" })
  end)

  t:case("a lost create: what was looked for in vain, and what nobody could look for, are told apart",
    function()
      local lost = { kind = "transient", message = "lost" }
      local problem, kinds = answered(lost)
      t:equal({ problem.kind, problem.unresolved, problem.blind, kinds },
        { "capacity", true, false, "intent sent lost" })
      problem = answered(lost, { list = function() error "no list" end })
      t:equal({ problem.kind, problem.unresolved, problem.blind }, { "capacity", true, true })
      local again = { kind = "quota", message = "no more" }
      problem, kinds = answered(again, { list = function() error "no list" end })
      t:equal({ problem.unresolved, problem.blind, kinds }, { true, true, "intent sent lost" },
        "a refusal of which nobody could look is no clear one")
      problem, kinds = answered(again)
      t:equal({ problem.kind, kinds }, { "quota", "intent sent closed" })
    end)

  t:case("what lies around a lost machine is taken away at once; what was taken away is recorded", function()
    local left, tidied = run(function(require, journal)
      local rent, resources, tidied = require "money.rent", require "money.resources", 0
      local provider = cloud { prepare = function() return {} end,
        tidy = function() tidied = tidied + 1 end }
      local intent = rent.intend(journal, provider, { provider = "vast", account = "7", hourly = 1 })
      resources.prepare(journal, provider, { token = intent.token })
      require("base.ticket").use(intent.ticket)
      local fail = require "base.fail"
      fail.try(rent.bound, intent, false, fail.new { kind = "transient", message = "lost" },
        require "base.null_screen")
      journal:append("closed", intent.token, { outcome = "never" })
      return #journal:untidy(), tidied
    end)
    t:equal({ left, tidied }, { 0, 1 })
  end)

  -- Ends the second machine of a token, or fails to. → what it raised or the number that there were
  local function twins(calls, sure)
    return run(function(require, journal)
      local token, session = bound(journal)
      local there = true
      local provider = cloud { list = function()
        return there and { { id = "5", token = token }, { id = "6", token = token } }
          or { { id = "5", token = token } }
      end, destroy = function() there = false return true end,
        proof = function() return { state = there and "running" or "stopped", evidence = {} } end }
      for name, value in sorted(calls or {}) do provider[name] = value end
      local ok, result = require("base.fail").try(require("money.twins").end_all, journal, provider, session,
        require "base.null_screen", sure)
      return ok and result or result.kind
    end)
  end

  t:case("a second machine that stays undoes the start, and so does a list that is needed", function()
    t:equal({ twins(), twins { destroy = function() error "refused" end } }, { 1, "machine" })
    local function no_list() error "no list" end
    t:equal({ twins({ list = no_list }, true), twins { list = no_list } }, { "internal", 0 })
  end)

  -- Removes a volume of this home from a cloud whose lists are these, one after the other; the last goes on.
  local function remove(lists, account)
    return run(function(require, journal)
      local looks, removed = 0, {}
      local provider = cloud { belongings = function()
        looks = looks + 1
        local list = lists[math.min(looks, #lists)]
        return list == "fails" and require("base.fail").raise("refused", "no list") or list
      end, remove = function(thing) removed[#removed + 1] = thing.name end }
      require("money.provider_of").provider = function() return provider end
      local row = { cloud = "vast", kind = "volume", id = "v1", token = "cplz-0a1b2c3d-001122334455",
        account = account or "7", bills = true }
      require("money.things").remove(journal, "vast", { row }, "cplz-0a1b2c3d-", require "base.null_screen")
      return row.outcome, looks, table.concat(removed, " ")
    end)
  end

  local OURS = { kind = "volume", id = "v1", name = "cplz-0a1b2c3d-001122334455",
    token = "cplz-0a1b2c3d-001122334455", bills = true }

  t:case("a thing is gone after two complete lists without it in a row, of its own account", function()
    t:equal({ remove { { OURS }, {} } }, { "proven", 3, OURS.name })
    t:equal({ remove { { OURS }, {}, { OURS }, {}, {} } }, { "proven", 5, OURS.name .. " " .. OURS.name })
    t:equal({ (remove { {}, "fails", {}, "fails", {}, "fails", {}, "fails" }) }, { "unproven" })
    t:equal({ remove({ {} }, "8") }, { "unproven", 0, "" })
    local stranger = { kind = "volume", id = "v1", name = "theirs", bills = true }
    t:equal({ remove { { stranger } } }, { "unproven", 6, "" }, "another's, by the same number")
  end)

  t:case("sweep: what is foreign or needed stays, and what an unproven machine needs", function()
    local ours, theirs = "cplz-0a1b2c3d-001122334455", "cplz-0a1b2c3d-556677889900"
    local ends, kept = run(function(require, journal)
      local sweep = require "money.sweep"
      local rows = { { kind = "machine", whose = "foreign", cloud = "vast", id = "1" },
        { kind = "machine", whose = "this", cloud = "vast", id = "2", token = ours },
        { kind = "volume", whose = "this", cloud = "vast", id = "3", token = ours },
        { kind = "machine", whose = "other", cloud = "vast", id = "4", token = theirs },
        { kind = "volume", whose = "other", cloud = "vast", id = "5", token = theirs } }
      local found, chosen = { rows = rows, clouds = { { name = "vast", account = "7" } } }, {}
      for _, row in ipairs(sweep.chosen(journal, found, function(row) return row.id ~= "4" end)) do
        chosen[#chosen + 1] = row.id
      end
      require("money.stop").all = function(_, list)
        return { { session = list[1], outcome = "unproven", doubt = "it lives" } }
      end
      require("money.look").adopt = nothing
      local removed = {}
      require("money.things").remove = function(_, _, list)
        for _, row in ipairs(list) do removed[#removed + 1] = row.id end
      end
      journal.session = function(_, token) return { token = token } end
      sweep.run(journal, found, { rows[2], rows[3] }, require "base.null_screen")
      return chosen, removed
    end)
    t:equal({ ends, kept }, { { "2", "3" }, {} })
  end)

  t:case("what the accounts hold: another's emptiness is a doubt, a price has its disk", function()
    local found = run(function(require, journal)
      bound(journal)
      local provider = cloud { account = function() return { id = "8" } end, list = function()
        return { { id = "9", hourly = 1, disk_hour = 0.25 } }
      end }
      require("money.provider_of").provider = function() return provider end
      require("money.clouds").with_key = function() return { "vast" } end
      journal:append("removing", nil, { thing = "volume", id = "v1", provider = "vast", name = "n" })
      return require("money.inventory").take(journal)
    end)
    t:ok(found.clouds[1].problem:find("belongs to account 8", 1, true), found.clouds[1].problem)
    local told = {}
    for _, row in ipairs(found.rows) do
      told[#told + 1] = ("%s %s %s"):format(row.id, row.hourly, row.unlisted)
    end
    t:equal(told, { "9 1.25 nil", "v1 nil true" })
  end)

  t:case("a start by a record that cannot be relied on is refused", function()
    local function starts(change)
      return run(function(require, journal)
        change(require, journal)
        local ok, problem = require("base.fail").try(require("money.recover").before_start, journal,
          require "base.null_screen")
        return ok or problem.kind
      end)
    end
    local function asked(known)
      return function(require)
        local look = require "money.look"
        look.needed = function() return true end
        look.run = function() return known, not known and "no list" or nil end
      end
    end
    t:equal({ starts(nothing), starts(asked(true)), starts(asked(nil)) }, { true, true, "unproven" })
    t:equal(starts(function(_, journal)
      journal:append("kept", bound(journal), { reason = "as asked" })
    end), "busy", "a machine that was kept is no broken start")
    local refused = run(function(require, journal)
      journal.damaged = { 3 }
      local ok, problem = require("base.fail").try(require("money.recover").refuse_damaged, journal)
      return ok or problem.kind
    end)
    t:equal(refused, "config")
  end)

  -- A look at clouds that answer so. → whether all is known, was the record healed, how many sessions are
  -- open
  local function looked(answers, forgotten, damaged)
    return run(function(require, journal)
      local prefix, fail = journal:prefix(), require "base.fail"
      local token = prefix .. "001122334455"
      if forgotten then
        journal:append("found", token, { id = "5", provider = "vast", by = "user" })
        journal:append("forgotten", token, {})
      end
      local names = {}
      require("money.provider_of").provider = function(name)
        return cloud { list = function()
          if answers[name] == "fails" then fail.raise("refused", "no list") end
          return answers[name] == "ours" and { { id = "5", token = token } } or {}
        end }
      end
      for name in sorted(answers) do names[#names + 1] = name end
      require("money.clouds").with_key = function() return names end
      journal.damaged = damaged or {}
      local healed = false
      journal.heal = function() healed = true end
      local known = require("money.look").run(journal, require "base.null_screen")
      return known == true, healed, #journal:open_sessions()
    end)
  end

  t:case("a look: a cloud that cannot be asked is a doubt; what may be in use is not healed", function()
    t:equal({ looked { vast = "empty", lambda = "empty" } }, { true, true, 0 })
    t:equal({ looked { vast = "fails", lambda = "empty" } }, { false, false, 0 })
    t:equal({ looked { vast = "ours" } }, { true, true, 1 })
    t:equal({ looked({ vast = "ours" }, false, { 3 }) }, { true, false, 1 })
    t:equal({ looked({ vast = "ours" }, true) }, { true, true, 0 }, "what was forgotten is left alone")
  end)

  -- A create without answer, so many hours later, whose machine shows then or does not. → what stop.all makes
  -- of it by one quick look, how many lists it took, how the session ended
  local function lost_for(hours, shows)
    return run(function(require, journal)
      local token, looks = journal:intend { provider = "vast", account = "7", hourly = 1 }, 0
      journal:append("sent", token)
      require("base.task").sleep(hours * 3600)
      local there = shows
      local provider = cloud { list = function()
        looks = looks + 1
        return there and { { id = "5", token = token } } or {}
      end, destroy = function() there = false return true end }
      require("money.provider_of").provider = function() return provider end
      local results = require("money.stop").all(journal, journal:open_sessions(), "test",
        require "base.null_screen", 1)
      return results[1] and results[1].outcome or "nothing", looks, journal:session(token).closed or "open"
    end)
  end

  t:case("a lost create is looked for again for a day, and for a whole window before it is given up",
    function()
      t:equal({ lost_for(0.5) }, { "unresolved", 1, "open" })
      t:equal({ lost_for(3) }, { "nothing", 1, "open" })
      t:equal({ lost_for(23.9) }, { "nothing", 1, "open" })
      t:equal({ (lost_for(23.9, true)), (lost_for(24.1, true)) }, { "proven", "proven" })
      local outcome, looks, closed = lost_for(24.1)
      t:equal({ outcome, looks > 10, closed }, { "nothing", true, "never" })
    end)

  t:case("creates of an hour: the pause lasts until the oldest is an hour old; what was never made is free",
    function()
      local pause, costs = run(function(require, journal)
        local task, fail = require "base.task", require "base.fail"
        for index, seconds in ipairs { 600, 900, 60 } do
          local token = journal:intend { provider = "vast", account = "7", hourly = 1 }
          journal:append("sent", token)
          task.sleep(seconds)
          if index == 1 then journal:append("closed", token, { outcome = "never" }) end
        end
        local ok, problem = fail.try(require("money.create_limit").check, journal)
        local sums = {}
        for _, row in ipairs(require("money.history").sessions()) do sums[#sums + 1] = row.cost > 0 end
        return not ok and math.floor(problem.pause + 0.5), sums
      end, { CREATES_PER_HOUR = "2" })
      t:equal({ pause, costs }, { 3600 - 960, { false, true, true } })
    end)

  t:case("the account's key is given to a guard only while that is allowed", function()
    local function key(allowed)
      return run(function(require)
        local policy = require "money.guard_policy"
        return policy.account_key({ key_setting = "VAST_API_KEY" }, "account-key")
          or "none"
      end, { GUARD_ACCOUNT_KEY = allowed })
    end
    t:equal({ key "yes", key "no", key(nil) }, { "k", "none", "none" })
  end)

  t:case("credit is for the first hour and the download; another kind of machine was not agreed to",
    function()
      local price_limit = require "money.price_limit"
      local candidate = { hourly = 1, spot = true, offer = {}, parts = { download = 0.5 } }
      local function credit(balance, hours)
        return (pcall(price_limit.need_credit, { name = "x" }, balance, candidate, hours))
      end
      t:equal({ credit(1.5, 8), credit(1.49, 8), credit(1, 0.5), credit(0.99, 0.5), credit(nil, 8) },
        { true, false, true, false, true })
      local session = { token = "cplz-a", id = "5" }
      local function made(instance)
        return (pcall(price_limit.check_made, { append = nothing }, session, candidate, instance))
      end
      t:equal({ made { hourly = 1, spot = true }, made { hourly = 1, spot = false }, made { hourly = 1 },
        made { hourly = 1.02, spot = true }, made { hourly = 1.03, spot = true } },
        { true, false, true, true, false })
    end)

  -- Changes a limit of a machine whose guard says this. → what limits.change returns, what the guard was
  -- told, what was recorded
  local function limited(guard, field, seconds, refuses)
    return run(function(require, journal)
      local token = bound(journal)
      journal:append("ready", token)
      journal:release()
      local agent, guest, told = require "home.agent_client", require "home.guest_client", {}
      agent.ensure, agent.reload = nothing, nothing
      guest.guard = function() return guard end
      guest.tell = function(_, _, body)
        if refuses then error "refused" end
        told[#told + 1] = body[field]
        guard = setmetatable({ [field] = body[field] }, { __index = guard })
      end
      local ok = require("money.limits").change(HOME, token, field, seconds)
      return ok, told[1], journal:refresh():session(token).plan[field]
    end)
  end

  t:case("a limit is told to the guard first; what would end it at once, or lengthen its life, is refused",
    function()
      local armed = { state = "armed", idle = 3600, idle_left = 3000, life = 7200, life_left = 3600,
        life_max = 7200 }
      t:equal({ limited(armed, "idle", 1200) }, { true, 1200, 1200 })
      t:equal({ limited(armed, "idle", 1200, true) }, {}, "the guard does not take it")
      t:equal({ limited(armed, "idle", 605) }, {}, "600 s have passed")
      t:equal({ limited(armed, "life", 7200) }, { true, 7200, 7200 })
      t:equal({ limited(armed, "life", 7201) }, {})
      t:equal({ limited(armed, "life", 0) }, {})
      t:equal({ limited({ state = "ending" }, "idle", 1200) }, {})
    end)
end
