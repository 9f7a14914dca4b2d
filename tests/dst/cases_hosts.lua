-- SPDX-License-Identifier: MIT
-- Machines that were rented and are of no use: a GPU that is not used, hosts that name what they lack. Each
-- is given up soon, another one is taken, and the same host is not taken again.
local json = require "base.json"
local scenes = require "dst.scenes"

local function broken(p, what, ...) p.judge:broken(what, (...)) end

-- `up` ends with a machine that serves, after one that did not, within so many seconds. → the process
local function moves_on(p, seconds)
  local before = p.sim.now
  local code = scenes.up(p)
  if code ~= 0 then broken(p, "E3", ("`up` ended with %s: %s"):format(tostring(code), p.last.err)) end
  if p.sim.now - before > seconds then
    broken(p, "E3",
      ("it took %.0f s to give the machine up and start another one"):format(p.sim.now - before))
  end
  if #p.judge.token_list ~= 2 then
    broken(p, "E3", ("%d machines were rented"):format(#p.judge.token_list))
  end
  return p.last
end

-- Hosts of the machines that were rented, in order.
local function hosts_of(p)
  local list, seen = {}, {}
  for _, row in ipairs(p.world.ledger.rows) do
    if p.judge.tokens[row.token or ""] and not seen[row.id] then
      seen[row.id] = true
      list[#list + 1] = p.cloud.find(p.world, row.id).offer.machine_id
    end
  end
  return list
end

-- The next start does not take the host of the first machine, but a day later it does.
local function remembers(p)
  local record = p.sim.disk[p.HOME .. "/hosts"]
  local rows = record and json.decode(record.data) or {}
  local failed = hosts_of(p)[1]
  if #rows ~= 1 or rows[1].host ~= tostring(failed) then
    broken(p, "E3", "the failed host was not remembered: " .. (record and record.data or "no file"))
  end
  p:run "stop"
  scenes.up(p)
  p:run "stop"
  if hosts_of(p)[3] == failed then broken(p, "E3", "the failed host was taken again on the same day") end
  p:pass(25 * 3600)
  scenes.up(p)
  p:run "stop"
  if hosts_of(p)[4] ~= failed then broken(p, "E3", "the failed host is not taken any more after a day") end
end

local NAMED = { "no space left on device", "Error: port is already allocated",
  "toomanyrequests: You have reached your pull rate limit", "failed to inject CDI devices: unresolvable",
  "error pulling image configuration: download failed after attempts=6" }

local function named(p)
  p:fault { name = "boot.oci_failure", message = "Error response from daemon: " .. NAMED[p.seed] }
  moves_on(p, 240)
  remembers(p)
end

local list = {
  { name = "a GPU that is not used is another machine's", play = function(p)
    p:fault { name = "gpu.unused" }
    moves_on(p, 240)
    if not p.last.out:find("the GPU is not used: only 0 %", 1, true) then
      broken(p, "E3", "it is not said: " .. p.last.out)
    end
    p:run "stop"
  end },
  { name = "a GPU that does not work, as the engine says", foreign = false, play = function(p)
    p:fault { name = "gpu.unused",
      message = "llama runner process has terminated: CUDA error: system not yet initialized (802)" }
    moves_on(p, 240)
    if not p.last.out:find("the GPU does not work", 1, true) then
      broken(p, "E3", "it is not said: " .. p.last.out)
    end
    if p.name == "vast" then remembers(p) else p:run "stop" end
  end },
  { name = "an image that is not there is no host's fault", cloud = "vast", foreign = false,
    play = function(p)
      p:fault { name = "boot.oci_failure", count = 9,
        message = "Error response from daemon: manifest for ollama/ollama:9.9.9 not found: manifest unknown" }
      local code, said = scenes.up(p), p.last.out .. p.last.err
      if code ~= 3 or not said:find("OLLAMA_VERSION", 1, true) then
        broken(p, "E3", ("`up` ended with %s: %s"):format(tostring(code), said))
      end
      if #p.judge.token_list ~= 1 then
        broken(p, "S5",
          ("%d machines were rented for an image that is not there"):format(#p.judge.token_list))
      end
      if p.sim.disk[p.HOME .. "/hosts"] then broken(p, "E3", "a host is blamed for it") end
    end },
  { name = "a host that never takes the machine", cloud = "vast", foreign = false, play = function(p)
    p:fault { name = "boot.scheduling" }
    moves_on(p, 240)
    remembers(p)
  end },
  { name = "unhealthy before it has an address", cloud = "lambda", foreign = false, play = function(p)
    p:fault { name = "boot.unhealthy", birth = true }
    moves_on(p, 400)
    p:run "stop"
  end },
  { name = "a card that is lost in use is told of once, with the way out", play = function(p)
    scenes.up(p)
    for _, guest in ipairs(p.guest_order) do guest.no_gpu = true end
    p:pass(600)
    p:run "status"
    if not p.last.out:find("the GPU is not used", 1, true) then
      broken(p, "E3", "status does not say it: " .. p.last.out)
    end
    local told = 0
    for _, line in ipairs(p.sim.log) do
      if line.level == "ERROR" and line.message:find("the GPU is not used", 1, true) then told = told + 1 end
    end
    if told ~= 1 then broken(p, "E3", ("it was told %d times"):format(told)) end
    p:run "stop"
  end },
}
for seed in ipairs(NAMED) do
  list[#list + 1] = { name = "a host that says: " .. NAMED[seed], cloud = "vast", seed = seed,
    foreign = false, play = named }
end

return list
