-- SPDX-License-Identifier: MIT
-- From a wish to a model that answers: eight named steps. A machine that fails is destroyed and proven gone
-- before the next is tried; whatever ends the start early undoes it (DESIGN §1.7).
local fail = require "base.fail"
local world = require "sandbox.world"
local config = require "config.effective"
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

local MACHINES = 3 -- machines tried in one start

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
    fail.raise("capacity",
      ("%d machines failed to come up, the last because: %s"):format(counters.machines, why))
  end
  counters.machines = counters.machines + 1
end

local function may_be_another(start, step, problem)
  return start.attempt and (step.machine or problem.host) and fail.is(problem, "machine")
end

local function run_steps(start)
  local index = 1
  while index <= #deploy.steps do
    local step = deploy.steps[index]
    start.plan.ui:step(index, #deploy.steps, step.title)
    local ok, result = fail.try(steps[step.name], start)
    if ok and result then return result end
    index = index + 1
    if not ok then
      start.plan.ui:fail(fail.message(result))
      if not may_be_another(start, step, result) then error(result, 0) end
      give_up_machine(start, result)
      index = first_machine_step()
    end
  end
  return "ready"
end

local function new_start(want, ui, options, journal)
  local start = state.new()
  local plan = start.plan
  plan.want, plan.ui, plan.journal = want, ui, journal
  plan.dry_run, plan.keep_on_failure = options.dry_run, options.keep_on_failure
  plan.ask, plan.chosen = options.ask, options.chosen
  plan.consent = price_limit.consent(options.person, want)
  plan.engine, plan.client_public = world.require("engines." .. want.engine), identity.key():public()
  return start
end

--- Starts a machine that serves `want`.
-- @param want see docs/lua.md
-- @param ui progress screen (ui.progress)
-- @param options { dry_run, keep_on_failure, person = somebody can be asked, ask = function(candidate, agreed
--   total|nil, credit|nil) → bool, chosen = function(candidate, credit|nil): told of the first choice }
-- @return "ready" and the report, "dry-run" and the plan (start.state), or "declined": a person said no
-- @raise a failure; everything rented was undone, or its kind is `unproven`
function deploy.up(want, ui, options)
  machine.check()
  local journal = require("home.journal").open(config.home())
  if options.dry_run then -- looks at prices only, beside whatever runs
    local start = new_start(want, ui, options, journal)
    return run_steps(start), start.plan
  end
  local ok, message = journal:acquire("up")
  if not ok then fail.raise("busy", message) end
  if #journal.damaged > 0 then
    journal:release()
    fail.raise("config", ("%s is damaged at line %d; run `continueplz stop`, which ends what "
      .. "is there and sets it aside"):format(journal.path, journal.damaged[1]))
  end
  local start = new_start(want, ui, options, journal)
  local done, result = fail.settle(function()
    recover.before_start(journal, ui)
    agent_client.reload() -- an agent that outlived its machine lets go of the port
    identity.check_port()
    return run_steps(start)
  end)
  local undone, trouble = true, nil
  if not done then undone, trouble = fail.settle(undo.rest, start, result) end
  journal:release()
  if not done then
    -- what could not be undone yet is the agent's from now on
    if #journal:open_sessions() > 0 then fail.settle(agent_client.ensure) end
    error(undone and result or trouble, 0)
  end
  agent_client.reload()
  if result ~= "ready" then return result end
  return result, report.ready(journal, start.attempt)
end

return deploy
