-- SPDX-License-Identifier: MIT
-- From a wish to a model that answers: eight named steps. A machine that fails is destroyed and proven gone before the next is tried;
-- whatever ends the start early undoes it (DESIGN §1.7).
local fail = require "base.fail"
local log = require "base.log"
local loader = require "sandbox.world"
local task = require "base.task"
local config = require "config.effective"
local blame = require "start.blame"
local hosts = require "start.hosts"
local identity = require "home.identity"
local agent_client = require "home.agent_client"
local machine = require "start.machine"
local price_limit = require "money.price_limit"
local recover = require "money.recover"
local report = require "start.report"
local steps = require "start.steps"
local stop = require "money.stop"

local MACHINES = 3 -- machines tried in one start

local deploy = {}

--- The plan of a start. `machine` steps belong to one machine: failing as kind `machine` they begin again with the next offer, on another
-- host. The others do so only when it is the host's fault: what the model server lacks would be lacking on every machine.
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

-- No other slice of the host on which a machine failed is taken in this start, nor within a day when the host is at fault.
local function give_up_host(run, problem)
  local offer = run.candidate.offer
  if offer.host then run.failed_hosts[offer.provider .. " " .. offer.host] = true end
  if problem.host then hosts.shun(offer, fail.message(problem)) end
end

local function run_steps(run)
  local index, machines = 1, 1
  while index <= #deploy.steps do
    local step = deploy.steps[index]
    run.ui:step(index, #deploy.steps, step.title)
    local ok, result = fail.try(steps[step.name], run)
    if ok and result then return result end
    if ok then
      index = index + 1
    elseif (step.machine or result.host) and fail.is(result, "machine") and run.session then
      run.ui:fail(fail.message(result))
      local own = blame.now()
      if own then blame.raise(own) end
      give_up_host(run, result)
      local own_script = run.made.payload.own
      run.undo(run.session, run.provider, fail.message(result))
      if own_script then
        fail.raise("config", ("the machine did not come up with your %s: %s; it was destroyed, and no other one is tried with that script")
          :format(own_script, fail.message(result)))
      end
      machines = machines + 1
      if machines > MACHINES or run.next > #run.ordered then
        fail.raise("capacity", ("%d machines failed to come up, the last because: %s"):format(machines - 1, fail.message(result)))
      end
      index = first_machine_step()
    else
      run.ui:fail(fail.message(result))
      error(result, 0)
    end
  end
  return "ready"
end

-- Undoes one session: destroyed and proven, or CRITICAL.
local function undo_with(run)
  return function(session, provider, reason)
    log.warn("undoing an instance", { instance_id = session.id, reason = reason })
    local outcome, doubt = task.shield(stop.session, run.journal, provider, session, reason, run.ui)
    if run.session == session then run.session = nil end
    if outcome == "unproven" then
      fail.raise("unproven", ("%s on %s may still bill: %s"):format(session.id, session.provider, doubt), { session = session })
    end
  end
end

local function new_run(want, ui, options, journal)
  local run = { want = want, ui = ui, options = options,
    consent = price_limit.consent(options.person, want), journal = journal, accounts = {}, balances = {}, refusals = {},
    next = 1, silent = 0, rated = 0, odd = 0, dead = {}, failed_hosts = {},
    engine = loader.require("engines." .. want.engine), client_public = identity.key():public() }
  run.undo = undo_with(run)
  return run
end

-- Whatever ended the start, what it rented is undone, unless it is to be kept.
local function undo_rest(run, problem)
  local session = run.session
  if not session or fail.is(problem, "unproven") then return end
  if run.options.keep_on_failure and not fail.is(problem, "interrupted") then
    run.journal:append("kept", session.token, { reason = fail.message(problem) })
    local guarded = (run.journal:session(session.token) or session).guarded_at ~= nil
    run.ui:note(("kept as asked: %s on %s bills on; %s; end it with `continueplz --stop`"):format(session.id, session.provider,
      guarded and "its guard ends it at its limits" or report.UNGUARDED))
    return
  end
  run.ui:note("undoing the start: " .. fail.message(problem))
  run.undo(session, run.provider, fail.message(problem))
end

--- Starts a machine that serves `want`.
-- @param want see docs/lua.md
-- @param ui progress screen (ui.progress)
-- @param options { dry_run, keep_on_failure, person = somebody can be asked, ask = function(candidate, agreed total|nil,
--   credit|nil) → bool, chosen = function(candidate, credit|nil): told of the first choice }
-- @return "ready" and the report, "dry-run", or "declined": a person said no
-- @raise a failure; everything rented was undone, or its kind is `unproven`
function deploy.up(want, ui, options)
  machine.check()
  local journal = require("home.journal").open(config.home())
  if options.dry_run then -- looks at prices only, beside whatever runs
    local run = new_run(want, ui, options, journal)
    return run_steps(run), run
  end
  local ok, message = journal:acquire("up")
  if not ok then fail.raise("busy", message) end
  if #journal.damaged > 0 then
    journal:release()
    fail.raise("config", ("%s is damaged at line %d; run `continueplz stop`, which ends what is there and sets it aside")
      :format(journal.path, journal.damaged[1]))
  end
  local run = new_run(want, ui, options, journal)
  local done, result = fail.settle(function()
    recover.before_start(journal, ui)
    agent_client.reload() -- an agent that outlived its machine lets go of the port
    identity.check_port()
    return run_steps(run)
  end)
  local undone, trouble = true, nil
  if not done then undone, trouble = fail.settle(undo_rest, run, result) end
  journal:release()
  if not done then
    if #journal:open_sessions() > 0 then fail.settle(agent_client.ensure) end -- what could not be undone yet is the agent's from now on
    error(undone and result or trouble, 0)
  end
  agent_client.reload()
  if result ~= "ready" then return result, run end
  return result, report.ready(run)
end

return deploy
