-- SPDX-License-Identifier: MIT
-- Another model on a machine in use: does it fit, and what its record means.
local sessions = require "home.sessions"
local swap = require "start.swap"

return function(t)
  local model = { name = "b:2b", bytes = 12e9, kv_bytes_per_token = 1e5 }
  local stored = { { name = "a:1b", bytes = 10e9 } }

  local function fits(more, changed, there)
    local session = { disk_hour = 0.01, plan = { gpu = "rtx4090", gpus = 1, disk_gb = 30 } }
    for name, value in pairs(more or {}) do session.plan[name] = value end -- order: free
    local wanted = setmetatable(changed or {}, { __index = model })
    return swap.fits(session, wanted, 32768, there or stored), session
  end

  t:case("memory of all cards, and the disk beside what is there", function()
    t:equal(fits(), 12.0)
    local why = t:raises("refused", fits, nil, { bytes = 25e9 }).message
    t:ok(why:find("b:2b needs %d+ GB of memory with 32768 tokens of context, and the machine has 2%d GB"),
      why)
    t:equal(fits({ gpus = 2, disk_gb = 90 }, { bytes = 25e9 }), 25.0)
    why = t:raises("refused", fits, { disk_gb = 29.9 }).message
    t:ok(why:find("has 12.0 GB, and the machine's disk has about 11.9 GB left", 1, true), why)
    t:equal(fits({ disk_gb = 29.9 }, nil, { { name = "a:1b", bytes = 10e9 }, { name = "b:2b",
      bytes = 12e9 } }), 0)
    t:equal(swap.fits({ plan = { disk_gb = 5 } }, model, 4096, stored), 12.0, "a disk that came with the "
        .. "machine")
  end)

  t:case("the record: the model, its context and its traffic from then on; the intent stays as it was",
    function()
    local intent = { kind = "intent", token = "x", t = 1, provider = "vast", model = "a:1b", context = 9,
      download = 0.5, life = 60 }
    local session = sessions.fold { intent, { kind = "ready", token = "x", t = 2, speed = 7 },
      { kind = "served", token = "x", t = 3, model = "b:2b", context = 5, speed = 8, download = 0.25 } }[1]
    t:equal({ session.model, session.plan.model, session.plan.context, session.context, session.speed,
      session.plan.download, session.swapped, session.plan.life }, { "b:2b", "b:2b", 5, 5, 8, 0.75, 3, 60 })
    t:equal({ intent.model, intent.download }, { "a:1b", 0.5 })
    local measured = require "home.measured"
    local sums = measured.from({ session }, "b:2b")
    session.plan.gpu = "rtx4090"
    t:equal(measured.from({ session }, "b:2b").of { provider = "vast", gpu = "rtx4090", gpus = 1 }, nil,
      "its speed was measured elsewhere")
    t:ok(sums ~= nil)
  end)
end
