-- SPDX-License-Identifier: MIT
-- `sweep`: ends this home's, unattended nothing of another one's, never anything foreign; what no complete
-- list shows is "not known", and what a crash cuts off the next command finishes.
local scenes = require "dst.scenes"

local OTHER = "cplz-00000000-0123456789ab" -- of another home (dst/play.lua)

local function must(p, condition, invariant, what)
  if not condition then p.judge:broken(invariant, what) end
end

local function said(p, ...)
  for _, text in ipairs { ... } do
    must(p, (p.last.out .. p.last.err):gsub("%s+", " "):find(text, 1, true), "E2",
      ("%q is not said: %s%s"):format(text, p.last.out, p.last.err))
  end
end

local function over(p)
  must(p, #p.judge:open() == 0, "E2", "it bills on after a sweep")
  must(p, #p.judge:leftovers() == 0, "E5", "something was left around the machine")
end

local function forget_record(p)
  p:kill_all()
  for _, name in ipairs { "journal", "history", ".continueplz.state" } do
    p.sim.disk[p.HOME .. "/" .. name] = nil
  end
  p.judge:forgets()
end

-- A volume of this home, which its cloud does not give up for now. → its id
local function stubborn_volume(p)
  local name = p.judge.token_list[1]:gsub("%x+$", "0123456789ab")
  p.world.vast.volumes[7] = { label = name, rate = 0.01, start = p.world.time }
  p.judge.around[name] = true
  function p.says(request)
    if request.method ~= "DELETE" or not request.path:find("/volumes/", 1, true) then return nil end
    return { status = 500, headers = {}, body = "{}" }
  end
  return 7
end

-- The cloud works again: the agent removes the volume, with nobody there, and ends.
local function removed_by_agent(p, id)
  must(p, p.world.vast.volumes[id], "E2", "the volume went although its cloud refuses that")
  p.says = nil
  p:pass(2 * 3600)
  must(p, not p.world.vast.volumes[id], "E2", "the agent left a volume that bills")
  must(p, not p.sim.disk[p.HOME .. "/journal"].data:find('"kind":"unremoved"', 1, true), "E2",
    "the agent did not prove the volume gone")
  must(p, p:run "status" == 0 and p.last.out:find("None active", 1, true), "E2",
    "status: " .. p.last.out .. p.last.err)
  p:pass(180)
  for _, process in ipairs(p.sim.processes) do
    must(p, process.name ~= "agent" or process.state ~= "waiting", "E5", "an agent stays for nothing")
  end
end

-- The machine is over and no agent lives: a command that leaves a volume brings one.
local function volume_left_by(command, code)
  return { name = "a volume left by " .. command .. " is removed by an agent that it brings", cloud = "vast",
    play = function(p)
      scenes.up(p)
      p:run "stop"
      local id = stubborn_volume(p)
      if command ~= "sweep" then p:run "sweep" end
      p:kill_all()
      must(p, p:run(command) == code, "S2", ("%s ended with %s"):format(command, p.last.err))
      removed_by_agent(p, id)
    end }
end

return {
  { name = "a volume that did not go with a sweep is removed by the agent", cloud = "vast", play = function(p)
    scenes.up(p)
    local id = stubborn_volume(p)
    must(p, p:run "sweep" == 1, "S2", "a sweep that left a volume did not fail")
    said(p, "MAY STILL BE RUNNING")
    p:pass(3 * 3600)
    removed_by_agent(p, id)
  end },
  volume_left_by("sweep", 1), volume_left_by("stop", 1), volume_left_by("status", 0),
  { name = "this home's machine is ended, the others stay", play = function(p)
    scenes.up(p)
    must(p, p:run "sweep" == 0, "E2", "sweep failed: " .. p.last.err)
    said(p, OTHER, "never touched", p.cloud.no_proof and "gives no proof that"
      or "Money: none is running for this folder; in other folders of yours 1 more")
    over(p)
  end },
  { name = "a machine that the record lost is found and ended", play = function(p)
    scenes.up(p)
    forget_record(p)
    must(p, p:run "sweep" == 0, "E2", "sweep failed: " .. p.last.err)
    over(p)
  end },
  { name = "a list that fails is never nothing", play = function(p)
    scenes.up(p)
    p:kill_all()
    p:fault { name = "list.500", sticky = true }
    must(p, p:run "sweep" == 5, "S2", "a sweep without a list ended otherwise than with code 5")
    said(p, "NOT KNOWN", "Money: NOT KNOWN")
    p.world.faults:clear()
    must(p, p:run "sweep" == 0, "E2", "sweep failed: " .. p.last.err)
    over(p)
  end },
  { name = "an end that is not proven fails, and the next command goes on", play = function(p)
    scenes.up(p)
    p:fault { name = "destroy.accepted_not_done", sticky = true }
    must(p, p:run "sweep" == 1, "S2", "a sweep that proved nothing did not fail")
    must(p, not p.last.out:find("Money: none", 1, true), "S2", "it says that none is running")
    p.world.faults:clear()
    p:pass(900)
    must(p, #p.judge:open() == 0, "E2", "it bills on although the cloud works again")
  end },
  { name = "a dry run sends nothing that changes anything", play = function(p)
    scenes.up(p)
    local before = #p.judge:open()
    must(p, p:run("sweep", "--dry-run") == 0, "E2", "the dry run failed: " .. p.last.err)
    said(p, "Dry run: nothing was sent")
    must(p, #p.judge:open() == before and before > 0, "S7", "a dry run ended something")
    p:run "stop"
    over(p)
  end },
  { name = "only what is named is ended", play = function(p)
    scenes.up(p)
    p:run("sweep", OTHER)
    must(p, #p.judge:open() > 0, "S7", "the machine in use was ended, and another one was named")
    p:run "stop"
    over(p)
  end },
  { name = "cut off in the middle, finished by the next command", play = function(p)
    for _, at in ipairs { 3, 6, 9 } do
      scenes.up(p)
      p.aim = { name = "sweep", at = at, how = "after" }
      p:run "sweep"
      p.aim = nil
      p:run "status"
      p:run "sweep"
      over(p)
    end
  end },
  { name = "a machine that the record lost is adopted, told of, and ended by stop alone", play = function(p)
    scenes.up(p)
    forget_record(p)
    must(p, p:run "adopt" == 0, "E2", "adopt failed: " .. p.last.err)
    said(p, "Adopted machine", "Money: running")
    must(p, p:run "adopt" == 6, "S4", "a second adoption beside an open session")
    p:pass(1800)
    p:run "status"
    must(p, #p.judge:open() > 0, "E2", "an adopted machine was ended without anybody's asking")
    must(p, p:run "stop" == 0, "E2", "stop failed: " .. p.last.err)
    over(p)
    must(p, p:run "adopt" == 8, "S3", "another home's machine was adopted with nobody there")
  end },
  { name = "another home's machine is never adopted without a person", play = function(p)
    scenes.up(p)
    p:run "stop"
    must(p, p:run("adopt", OTHER) == 8, "S3", "another home's machine was adopted with nobody there")
    p:run "stop"
    must(p, #p.judge:open() == 0, "E2", "it bills on")
  end },
  { name = "what runs is not forgotten with nobody there", play = function(p)
    scenes.up(p)
    must(p, p:run("forget", "-y") == 8, "S2", "a machine that runs was forgotten by -y")
    p:fault { name = "get.500", sticky = true }
    must(p, p:run("forget", "-y") == 8, "S2", "a machine was forgotten whose cloud could not be asked")
    p.world.faults:clear()
    p:run "stop"
    over(p)
    must(p, p:run "forget" == 7, "E2", "something was found to forget, and there is nothing")
  end },
}
