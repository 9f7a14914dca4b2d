-- SPDX-License-Identifier: MIT
-- The largest bills of docs/safety.md, each played and reckoned from the ledger.
local files = require "base.files"
local loader = require "sandbox.world"
local safety = require "dst.safety_bills"
local scenes = require "dst.scenes"

local PAGE = files.join(files.dirname(files.dirname(files.dirname(files.absolute(loader.script)))),
  "docs/safety.md")

-- The machines of one cloud: their rows must stand in the page as they come out here.
local function compared(p)
  local page, problem = files.read(PAGE)
  if not page then return p.judge:broken("S5", problem) end
  for _, machine in ipairs(safety.machines) do
    local row = machine[2] == p.name and safety.row(machine)
    if row and not page:find("\n" .. row .. "\n", 1, true) then
      p.judge:broken("S5", ("docs/safety.md must say:\n%s\n%s\n%s"):format(safety.head(), safety.rule(), row))
    end
  end
end

-- Nobody has a good key, or the machine none at all: its GPU ends with the limit all the same.
local function switched_off(minutes, keyless, word)
  return function(p)
    local words = table.move(scenes.UP, 1, #scenes.UP, 1, {})
    words[#words + 1] = word
    p:wait(p:start(words))
    if not keyless then
      p:rotate()
      p:old_key()
    end
    p:kill_all()
    p:pass(3600 + minutes * 60)
    for _, row in ipairs(p.judge:open()) do
      if row.kind == "gpu" then
        p.judge:broken("E1", ("the GPU bills on %d min after the limit"):format(minutes))
      end
    end
    p:heal()
    if p:run "stop" ~= 0 or #p.judge:open() > 0 then
      p.judge:broken("E2", "a machine that was switched off was not ended: " .. p.last.out .. p.last.err)
    end
  end
end

return {
  { name = "the largest bills are those of docs/safety.md", long = true, play = compared },
  { name = "a machine whose key is refused is switched off", cloud = "paperspace",
    play = switched_off(100) },
  { name = "a machine without a key is switched off", cloud = "paperspace",
    settings = { "GUARD_ACCOUNT_KEY=no" }, play = switched_off(20, true, "--accept-no-guard") },
}
