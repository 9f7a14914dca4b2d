-- SPDX-License-Identifier: MIT
-- The largest bill: how long a machine bills after something died, with the limits as they are when nothing
-- is set. Each cell of the table in docs/safety.md is one history, and what the cloud's ledger says in the
-- end (dst/cases_safety.lua compares).
local ledger = require "cloudsim.ledger"
local plays = require "dst.play"
local scenes = require "dst.scenes"

local HOUR = 3600
local LONGEST = 26 * HOUR -- longer than a cloud's own timer; what bills on then bills until somebody comes

local safety = {}

--- { name, what it means, function(p, machine) }: what happens to a machine in use, right after a question.
safety.events = {
  { "laptop dead", "this computer is off and stays off", function(p) p:kill_all() end },
  { "machine dead", "its programs are dead, the host and this computer live", function(p, machine)
    p.cloud.happen(p.world, "exited", machine)
  end },
  { "both", "its programs are dead, and this computer is off", function(p, machine)
    p.cloud.happen(p.world, "exited", machine)
    p:kill_all()
  end },
  { "key revoked", "the account's key is refused from now on, to everybody who has it", function(p)
    p:rotate()
    local file = p.sim.disk[p.HOME .. "/.env"]
    local first, last = file.data:find(p.key, 1, true)
    file.data = file.data:sub(1, first - 1) .. p.KEY .. file.data:sub(last + 1) -- nobody has the new one
  end },
  { "home deleted", "the folder and this computer's processes are gone", function(p)
    p:kill_all()
    for path in pairs(p.sim.disk) do -- order: free
      if path:sub(1, #p.HOME) == p.HOME then p.sim.disk[path] = nil end
    end
  end },
  { "forgotten", "nothing died, nobody asks anything any more", function() end },
}

--- { name, cloud, settings, whether --accept-no-guard is said }
safety.machines = {
  { "Vast, spot", "vast", {} },
  { "Vast, on-demand", "vast", { "PREFER_SPOT=false" } },
  { "Lambda, guard with the account's key", "lambda", {} },
  { "Lambda, no guard", "lambda", { "GUARD_ACCOUNT_KEY=no" }, true },
  { "RunPod", "runpod", {} },
  { "CoreWeave, a whole node", "coreweave", {} },
  { "Paperspace, guard with the team's key", "paperspace", {} },
  { "Paperspace, no guard", "paperspace", { "GUARD_ACCOUNT_KEY=no" }, true },
}

local function minutes(seconds) return math.ceil(seconds / 60) end

local function duration(seconds)
  local all = minutes(seconds)
  return all < 60 and all .. " min" or ("%d h %02d min"):format(all // 60, all % 60)
end

-- What still bills, at which price.
local function left(p)
  local kinds, rate = {}, 0
  for _, row in ipairs(p.judge:open()) do
    if not row.bytes then kinds[#kinds + 1], rate = row.kind, rate + row.rate end
  end
  table.sort(kinds)
  return ("the %s %s at $%.3f/h until somebody comes"):format(table.concat(kinds, " and "),
    #kinds > 1 and "bill" or "bills", rate)
end

-- When the last of its rows that is over was closed, on the clock of the simulation; `began` if none was
-- later.
local function last_end(p, token, began)
  local last = began
  for _, row in ipairs(p.world.ledger.rows) do
    if row.token == token and row.closed then
      last = math.max(last, row.closed - p.world.clock() + p.sim.now)
    end
  end
  return last
end

-- What a token's machine had cost at a moment, but for traffic.
local function paid(p, token, at)
  local sum = 0
  for _, row in ipairs(p.world.ledger.rows) do
    if row.token == token and not row.bytes then
      sum = sum + ledger.amount(row, at + p.world.clock() - p.sim.now)
    end
  end
  return sum
end

--- One cell. → its text
function safety.cell(machine, event)
  local words = table.move(scenes.UP, 1, #scenes.UP, 1, {})
  if machine[4] then words[#words + 1] = "--accept-no-guard" end
  local p = plays.new { seed = 1, cloud = machine[2], settings = machine[3], foreign = false }
  if p:wait(p:start(words)) ~= 0 then
    error("no machine was had: " .. p.last.err, 0)
  end
  local token = p.judge.token_list[1]
  p:pass(600)
  for _, guest in ipairs(p.guest_order) do -- a last question, so that the limit of idleness begins anew
    if guest:runs() then guest:engine({ method = "POST", path = "/api/chat", body = "{}" }, true) end
  end
  local began = p.sim.now
  event[3](p, scenes.ours(p))
  p:pass(LONGEST)
  local last = last_end(p, token, began)
  local text = ("%s, $%.2f"):format(duration(last - began), paid(p, token, last) - paid(p, token, began))
  if #p.judge:open() == 0 then return text end
  return last - began < 60 and left(p) or text .. ", then " .. left(p)
end

--- The table's first line.
function safety.head()
  local text = "| |"
  for _, event in ipairs(safety.events) do text = text .. " " .. event[1] .. " |" end
  return text
end

--- Its second one.
function safety.rule() return "|---" .. ("|---"):rep(#safety.events) .. "|" end

--- The line of one machine, played.
function safety.row(machine)
  local text = "| " .. machine[1] .. " |"
  for _, event in ipairs(safety.events) do text = text .. " " .. safety.cell(machine, event) .. " |" end
  return text
end

return safety
