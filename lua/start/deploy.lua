-- SPDX-License-Identifier: MIT
-- From a wish to a model that answers: eight named steps. A machine that fails is destroyed and proven gone
-- before the next is tried; whatever ends the start early undoes it (DESIGN §1.7).
local clock = require "base.clock"
local fail = require "base.fail"
local task = require "base.task"
local world = require "sandbox.world"
local config = require "config.effective"
local again = require "start.again"
local blame = require "start.blame"
local hosts = require "start.hosts"
local identity = require "home.identity"
local agent_client = require "home.agent_client"
local machine = require "start.machine"
local price_limit = require "money.price_limit"
local recover = require "money.recover"
local report = require "start.report"
local state = require "start.state"
local steps = require "start.steps"
local undo = require "start.undo"
local until_ready = require "start.until_ready"

local MACHINES = 3    -- machines tried in one start

local deploy = {}

--- The plan of a start. `machine` steps belong to one machine: failing as kind `machine` they begin again
-- with the next offer, on another host. The others do so only when it is the host's fault: what the model
-- server lacks would be lacking on every machine.
deploy.steps = {
  { name = "prices", title = "Fetching prices" },
  { name = "choose", title = "Selecting cheapest compatible option" },
  { name = "create", title = "Creating instance", machine = true },
  { name = "boot", title = "Waiting for instance to boot", machine = true },
  { name = "tunnel", title = "Configuring WireGuard tunnel", machine = true },
  { name = "guard", title = "Arming the guard", machine = true },
  { name = "model", title = "Pulling model" },
  { name = "health", title = "Verifying service health" },
}

local function first_machine_step()
  for index, step in ipairs(deploy.steps) do
    if step.machine then return index end
  end
end

-- No other slice of the host on which a machine failed is taken in this start, nor within a day when
-- the host is at fault.
local function give_up_host(start, problem)
  local offer = start.attempt.candidate.offer
  if offer.host then start.counters.failed_hosts[offer.provider .. " " .. offer.host] = true end
  if problem.host then hosts.shun(offer, fail.message(problem)) end
end

-- Another machine that is begun too late would only be paid and ended: those that are not expected to be
-- READY in what is left of the time are passed over. → is none left?
local function time_is_short(start)
  local counters, ordered = start.counters, start.plan.ordered
  if not start.plan.ready_within then return false end
  while counters.next <= #ordered
    and until_ready.late(ordered[counters.next], counters.ready_by - clock.now()) do
    counters.next = counters.next + 1
  end
  return counters.next > #ordered
end

-- The machine of this moment is of no use: it is undone. @raise what keeps the start from trying another one
local function give_up_machine(start, problem)
  local attempt, counters, why = start.attempt, start.counters, fail.message(problem)
  local own = blame.now()
  if own then blame.raise(own) end
  give_up_host(start, problem)
  undo.session(start, attempt.session, attempt.provider, why)
  local own_script = attempt.spec.bundle.own
  if own_script then
    fail.raise("config", ("the machine did not come up with your %s: %s; it was destroyed, and no other one "
      .. "is tried with that script"):format(own_script, why))
  end
  if counters.machines >= MACHINES or counters.next > #start.plan.ordered then
    fail.raise("capacity", ("%d machines failed to come up, the last because: %s"):format(counters.machines,
      why), { machines = counters.machines })
  end
  if time_is_short(start) then
    fail.raise("machine", ("the machine did not come up: %s; too little of the time of --ready-within is "
      .. "left for another one"):format(why))
  end
  counters.machines = counters.machines + 1
end

local function may_be_another(start, step, problem)
  return start.attempt and (step.machine or problem.host) and fail.is(problem, "machine")
end

-- One step, timed. → as fail.try
local function run_step(start, index)
  local step, counters = deploy.steps[index], start.counters
  start.plan.ui:step(index, #deploy.steps, step.title, start.attempt and start.attempt.session)
  counters.began, counters.answering = clock.now(), 0
  local ok, result = fail.try(steps[step.name], start)
  counters.took[index] = state.passed(counters)
  return ok, result
end

local function run_steps(start, index, last)
  while index <= last do
    local step = deploy.steps[index]
    local ok, result = run_step(start, index)
    if ok and result then return result end
    index = index + 1
    if not ok then
      start.plan.ui:fail(fail.message(result))
      if not may_be_another(start, step, result) then error(result, 0) end
      give_up_machine(start, result)
      index = first_machine_step()
    end
  end
end

-- All steps. A time until READY is counted from the first create: prices and the first question take their
-- own time.
local function run(start)
  local first = first_machine_step()
  local result = run_steps(start, 1, first - 1)
  if result then return result end
  local within = start.plan.ready_within
  if not within then return run_steps(start, first, #deploy.steps) or "ready" end
  start.counters.ready_by = clock.now() + within
  local late = ("no machine was READY within %s (--ready-within)"):format(clock.duration(within))
  local ok, came = fail.try(task.deadline, within, function()
    return run_steps(start, first, #deploy.steps) or "ready"
  end, late)
  if ok then return came end
  if came.code == "deadline" and fail.message(came) == late then fail.raise("machine", late) end
  return error(came, 0)
end

-- shared: what every try of one start goes by: { consent, failed_hosts, unreached = so many in a row }
local function new_start(want, ui, options, journal, shared)
  local start = state.new()
  local plan = start.plan
  plan.want, plan.ui, plan.journal = want, ui, journal
  plan.dry_run, plan.keep_on_failure = options.dry_run, options.keep_on_failure
  plan.rehearses = options.rehearses
  plan.ask, plan.chosen = options.ask, options.chosen
  plan.consent, plan.ready_within = shared.consent, options.ready_within
  start.counters.failed_hosts, start.counters.unreached = shared.failed_hosts, shared.unreached
  plan.engine, plan.client_public = world.require("engines." .. want.engine), identity.key():public()
  return start
end

-- One try, undone when it fails. → what came of it, the start
local function try_once(want, ui, options, journal, shared)
  local start = new_start(want, ui, options, journal, shared)
  local done, result = fail.settle(run, start)
  if done then return result, start end
  shared.unreached = start.counters.unreached
  local undone, trouble = fail.settle(undo.rest, start, result)
  return error(undone and result or trouble, 0)
end

-- The tries, one after the other, under one lock: `stop` finds who waits. Each begins with what an earlier
-- one may have left: nothing is rented beside it.
local function tries(want, ui, options, journal, shared)
  local ask = options.ask
  return again.run(options.again, ui, function(number)
    recover.before_start(journal, ui)
    if number == 1 then
      agent_client.reload() -- an agent that outlived its machine lets go of the port
      identity.check_port()
    end
    options.ask = again.asking(ask, number)
    return try_once(want, ui, options, journal, shared)
  end)
end

--- Starts a machine that serves `want`.
-- @param want see docs/lua.md
-- @param ui progress screen (ui.progress)
-- @param options { dry_run, rehearses = the dry run looks at accounts and guards too, keep_on_failure,
--   person = somebody can be asked, agreed = the total that was agreed to before, or nil, ask =
--   function(candidate, agreed total|nil, credit|nil) → bool, chosen = function(candidate, credit|nil): told
--   of the first choice, again = of start.again, ready_within = seconds from the first create until READY }
-- @return "ready" and the report, "dry-run" and the start (start.state), or "declined": a person said no
-- @raise a failure; everything rented was undone, or its kind is `unproven`
function deploy.up(want, ui, options)
  machine.check()
  local journal = require("home.journal").open(config.home())
  local shared = { consent = price_limit.consent(options.person, want, options.agreed), failed_hosts = {},
    unreached = 0 }
  if options.dry_run then -- looks at prices only, beside whatever runs
    local start = new_start(want, ui, options, journal, shared)
    return run(start), start
  end
  local ok, message = journal:acquire("up")
  if not ok then fail.raise("busy", message) end
  local whole, damage = fail.settle(recover.refuse_damaged, journal)
  if not whole then
    journal:release()
    error(damage, 0)
  end
  local done, result, start = fail.settle(tries, want, ui, options, journal, shared)
  journal:release()
  if not done then
    -- what could not be undone yet is the agent's from now on
    if #journal:open_sessions() > 0 then fail.settle(agent_client.ensure) end
    error(result, 0)
  end
  agent_client.reload()
  if result ~= "ready" then return result end
  return result, report.ready(journal, start.attempt)
end

return deploy
