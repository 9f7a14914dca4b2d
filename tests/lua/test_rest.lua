-- SPDX-License-Identifier: MIT
-- When `status` may answer without reading the journal's records: only when everything is closed and nothing was changed since.
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

  local function holds(s)
    return within(s, function(require) return require("work.rest").holds(HOME) end)
  end

  -- A home whose journal went through these kinds of records of one session.
  local function home(...)
    local s, kinds = fake.new {}, { ... }
    s.disk[HOME] = { dir = true, mode = 448, mtime = 0 }
    within(s, function(require)
      local book = require("work.journal").open(HOME)
      assert(book:acquire())
      for _, kind in ipairs(kinds) do
        local extra = kind == "stopping" and { reason = "stop" } or kind == "lost-one" and { reason = "gone" } or { id = "7", outcome = "proven" }
        book:append(kind == "lost-one" and "stopping" or kind, "cplz-x-1", extra)
      end
      book:release()
    end)
    return s
  end

  t:case("an empty home is at rest, an open session is not, a closed one is", function()
    t:equal(holds(fake.new {}), true)
    t:equal(holds(home("intent")), false)
    t:equal(holds(home("intent", "sent", "bound", "stopping", "destroyed", "absent")), false)
    t:equal(holds(home("intent", "sent", "bound", "stopping", "destroyed", "absent", "closed")), true)
  end)

  t:case("a folder that does not exist: the way out is by where its name came from", function()
    local function told(s, origin)
      return within(s, function(require)
        require("base.world").home_origin = origin
        return require("work.rest").no_folder(HOME) or "it exists"
      end)
    end
    t:equal(told(home("intent")), "it exists")
    t:ok(told(fake.new {}, "flag"):find("/h does not exist, .*`continueplz %-C /h init`"), told(fake.new {}, "flag"))
    t:ok(told(fake.new {}, "default"):find("/h does not exist yet, .*`continueplz init`"), told(fake.new {}, "default"))
  end)

  t:case("a machine that ended by itself is still told of", function()
    t:equal(holds(home("intent", "sent", "bound", "lost-one", "absent", "closed")), false)
  end)

  t:case("any change of the journal, or a state file of another version, breaks the seal", function()
    local function closed() return home("intent", "sent", "bound", "stopping", "absent", "closed") end
    local s = closed()
    local file = s.disk[HOME .. "/journal"]
    file.data = file.data:gsub("[^\n]*\n$", "")
    t:equal(holds(s), false)
    s = closed()
    file = s.disk[HOME .. "/journal"]
    file.data = file.data:gsub("cplz%-x%-1", "cplz-x-22", 1)
    t:equal(holds(s), false)
    s = closed()
    s.disk[HOME .. "/journal"].data = s.disk[HOME .. "/journal"].data .. "half a rec"
    t:equal(holds(s), false)
    s = closed()
    s.disk[HOME .. "/.continueplz.state"].data = s.disk[HOME .. "/.continueplz.state"].data:gsub('"version":1', '"version":2')
    t:equal(holds(s), false)
    s = closed()
    s.disk[HOME .. "/journal"] = nil
    t:equal(holds(s), false)
    s = closed()
    within(s, function(require)
      local book = require("work.journal").open(HOME)
      assert(book:acquire())
      book:append("intent", "cplz-x-2", {})
      book:release()
    end)
    t:equal(holds(s), false)
  end)
end
