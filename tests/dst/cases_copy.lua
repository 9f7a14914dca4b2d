-- SPDX-License-Identifier: MIT
-- A home that was copied, with its name for machines: two folders that may both end what bears it. Neither
-- says that nothing runs while the other's machine bills, before it asked; neither rents beside it; and
-- neither ends what the other uses unless somebody types `stop`.
local copied = require "dst.copied"
local scenes = require "dst.scenes"

local COPY = "/home/user/copy"
local SETTLE = 900

local function broken(p, what, ...) p.judge:broken(what, (...)) end

-- Nothing bills, and both folders say so, or that their cloud gives no proof of it.
local function over(p, copy)
  local words = p.cloud.no_proof and "gives no proof that" or "Money: none is running"
  p:pass(SETTLE)
  if #p.judge:open() + #copy.judge:open() > 0 then broken(p, "E2", "a machine still bills") end
  for _, home in ipairs { p, copy } do
    local code = home:run "status"
    if code ~= 0 or not home.last.out:find(words, 1, true) then
      broken(p, "E2",
        ("%s: `status` ended with %s: %s%s"):format(home.HOME, tostring(code), home.last.out, home.last.err))
    end
  end
  copy.judge:finish()
  local verdict = copy.judge:verdict()
  if verdict then broken(p, verdict:match("^%w+"), COPY .. ": " .. verdict) end
end

-- What the copy says and does beside a machine of the original.
local function beside(p, copy)
  copy:run "status"
  if not copy.last.out:find("Money: running", 1, true) then
    broken(p, "S2", "the copy says: " .. copy.last.out .. copy.last.err)
  end
  local code = scenes.up(copy)
  if code ~= 6 then broken(p, "S4", ("`up` in the copy ended with %s"):format(tostring(code))) end
  p:pass(SETTLE)
  if #p.judge:open_tokens() ~= 1 then
    broken(p, "S7", "the machine in use is not there any more, or not alone")
  end
  p:run "status"
  if not p.last.out:find("Money: running", 1, true) then
    broken(p, "E3", "the original says: " .. p.last.out)
  end
end

local function stopped_by(home, p)
  local code = home:run "stop"
  if code ~= 0 then
    broken(p, "E2", ("%s: `stop` ended with %s: %s"):format(home.HOME, tostring(code), home.last.err))
  end
end

-- The copy beside a machine of the original, which one of the two then ends.
local function ended_by_one(p, copy, home)
  beside(p, copy)
  stopped_by(home, p)
  over(p, copy)
end

return {
  { name = "copied beside a machine in use, ended from the copy", play = function(p)
    scenes.up(p)
    local copy = copied(p, COPY)
    ended_by_one(p, copy, copy)
  end },
  { name = "copied beside a machine in use, ended from the original", play = function(p)
    scenes.up(p)
    ended_by_one(p, copied(p, COPY), p)
  end },
  { name = "copied before the rent: the copy looks before it says anything", play = function(p)
    scenes.up(p)
    stopped_by(p, p)
    local copy = copied(p, COPY)
    scenes.up(p)
    copy.judge:shares(p.judge)
    ended_by_one(p, copy, copy)
  end },
  { name = "copied, and the original is deleted", play = function(p)
    scenes.up(p)
    local copy = copied(p, COPY)
    p:kill_all()
    for path in pairs(p.sim.disk) do -- order: free
      if path:find(p.HOME .. "/", 1, true) == 1 then p.sim.disk[path] = nil end
    end
    p.judge:forgets()
    p:pass(1800)
    stopped_by(copy, p)
    p:pass(SETTLE)
    if #copy.judge:open() > 0 then broken(p, "E2", "a machine still bills") end
  end },
}
