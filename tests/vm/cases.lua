-- SPDX-License-Identifier: MIT
-- What a real machine shows of the delivery: once from `up` to `stop`, with a killed guard and a reboot
-- between, and the two ways in which a machine ends itself when nobody is left who would end it.
local clock = require "base.clock"
local files = require "base.files"
local json = require "base.json"
local process = require "base.process"
local sorted = require "base.sorted"
local task = require "base.task"
local expect = require "e2e.expect"
local machine = require "vm.machine"
local rig = require "e2e.rig"

local MODEL = "--model=qwen3-coder:30b"
local DIRECTORY = "/opt/continueplz"
local GUEST, LAST_RESORT = "continueplz-guest.service", "continueplz-last-resort.service"
local PATIENCE = 900

local cases = {}

local function case(name, run) cases[#cases + 1] = { name = name, run = run } end

local function seconds(text) return assert(tonumber(text), "no number: " .. tostring(text)) end

-- The guard as this computer sees it through the tunnel, once it answers (old words of it come with a
-- warning); with `end_at`, the unix time at which it ends the machine.
local function guard(r)
  return rig.wait_for("the guard to answer through the tunnel", PATIENCE, function()
    local now = clock.wall()
    local seen = expect.json(r:run("status", "--output=json"))
    if seen.status ~= "ready" or seen.warnings
      or not (seen.deadman.active and seen.deadman.life_remaining_seconds) then
      task.sleep(2)
      return nil
    end
    seen.deadman.end_at = now + seen.deadman.life_remaining_seconds
    return seen.deadman
  end)
end

-- The record tells ages in the larger opinion of two clocks; the machine's wall clock is set to a whole
-- second at each boot.
local function not_later(before, after)
  expect.that(after.end_at <= before.end_at + 3,
    ("the end moved from %.1f to %.1f"):format(before.end_at, after.end_at))
end

-- One question, as any program on this computer asks it.
local function ask(r)
  local result = expect.ends(r:run(files.join(process.cwd(), "examples/ask.lua"), "Why is the sky blue?"),
    0, "tokens/s")
  expect.that(#result.out > 60, "no answer: " .. result.out)
end

local function cloud_init_finished(vm, passed)
  local said = machine.try(vm, "cloud-init status --wait --long")
  expect.that(said:find("status: done", 1, true), said)
  local result = json.decode(machine.run(vm, "cat /run/cloud-init/result.json"))
  expect.that(#result.v1.errors == 0, "cloud-init had errors: " .. json.encode(result))
  expect.that(machine.run(vm, "cloud-init schema --system"):find("Valid cloud-config", 1, true),
    "the user data is not valid")
  local warnings = machine.try(vm, "grep -h WARNING /var/log/cloud-init.log")
  expect.that(warnings == "", warnings)
  expect.that(machine.run(vm, "systemctl is-system-running --wait") == "running", "a unit failed")
  passed("cloud-init finished without an error or a warning, the user data is valid by its schema")
end

local function files_are_private(vm, passed)
  local said = machine.run(vm, ("cd %s && stat -c '%%a %%U:%%G %%n' . * state/*"):format(DIRECTORY))
  local modes = {}
  for mode, owner, name in said:gmatch("(%d+) (%S+) ([^\n]+)") do
    expect.that(owner == "root:root", ("%s belongs to %s"):format(name, owner))
    modes[name] = mode
  end
  for name, mode in sorted { ["."] = "700", guest = "700", config = "600", environment = "600",
    ["last_resort.json"] = "600", ["last_resort.py"] = "600", ["engine.sh"] = "700", state = "700",
    ["state/guard"] = "600", alone = "600" } do
    expect.that(modes[name] == mode, ("%s has mode %s, not %s"):format(name, tostring(modes[name]), mode))
  end
  passed "the directory is 0700, secrets are 0600, all is root's"
end

-- The engine's directory is made when its fetching begins, the record's when the guard begins.
local function guarded_first(vm, passed)
  local active = machine.run(vm, "systemctl show -P ActiveEnterTimestamp --timestamp=us " .. GUEST
    .. " | sed 's/ [A-Z]*$//' | date -f - +%s.%N")
  local record, engine = machine.run(vm,
    ("cd %s && stat -c %%.9W state engine"):format(DIRECTORY)):match("^(%S+)%s+(%S+)$")
  expect.that(seconds(active) < seconds(engine) and 0 < seconds(record) and seconds(record) < seconds(engine),
    ("unit %s, record %s, engine %s"):format(active, record, engine))
  passed "the guard's unit was active and its record begun before anything was fetched"
end

local function killed_and_back(r, vm, passed)
  local before, pid = guard(r), machine.run(vm, "systemctl show -P MainPID " .. GUEST)
  machine.run(vm, "systemctl kill -s KILL " .. GUEST)
  local after = machine.until_true(vm, "the guest to come back",("pid=$(systemctl show -P MainPID %s) && [ "
    .. "$pid != 0 ] && [ $pid != %s ] && echo $pid"):format(GUEST, pid))
  expect.that(after ~= pid, "the same process")
  not_later(before, guard(r))
  ask(r)
  passed "killed by KILL the guest comes back with its record; the model answers again"
end

local function rebooted(r, vm, passed)
  local before, boot = guard(r), machine.run(vm, "cat /proc/sys/kernel/random/boot_id")
  machine.tell(vm, "systemctl --no-block reboot")
  machine.until_true(vm, "another boot", ("[ $(cat /proc/sys/kernel/random/boot_id) != %s ]"):format(boot))
  not_later(before, guard(r))
  expect.that(machine.run(vm, "systemctl is-active " .. GUEST .. " " .. LAST_RESORT) == "active\nactive",
    "a unit is not active")
  passed "after a reboot the guard is armed again, its end is not later"
  machine.until_true(vm, "the model server", "pgrep -f ollama.lua")
  rig.wait_for("an answer", PATIENCE, function()
    return r:run(files.join(process.cwd(), "examples/ask.lua"), "Why is the sky blue?").code == 0
  end)
  passed "after a reboot the model answers"
end

case("delivery", function(r, passed)
  expect.ends(r:run("up", "--provider=lambda", MODEL), 0, "READY", "Tunnel up, handshake")
  local vm = machine.wait(r)
  passed "up to READY: booted with the user data as it was sent, a handshake over UDP"
  cloud_init_finished(vm, passed)
  files_are_private(vm, passed)
  guarded_first(vm, passed)
  guard(r)
  passed "the guard says through the tunnel that it is armed"
  ask(r)
  passed "a question is answered by the Ollama that was fetched and unpacked there"
  killed_and_back(r, vm, passed)
  rebooted(r, vm, passed)
  expect.ends(r:run("stop"), 0, "Confirmed", "Money: none is running")
  expect.all_over(r)
  passed "stop ends the machine, proven; the ledger is closed"
end)

-- A machine whose guard has just begun, and nobody on this computer any more who would end it.
local function forsaken(r, ...)
  local child = r:start("up", "--provider=lambda", MODEL, ...)
  local vm = machine.wait(r)
  machine.until_true(vm, "the guard's record", ("[ -s %s/state/guard ]"):format(DIRECTORY))
  local agent = r:agent()
  process.kill(child.pid, "KILL")
  if agent and agent ~= child.pid then process.kill(agent, "KILL") end
  r:finish(child)
  expect.that(not r:agent(), "an agent is left")
  expect.machines(r, 1)
  return vm, #r:control("GET", "/requests").requests
end

-- The machine itself has found its id by its tag and ended itself: these are its only requests since `from`.
local function ended_itself(r, from)
  rig.wait_for("the machine to end itself", PATIENCE, function() return #r:billing() == 0 end)
  local found, ended
  for i, request in ipairs(r:control("GET", "/requests").requests) do
    if i > from and request.face == "lambda" then
      expect.that(request.key == "account", "a request without the key")
      found = found or request.method == "GET" and request.path == "/api/v1/instances"
      ended = ended or found and request.method == "POST"
        and request.path == "/api/v1/instance-operations/terminate" and request.status == 200
    end
  end
  expect.that(ended, "the machine was not ended from within")
end

local function closed(r)
  expect.ends(r:run("stop"), 0)
  expect.all_over(r)
end

case("limit", function(r, passed)
  local _, from = forsaken(r, "--max-hours=3m")
  ended_itself(r, from)
  passed "the guard finds its machine by the tag and ends it after MAX_HOURS; the ledger is closed"
  closed(r)
  passed "afterwards stop proves the end and leaves nothing behind"
end)

case("last resort", function(r, passed)
  local vm, from = forsaken(r)
  machine.run(vm, "cloud-init status --wait; systemctl disable --now " .. GUEST)
  machine.until_true(vm, "the last resort to count", ("[ $(cat %s/alone) -gt 4 ]"):format(DIRECTORY))
  passed "without a guest the last resort counts its seconds"
  machine.tell(vm, ("systemctl stop %s; echo 1790 >%s/alone; systemctl start %s"):format(LAST_RESORT,
    DIRECTORY, LAST_RESORT))
  ended_itself(r, from)
  passed "after half an hour without a guest (its count was moved on) it ends the \z
    machine; the ledger is closed"
  closed(r)
end)

return cases
