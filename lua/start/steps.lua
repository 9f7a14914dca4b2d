-- SPDX-License-Identifier: MIT
-- The eight steps of a start, each a function(start) of start.state; start.deploy puts them in order and
-- undoes them. What they may raise of kind `machine` means: this machine is of no use, another may be. A step
-- may return how the start ends before it is READY.
local clock = require "base.clock"
local fail = require "base.fail"
local task = require "base.task"
local agent_client = require "home.agent_client"
local guest_client = require "home.guest_client"
local timing = require "home.timing"
local price_limit = require "money.price_limit"
local twins = require "money.twins"
local blame = require "start.blame"
local create = require "start.create"
local machine = require "start.machine"
local model = require "start.model"
local offers = require "start.offers"
local replicas = require "start.replicas"
local report = require "start.report"
local skew = require "start.skew"
local starts = require "start.state"
local until_ready = require "start.until_ready"

local SHORTEST_HANDSHAKE = 8 -- seconds; the tunnel's own timers do not run faster for simulators
local SHORTEST_GUARD = 8     -- seconds, for the same reason: its second rehearsal comes after some
local LAST = 8               -- the step that ends with READY
local OVER_TCP = 60          -- seconds more where a machine may be reached over UDP or over TCP

-- Of a machine without a guard: its id, the limits.
local NO_GUARD = "NO GUARD: %s cannot end itself and bills until you stop it; only while this computer is on "
  .. "and connected is it ended after %s"
local SWITCHES_OFF = "NO GUARD: %s cannot end itself: after %s it switches itself off, and its disk bills "
  .. "until you stop it; while this computer is on and connected it is ended then"

local steps = {}

function steps.prices(start)
  local plan, ui = start.plan, start.plan.ui
  ui:progress { text = "Asking the clouds", passing = true }
  plan.collected = offers.collect(plan.want, function(name, result) ui:offers_line(name, result) end)
  if plan.collected.note then ui:note(plan.collected.note) end
  local wrong = skew.sentence()
  if wrong then ui:warn(wrong) end
end

-- What is expected of the time that was given, and by what.
local function tell_time(ui, candidate, within)
  if not candidate.ready then return end
  local text = until_ready.text(candidate.ready)
  if until_ready.late(candidate, within) then
    ui:warn(("%s, longer than the %s of --ready-within: it may be given back before"):format(text,
      clock.duration(within)))
  else
    ui:note(text)
  end
end

--- The first choice is the first that can be rented at all: at a cloud that knows us,
-- with credit and a guard.
function steps.choose(start)
  local plan, counters, ui = start.plan, start.counters, start.plan.ui
  plan.ordered, plan.rejected = offers.rank(plan.collected, plan.want)
  if #plan.ordered == 0 then offers.explain_nothing(plan.collected, plan.rejected, plan.want) end
  price_limit.first(plan.consent, plan.ordered[1])
  ui:progress { text = "Looking at the account", passing = true }
  local first = plan.dry_run and not plan.rehearses and plan.ordered[1] or create.next_candidate(start)
  counters.next = counters.next - 1 -- it is tried first
  ui:done("Selected: " .. create.name_of(first))
  if plan.want.ready_within then tell_time(ui, first, plan.want.ready_within) end
  if plan.dry_run then return "dry-run" end
  plan.chosen(first, counters.balances[first.offer.provider])
  if not create.consented(start, first) then return "declined" end
end

function steps.create(start)
  local declined = create.run(start)
  if declined then return declined end
  local plan, attempt, counters = start.plan, start.attempt, start.counters
  twins.end_all(plan.journal, attempt.provider, attempt.session, plan.ui)
  if #counters.refusals > 0 then plan.ui:note(create.refusals_of(counters) .. "; the log names each") end
  plan.ui:done(("Instance %s created (%s)"):format(attempt.session.id, create.name_of(attempt.candidate)))
end

-- Is it what was agreed? Looked at once, at the first look that shows a price.
local function check_price(journal, attempt, instance)
  if not instance.hourly or attempt.priced then return end
  attempt.priced = true
  price_limit.check_made(journal, attempt.session, attempt.candidate, instance)
end

function steps.boot(start)
  local plan, attempt = start.plan, start.attempt
  local endpoint, before = machine.boot(attempt.provider, attempt.session, attempt.spec, function(instance)
    plan.ui:progress { text = "Booting... (" .. (instance.native or instance.status) .. ")" }
    check_price(plan.journal, attempt, instance)
  end)
  attempt.endpoint = endpoint
  plan.journal:append("booting", attempt.session.token, { endpoint = endpoint, before = before })
  plan.ui:progress { text = "Delivering the guard" }
  local ok, problem = fail.try(attempt.spec.bootstrap.deliver, endpoint, attempt.spec)
  if not ok and problem.unreached then
    blame.unreached(start.counters, fail.message(problem), "did not take the guard program",
      "connections to ports like " .. endpoint.push)
  end
  if not ok then error(problem, 0) end
  if attempt.provider.settled then
    fail.try(attempt.provider.settled, attempt.session) -- what it could not do, `tidy` does at the end
  end
  plan.ui:done("Instance running, guard program delivered")
end

-- The tunnel's state once it had a handshake with the machine, else nil. @raise what the agent cannot do
local function shaken(state, token)
  local tunnel = state and state.session == token and state.tunnel
  if not tunnel and state and state.problem then fail.raise("config", state.problem) end
  return tunnel and tunnel.handshake_age and tunnel or nil
end

-- How long a machine has for its first handshake: where it has two ways, TCP has its time after UDP's.
local function patience(attempt)
  local first = math.max(timing.seconds(attempt.spec.bootstrap.handshake), SHORTEST_HANDSHAKE)
  if attempt.endpoint.carrier == "tcp" then return first end
  return first + math.max(timing.seconds(OVER_TCP), SHORTEST_HANDSHAKE)
end

-- Waits until the agent had a handshake with the machine at its endpoint of this moment.
-- @param seen function(tunnel) of the agent's tunnel at each look
-- → the tunnel's state, or nil and how long it waited
local function first_handshake(attempt, seen)
  local limit, token = patience(attempt), attempt.session.token
  local until_, pause, unsent = clock.now() + limit, 0.02, nil
  repeat
    local state = agent_client.status()
    if state and state.session == token and state.tunnel then seen(state.tunnel) end
    local tunnel = shaken(state, token)
    if tunnel then return tunnel end
    local own = blame.unsent(state)
    unsent = own and (unsent or clock.now()) or nil
    if own and clock.now() - unsent >= timing.seconds(blame.OWN_SECONDS) then blame.raise(own) end
    task.sleep(pause)
    pause = math.min(pause * 1.1, 0.5)
  until clock.now() > until_
  return nil, limit
end

-- The agent reached a machine over TCP that was silent over UDP: the network in between eats UDP. The record
-- keeps that endpoint, so every agent to come goes there.
local function keep_tcp(plan, attempt)
  attempt.endpoint = attempt.spec.bootstrap.over_tcp(attempt.endpoint)
  plan.journal:append("moved", attempt.session.token, { endpoint = attempt.endpoint })
  agent_client.reload()
  plan.ui:note("your network lets no UDP through; TUNNEL_CARRIER=tcp saves this wait there")
end

function steps.tunnel(start)
  local plan, attempt = start.plan, start.attempt
  local endpoint, tried = attempt.endpoint, nil
  local recorded = endpoint.carrier == "tcp"
  plan.ui:progress { text = "Waiting for the first handshake", passing = true }
  agent_client.ensure()
  agent_client.reload()
  local tunnel, waited = first_handshake(attempt, function(seen) -- the agent tries TCP by itself
    if recorded or tried or seen.carrier ~= "tcp" then return end
    tried = true
    plan.ui:note("no answer over UDP; trying TCP on the same machine")
  end)
  if not tunnel then
    local over = recorded and "TCP" or "UDP and TCP"
    blame.unreached(start.counters, ("no tunnel handshake over %s with %s:%d within %s"):format(over,
      endpoint.host, endpoint.port, clock.duration(waited)), "gave no tunnel handshake over " .. over, over)
  end
  if tunnel.carrier == "tcp" and not recorded then keep_tcp(plan, attempt) end
  start.counters.unreached = 0
  plan.journal:append("tunnelled", attempt.session.token)
  plan.ui:done(("Tunnel up%s, handshake %.1f s old"):format(tunnel.carrier == "tcp" and " over TCP" or "",
    tunnel.handshake_age))
end

-- Raises when the guard has not yet seen that it could end the machine: the harmless half of that call was
-- answered (DESIGN §1.15).
local function check_rehearsal(detail)
  if detail.rehearsed ~= false then return end -- true, or null: this cloud has nothing harmless to ask
  local why = type(detail.rehearsal) == "string"
    and "the cloud does not let it end the machine: " .. detail.rehearsal
  fail.raise("machine", why or "it has not yet tried whether the cloud would let it end the machine")
end

-- The guard's state when it is armed, keeps its end on disk and could end the machine at this moment (unless
-- it was accepted that it never can); raises what is missing.
local function guard_now(attempt)
  local session, guard = attempt.session, guest_client.guard()
  if guard.key == false and session.guard_key then
    guest_client.tell(session.token, "/key", { key = session.guard_key }, "PUT")
    guard = guest_client.guard()
  end
  local detail = guard.guard or {}
  if guard.state ~= "armed" then
    fail.raise("machine", "its state is " .. tostring(guard.state))
  end
  if not detail.persisted then
    fail.raise("machine", "it cannot keep its end on the machine's disk")
  end
  if not detail.ready and attempt.spec.guard ~= "none" then
    fail.raise("machine", "it has no key to end the machine with: " .. tostring(detail.missing))
  end
  if attempt.spec.guard ~= "none" then check_rehearsal(detail) end
  guest_client.tell(session.token, "/heartbeat")
  return guard
end

function steps.guard(start)
  local plan, attempt = start.plan, start.attempt
  local session, spec, ui = attempt.session, attempt.spec, plan.ui
  ui:progress { text = "Asking the guard on the machine", passing = true }
  local until_, guard, problem = clock.now() + math.max(timing.seconds(60), SHORTEST_GUARD), nil, nil
  repeat
    local ok, answer = fail.try(guard_now, attempt)
    if ok then guard = answer else problem = fail.message(answer) end
    if not guard then task.sleep(0.05) end
  until guard or clock.now() > until_
  if not guard then
    fail.raise("machine", "the guard on the machine cannot be relied on: " .. problem)
  end
  attempt.guard = guard
  if spec.guard == "none" then
    plan.journal:append("unguarded", session.token)
    local off = attempt.provider.capabilities.switches_off
    ui:warn((off and SWITCHES_OFF or NO_GUARD):format(session.id, report.limits_text(spec.limits, not off)))
    return
  end
  plan.journal:append("guarded", session.token)
  ui:done("Guard armed: " .. report.limits_text(spec.limits))
  if spec.guard == "account-key" then
    ui:note("it holds your account's key, as GUARD_ACCOUNT_KEY=yes allows")
  end
end

function steps.model(start)
  local plan = start.plan
  plan.journal:append("loading", start.attempt.session.token)
  local function shown(progress) plan.ui:progress(progress) end
  if start.attempt.candidate.offer.nodes then
    local state = replicas.await(start.attempt.provider, start.attempt.session, plan.want, shown)
    plan.ui:done(("%s: %s"):format(plan.want.model.name, replicas.text(state)))
    return
  end
  start.attempt.pulled = model.pull(plan.engine, plan.want.model.name, shown)
  plan.ui:done(("%s is on the machine"):format(plan.want.model.name))
end

function steps.health(start)
  local plan, attempt, ui = start.plan, start.attempt, start.plan.ui
  local session = attempt.session
  local health = model.verify(plan.engine, plan.want, function(text) ui:progress { text = text } end,
    function(text) ui:note(text) end)
  attempt.health = health
  twins.end_all(plan.journal, attempt.provider, session, ui, true)
  guest_client.tell(session.token, "/lease", { idle = attempt.spec.limits.idle })
  local took = table.move(start.counters.took, 1, LAST - 1, 1, {})
  took[LAST] = starts.passed(start.counters)
  plan.journal:append("ready", session.token, { speed = health.tokens_per_second, context = health.context,
    pulled = attempt.pulled, took = took })
  local speed = health.tokens_per_second
  ui:done(speed and ("Model responding (%.0f tokens/s)"):format(speed) or "Model responding")
end

return steps
