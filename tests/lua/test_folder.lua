-- SPDX-License-Identifier: MIT
-- What a folder's files say: nothing is left to tell, as it was left, or to be asked about at the clouds.
local SECONDS = 5

return function(t)
  local fake = t:load("fakehost")
  local HOME = "/h"

  -- Runs fn(require) in a world with the files of `s`. → its result
  local function within(s, fn)
    local p = s:start(function(require)
      return fn(require)
    end, { home = HOME })
    s:run(SECONDS)
    return p:result()
  end

  -- Does `status` say at once that nothing runs, and nothing of a machine that ended by itself?
  local function holds(s)
    local p = s:start(function(require)
      require("config.effective").load(HOME, {})
      local model = require("start.report").status()
      return model.state == "none" and not model.last
    end, { home = HOME })
    s:run(SECONDS)
    return p.state == "done" and p:result()
  end

  local function intact(s)
    return within(s, function(require) return require("home.folder").intact(HOME) end)
  end

  -- A record of a home, the lock taken and released as a command does.
  local function add(s, token, ...)
    local kinds = { ... }
    return within(s, function(require)
      local journal = require("home.journal").open(HOME)
      assert(journal:acquire("test"))
      for _, kind in ipairs(kinds) do
        local extra = kind == "stopping" and { reason = "stop" } or kind == "lost-one" and { reason = "gone" }
          or { id = "7", outcome = "proven" }
        journal:append(kind == "lost-one" and "stopping" or kind, token, extra)
      end
      journal:release()
    end)
  end

  local WHOLE = { "intent", "sent", "bound", "stopping", "destroyed", "absent", "closed" }

  -- A home whose journal went through these kinds of records of one session.
  local function home(...)
    local s = fake.new {}
    s.disk[HOME] = { dir = true, mode = 448, mtime = 0 }
    add(s, "cplz-aa-1", ...)
    return s
  end

  local function closed() return home(table.unpack(WHOLE)) end

  local function records(s, name)
    local _, count = (s.disk[HOME .. "/" .. name] or { data = "" }).data:gsub('"kind"', "")
    return count
  end

  t:case("an empty home is at rest, an open session is not, a closed one is", function()
    t:equal({ holds(fake.new {}), intact(fake.new {}) }, { true, true })
    t:equal(holds(home("intent")), false)
    t:equal(holds(home("intent", "sent", "bound", "stopping", "destroyed", "absent")), false)
    t:equal(holds(closed()), true)
  end)

  t:case("a folder that does not exist: the way out is by where its name came from", function()
    local function told(s, origin)
      return within(s, function(require)
        require("sandbox.world").home_origin = origin
        return require("home.folder").missing(HOME) or "it exists"
      end)
    end
    t:equal(told(home("intent")), "it exists")
    t:ok(told(fake.new {}, "flag"):find("/h does not exist, .*`continueplz %-C /h init`"),
      told(fake.new {}, "flag"))
    t:ok(told(fake.new {}, "default"):find("/h does not exist yet, .*`continueplz init`"),
      told(fake.new {}, "default"))
  end)

  t:case("a machine that ended by itself is told of for a day", function()
    local s = home("intent", "sent", "bound", "lost-one", "absent", "closed")
    t:equal({ holds(s), intact(s) }, { false, true })
    s:jump(23 * 3600)
    t:equal(holds(s), false)
    s:jump(3600 + 60)
    t:equal(holds(s), true)
  end)

  t:case("a machine whose end no cloud could prove is told of until it is acknowledged", function()
    local s = home("intent", "sent", "bound", "stopping", "destroyed", "absent")
    within(s, function(require)
      local journal = require("home.journal").open(HOME)
      assert(journal:acquire("test"))
      journal:append("closed", "cplz-aa-1", { outcome = "unverifiable" })
      journal:release()
    end)
    local function shown()
      return within(s, function(require) return #require("home.journal").open(HOME):shown() end)
    end
    t:equal({ shown(), holds(s) }, { 1, false })
    add(s, "cplz-aa-1", "ack")
    t:equal({ shown(), holds(s) }, { 0, true })
  end)

  t:case("what cannot be looked at never fits its fingerprint", function()
    local s = home("intent", "sent")
    t:equal(within(s, function(require)
      local blind, journal = require "base.files", require("home.journal").open(HOME)
      local stat = blind.stat
      function blind.stat(path)
        if path == HOME .. "/history" then return nil, "refused", "denied" end
        return stat(path)
      end
      assert(journal:acquire("test"))
      journal.intact = true
      journal:append("bound", "cplz-aa-1", { id = "7" })
      local fits = require("home.folder").intact(HOME)
      blind.stat = stat
      return fits
    end), false)
  end)

  t:case("whatever is done to journal, history or state file from outside changes the fingerprint", function()
    local function after(change)
      local s = closed()
      change(s.disk)
      return { holds(s), intact(s) }
    end
    local function copy(name)
      return function(disk)
        disk[HOME .. name] = { data = disk[HOME .. name].data, mode = 384, mtime = disk[HOME .. name].mtime }
      end
    end
    local function edit(name)
      return function(disk) disk[HOME .. name].data = disk[HOME .. name].data:gsub("%d", "z", 1) end
    end
    local function remove(name) return function(disk) disk[HOME .. name] = nil end end
    for _, name in ipairs { "/journal", "/history" } do
      for what, change in require("base.sorted") { copied = copy(name), edited = edit(name),
        removed = remove(name) } do
        t:equal(after(change), { false, false }, name .. " " .. what)
      end
    end
    t:equal(after(remove "/.continueplz.state"), { false, false }, "no state file")
    t:equal(after(function(disk)
      disk[HOME .. "/journal"], disk[HOME .. "/history"], disk[HOME .. "/.continueplz.state"] = nil, nil, nil
      disk[HOME .. "/home.id"] = { data = "aa\n", mode = 384, mtime = 0 }
    end), { false, false }, "only home.id is left")
    t:equal(after(function() end), { true, true })
  end)

  t:case("what is open or closed after the record was changed from outside does not mend it", function()
    local s = closed()
    s.disk[HOME .. "/journal"] = { data = s.disk[HOME .. "/journal"].data, mode = 384, mtime = 0 }
    add(s, "cplz-aa-2", table.unpack(WHOLE))
    t:equal({ holds(s), intact(s) }, { false, false })
  end)

  t:case("the agent's heartbeat never puts back what another process has "
    .. "replaced, and gives way to it", function()
    local STATE = HOME .. "/.continueplz.state"
    local s = home("intent", "sent", "bound")
    local function heard(while_locked)
      return within(s, function(require)
        local lock = while_locked and assert(require("base.files").lock(HOME .. "/state.lock", "state"))
        local journal = require("home.journal").open(HOME)
        require("home.statefile").heard(HOME, 1e9, function() return journal:refresh():current() end)
        if lock then lock:release() end
        return s.disk[STATE].data
      end)
    end
    local before = s.disk[STATE].data
    t:equal(heard(true), before, "another one is writing")
    t:ok(heard(false):find('"last_heartbeat":"2001', 1, true), s.disk[STATE].data)
    t:equal(intact(s), true)
    local broken = home("intent", "sent", "bound")
    broken.disk[HOME .. "/journal"] = { data = broken.disk[HOME .. "/journal"].data, mode = 384, mtime = 0 }
    within(broken, function(require)
      local read = require("home.journal").open(HOME)
      require("home.statefile").heard(HOME, 1e9, function() return read:current() end)
    end)
    t:equal(intact(broken), false, "a heartbeat mends nothing")
    local journal = within(s, function(require) return require("home.journal").open(HOME) end)
    add(s, "cplz-aa-1", "stopping", "destroyed", "absent", "closed")
    before = s.disk[STATE].data
    t:ok(journal:current(), "an agent that read the records before the end")
    t:equal({ heard(false), holds(s), intact(s) }, { before, true, true }, "what it knew is over")
  end)

  t:case("whoever holds home.lock writes the state though another one keeps its lock for ever", function()
    local s = home("intent", "sent", "bound")
    s.locks[HOME .. "/state.lock"] = { process = { pid = 99 }, word = "state" }
    add(s, "cplz-aa-1", "stopping", "destroyed", "absent", "closed")
    t:equal({ holds(s), intact(s) }, { true, true })
  end)

  t:case("a record of which another process is just writing the fingerprint is no broken record", function()
    local s = closed()
    s.disk[HOME .. "/journal"].data = s.disk[HOME .. "/journal"].data .. "x"
    local looks = 0
    s.locks[HOME .. "/home.lock"] = { word = "up", process = setmetatable({}, { __index = function()
      looks = looks + 1
      if looks == 3 then s.disk[HOME .. "/journal"].data = s.disk[HOME .. "/journal"].data:sub(1, -2) end
      return 99
    end }) }
    t:equal({ intact(s), looks >= 3 }, { true, true })
    s.disk[HOME .. "/journal"].data = s.disk[HOME .. "/journal"].data .. "x"
    t:equal(intact(s), false, "it stays so")
  end)

  t:case("closed sessions move to the history, also beside an open one; open ones and "
    .. "those to be told of stay", function()
    local s = closed()
    t:equal({ records(s, "journal"), records(s, "history") }, { 1, #WHOLE + 2 })
    add(s, "cplz-aa-2", "intent", "sent", "bound")
    t:equal(records(s, "journal"), 4)
    add(s, "cplz-aa-3", table.unpack(WHOLE)) -- an open one beside it
    t:equal({ records(s, "journal"), records(s, "history"), intact(s) }, { 4, 3 + 2 * #WHOLE, true })
    add(s, "cplz-aa-2", "stopping", "destroyed", "absent", "closed")
    t:equal({ records(s, "journal"), records(s, "history") }, { 1, 4 + 3 * #WHOLE })
    t:equal(within(s, function(require)
      local journal, history = require("home.journal").open(HOME), require("home.history").all(HOME)
      return { #journal:sessions(), #history.sessions, #history.damaged, journal:session("cplz-aa-2").closed,
        journal:session("cplz-aa-9") == nil, #journal:recent(3600) }
    end), { 0, 3, 0, "proven", true, 3 })
  end)

  t:case("the newest session is read whole from the history's end, and nothing of one "
    .. "that was closed long ago", function()
    local s = closed()
    s:jump(7200)
    add(s, "cplz-aa-2", "intent", "sent", "bound")
    within(s, function(require)
      local journal = require("home.journal").open(HOME)
      assert(journal:acquire("test"))
      for _ = 1, 40 do journal:append("booting", "cplz-aa-2", { endpoint = { host = "10.0.0.1" } }) end
      for _, kind in ipairs { "stopping", "absent", "closed" } do
        journal:append(kind, "cplz-aa-2", { outcome = "proven" })
      end
      journal:release()
    end)
    local function newest(seconds)
      return within(s, function(require)
        local session = require("home.journal").open(HOME):newest(seconds)
        return session and { session.token, session.intended ~= nil, session.id } or "none"
      end)
    end
    t:equal(newest(3600), { "cplz-aa-2", true, "7" })
    s:jump(3600)
    t:equal({ newest(3000), newest(7200) }, { "none", { "cplz-aa-2", true, "7" } })
  end)

  t:case("a move that is cut off anywhere loses nothing and does nothing twice", function()
    for _, name in ipairs { "state.append", "state.write" } do
      for at = 1, 12 do
        local torn = name == "state.append"
        for _, kill in ipairs { { "before" }, { "after" }, torn and { "torn", 300 } or nil,
          torn and { "torn", 900 } or nil } do
          local how, bytes = table.unpack(kill)
          local s = fake.new {}
          s.disk[HOME] = { dir = true, mode = 448, mtime = 0 }
          add(s, "cplz-aa-1", "intent", "sent", "bound")
          s.now = s.now + 60
          add(s, "cplz-aa-1", "twin_gone") -- a record that counts as often as it is there
          local count = 0
          s.hook = function(called, _, path)
            if called ~= name
              or not (path == HOME .. "/history" or path == HOME .. "/journal" or count > 0) then
              return
            end
            count = count + 1
            if count == at then return { kill = how, bytes = bytes } end
          end
          local p = s:start(function(require)
            local journal = require("home.journal").open(HOME)
            assert(journal:acquire("test"))
            for _, kind in ipairs { "stopping", "absent", "closed" } do
              journal:append(kind, "cplz-aa-1", { outcome = "proven" })
            end
            journal:release()
          end, { home = HOME })
          s:run(SECONDS)
          s.hook = nil
          add(s, "cplz-aa-1", "absent", "closed")
          add(s, "cplz-aa-2", table.unpack(WHOLE))
          local got = within(s, function(require)
            local journal, over = require("home.journal").open(HOME), require("home.history").all(HOME)
            local list = {}
            for _, session in ipairs(over.sessions) do
              list[#list + 1] = session.token .. " " .. tostring(session.closed) .. " "
                .. tostring(session.id)
            end
            return { list, #journal:sessions(), #over.damaged,
              math.floor(over.sessions[1].twin_seconds / 60) }
          end)
          t:equal(got, { { "cplz-aa-1 proven 7", "cplz-aa-2 proven 7" }, 0, 0, 1 },
            ("%s %d %s (%s)"):format(name, at, how, p.state))
        end
      end
    end
  end)

  t:case("a move beside an open session that is cut off leaves no doubt about it; a "
    .. "journal that is cut does", function()
    local function after(stop_at)
      local s = closed() -- the history is there
      add(s, "cplz-aa-2", "intent", "sent", "bound", "ready")
      local released = false
      s.hook = function(called, _, path)
        released = released or called == "state.append" and path == HOME .. "/history"
        if released and called == "state.write" and path == HOME .. stop_at then
          return { kill = "before" }
        end
      end
      local p = s:start(function(require)
        local journal = require("home.journal").open(HOME)
        assert(journal:acquire("test"))
        for _, kind in ipairs(WHOLE) do
          journal:append(kind, "cplz-aa-3", { id = "8", outcome = "proven" })
        end
        journal:release()
      end, { home = HOME })
      s:run(SECONDS)
      t:equal(p.state, "killed")
      s.hook = nil
      return s
    end
    local function seen(s)
      return within(s, function(require)
        local journal = require("home.journal").open(HOME)
        return { #journal:open_sessions(), journal:doubtful(), require("home.folder").intact(HOME) }
      end)
    end
    t:equal(seen(after "/journal"), { 1, false, false }, "the history has it, the journal still too")
    local s = after "/.continueplz.state"
    t:equal({ records(s, "journal"), seen(s) }, { 5, { 1, false, false } },
      "both have moved on, the state file has not")
    local text = s.disk[HOME .. "/journal"].data
    add(s, "cplz-aa-2", "repriced")
    t:equal(seen(s)[2], false)
    s = home("intent", "sent", "bound", "ready")
    s.disk[HOME .. "/journal"].data = text:sub(1, 100)
    t:equal(seen(s)[2], true, "shorter than it was left")
  end)

  t:case("a home of before, with many closed sessions in its journal, is moved once; its file id "
    .. "comes back from its tokens", function()
    local s = fake.new {}
    s.disk[HOME] = { dir = true, mode = 448, mtime = 0 }
    within(s, function(require)
      local chain, lines, last = require "home.chain", {}, "continueplz journal"
      local function put(record)
        local line
        line, last = chain.line(last, record)
        lines[#lines + 1] = line
      end
      put { kind = "journal", version = 1, t = 1 }
      for i = 1, 300 do
        for _, kind in ipairs(WHOLE) do
          put { kind = kind, token = "cplz-0011aabb-" .. i, t = i, outcome = "proven", id = "7",
            provider = "vast" }
        end
      end
      s.disk[HOME .. "/journal"] = { data = table.concat(lines), mode = 384, mtime = 0 }
      s.disk[HOME .. "/.continueplz.state"] = { data = '{"instance":null,"seal":"99-abc","version":1}\n',
        mode = 384, mtime = 0 }
    end)
    t:equal({ holds(s), intact(s) }, { false, false })
    t:equal(within(s, function(require) return require("home.journal").open(HOME):known_prefix() end),
      "cplz-0011aabb-")
    add(s, "cplz-0011aabb-x", table.unpack(WHOLE))
    t:equal({ records(s, "journal"), records(s, "history") }, { 1, 3 + 301 * #WHOLE })
    t:equal(intact(s), false, "moved is not known to be complete")
  end)

  t:case("a history of a newer version is not written", function()
    local s = closed()
    within(s, function(require)
      local chain = require "home.chain"
      local line = chain.line("continueplz history", { kind = "moved", records = 0, version = 9, t = 1 })
      s.disk[HOME .. "/history"] = { data = line, mode = 384, mtime = 0 }
    end)
    local before = s.disk[HOME .. "/history"].data
    add(s, "cplz-aa-2", table.unpack(WHOLE))
    t:equal({ s.disk[HOME .. "/history"].data == before, records(s, "journal") }, { true, 1 + #WHOLE })
  end)
end
