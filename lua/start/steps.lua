-- SPDX-License-Identifier: MIT
-- The eight steps of a start, each a function(run); start.deploy puts them in order and undoes them. What they may raise of kind `machine`
-- means: this machine is of no use, another may be.
--
-- run: { want, ui, options, consent (money.price_limit), journal, engine, client_public, accounts, balances, refusals, next, silent, rated, odd,
-- dead } and what the steps add: collected, ordered, rejected, candidate, provider, made (start.machine), session (money.rent), endpoint, guard, health.
local clock = require "base.clock"
local fail = require "base.fail"
local log = require "base.log"
local task = require "base.task"
local config = require "config.effective"
local blame = require "start.blame"
local gpus = require "facts.gpus"
local guard_policy = require "money.guard_policy"
local identity = require "home.identity"
local agent_client = require "home.agent_client"
local guest_client = require "home.guest_client"
local machine = require "start.machine"
local model = require "start.model"
local offers = require "start.offers"
local price_limit = require "money.price_limit"
local timing = require "home.timing"
local rent = require "money.rent"
local report = require "start.report"
local skew = require "start.skew"
local trusted = require "money.provider_of"
local twins = require "money.twins"

local RATE_TRIES, RATE_PAUSE = 5, 15 -- creates that came too fast; seconds
local ODD_REFUSALS = 3       -- creates refused for other reasons than capacity
local SHORTEST_HANDSHAKE = 8 -- seconds; the tunnel's own timers do not run faster for simulators
local SHORTEST_GUARD = 8     -- seconds, for the same reason: its second rehearsal comes after some

local function name_of(candidate)
  local offer = candidate.offer
  local gpu = gpus.find(offer.gpu)
  return ("%s %s %s @ $%.3f/h %s"):format(offer.provider, gpu and gpu.title or offer.gpu, offer.region or "?",
    candidate.hourly, candidate.spot and "spot" or "on-demand")
end

local steps = {}

function steps.prices(run)
  run.ui:progress { text = "Asking the clouds", passing = true }
  run.collected = offers.collect(run.want, function(name, result) run.ui:offers_line(name, result) end)
  local wrong = skew.sentence()
  if wrong then run.ui:warn(wrong) end
end

local function plan_of(run, candidate, made)
  local offer = candidate.offer
  return {
    provider = offer.provider, account = run.accounts[offer.provider], offer = tostring(offer.id), gpu = offer.gpu, gpus = offer.gpus, region = offer.region,
    spot = candidate.spot, hourly = candidate.hourly - (offer.disk_hour or 0), disk_hour = offer.disk_hour,
    currency = offer.currency, minimum_seconds = offer.minimum_seconds,
    bid = candidate.bid, download = candidate.parts.download,
    model = run.want.model.name, engine = run.want.engine, context = run.want.context, disk_gb = run.want.disk_gb, hours = run.want.hours,
    server_public = made.server_public, ports = { listen = made.ports.listen, push = made.ports.push },
    guard = made.guard, silence = made.limits.silence, idle = made.limits.idle, life = made.limits.life,
    max_price = config.get("MAX_PRICE"), keep = run.options.keep_on_failure or nil, local_port = identity.port(),
  }
end

-- The account in use at a cloud is looked at once; its credit is compared with what each candidate costs.
local function account_of(run, provider, candidate)
  if not run.accounts[provider.name] then
    local account = provider.account()
    run.accounts[provider.name], run.balances[provider.name] = tostring(account.id), account.balance
  end
  price_limit.need_credit(provider, run.balances[provider.name], candidate, run.want.hours)
end

-- What a refusal of `candidate` means for the next try: too fast → the same offer after a pause; gone or too dear → the next one, with the
-- reason shown; anything else ends the start.
local function after_refusal(run, candidate, problem)
  if fail.is(problem, "rate") and run.rated < RATE_TRIES then
    run.rated, run.next = run.rated + 1, run.next - 1
    run.ui:note(("%s; waiting before the same offer is tried again"):format(fail.message(problem)))
    task.sleep(timing.seconds(RATE_PAUSE))
    return
  end
  if problem.blind or not (fail.is(problem, "capacity") or fail.is(problem, "refused") or fail.is(problem, "transient")) then error(problem, 0) end
  if not fail.is(problem, "capacity") then
    run.odd = run.odd + 1
    if run.odd >= ODD_REFUSALS then error(problem, 0) end
  end
  run.refusals[#run.refusals + 1] = { candidate = candidate, reason = fail.message(problem), kind = problem.kind }
  log.info("An offer was refused", { offer = name_of(candidate), reason = fail.message(problem) })
  if fail.is(problem, "capacity") then
    run.ui:progress { text = "Asking for the next offer, as this one is gone", detail = name_of(candidate) }
  else
    run.ui:note(("%s: %s; trying the next offer"):format(name_of(candidate), fail.message(problem)))
  end
end

-- "18 offers were tried: 17 gone, 1 refused"
local function refusals_of(run)
  local gone = 0
  for _, each in ipairs(run.refusals) do gone = gone + (each.kind == "capacity" and 1 or 0) end
  local other = #run.refusals - gone
  return ("%d offer%s tried in vain: %d gone%s"):format(#run.refusals, #run.refusals == 1 and " was" or "s were", gone,
    other > 0 and (", %d refused"):format(other) or "")
end

-- A cloud that takes nothing more from us costs only itself: its offers are left out while another cloud has some.
local function give_up_on(run, name, problem)
  run.dead[name] = true
  for index = run.next, #run.ordered do
    if not run.dead[run.ordered[index].offer.provider] then
      run.ui:warn(("%s: %s; going on with the other clouds"):format(name, fail.message(problem)))
      return
    end
  end
  error(problem, 0)
end

local HOPELESS = { auth = true, funds = true, quota = true }

-- What renting at a cloud takes besides an offer: an account with credit, and a guard. → how machines there are guarded
local function ready_to_rent(run, provider, candidate)
  local guard = guard_policy.demand(provider, run.want.accept_no_guard)
  account_of(run, provider, candidate)
  return guard
end

-- The next candidate of a cloud that is not given up: { candidate, provider, guard }; nil after the last.
local function next_candidate(run)
  while run.next <= #run.ordered do
    local candidate = run.ordered[run.next]
    local name = candidate.offer.provider
    run.next = run.next + 1
    if not run.dead[name] and not run.failed_hosts[name .. " " .. tostring(candidate.offer.host)] then
      local provider = trusted.provider(name)
      local ok, guard = fail.try(ready_to_rent, run, provider, candidate)
      if ok then return candidate, provider, guard end
      give_up_on(run, name, guard)
    end
  end
end

-- Does the yes cover it? A person is told the credit that is there as well.
local function consented(run, candidate)
  return price_limit.given(run.consent, candidate, function(each, before)
    return run.options.ask(each, before, run.balances[each.offer.provider])
  end)
end

-- The first choice is the first that can be rented at all: at a cloud that knows us, with credit and a guard.
function steps.choose(run)
  run.ordered, run.rejected = offers.rank(run.collected, run.want)
  if #run.ordered == 0 then offers.explain_nothing(run.collected, run.rejected, run.want) end
  price_limit.first(run.consent, run.ordered[1])
  run.ui:progress { text = "Looking at the account", passing = true }
  run.candidate = run.options.dry_run and run.ordered[1] or next_candidate(run)
  run.next = run.next - 1 -- it is tried first
  run.ui:done("Selected: " .. name_of(run.candidate))
  if run.options.dry_run then return "dry-run" end
  run.options.chosen(run.candidate, run.balances[run.candidate.offer.provider])
  if not consented(run, run.candidate) then return "declined" end
end

-- One create; refusals go on as after_refusal says. → "declined" when a person does not agree to the sum of what is left
local function create_next(run)
  for candidate, provider, guard in next_candidate, run do
    if not consented(run, candidate) then return "declined" end
    run.ui:progress { text = "Asking for " .. name_of(candidate), passing = true }
    local made = machine.prepare(provider, run.engine, run.client_public, guard)
    local ok, result = fail.settle(rent.create, run.journal, provider, plan_of(run, candidate, made), function(token)
      return machine.order(made, candidate, run.want, token)
    end, function(text) run.ui:note(text) end)
    if ok then
      run.candidate, run.provider, run.made, run.session = candidate, provider, made, result
      return
    end
    if result.created then
      run.ui:note(("the cloud refused the create, but made %s all the same; it is ended"):format(result.created.id))
      run.undo(result.created, provider, "create refused: " .. fail.message(result))
    end
    if HOPELESS[result.kind] and not result.created then
      give_up_on(run, provider.name, result)
    else
      after_refusal(run, candidate, result)
    end
  end
  local last = run.refusals[#run.refusals]
  fail.raise("capacity", ("no offer could be had: %s; the last refusal was: %s; try again soon, or with another --model, --gpu or --region")
    :format(refusals_of(run), last and last.reason or "none"))
end

function steps.create(run)
  local declined = create_next(run)
  if declined then return declined end
  twins.end_all(run.journal, run.provider, run.session, run.ui)
  if #run.refusals > 0 then run.ui:note(refusals_of(run) .. "; the log names each") end
  run.ui:done(("Instance %s created (%s)"):format(run.session.id, name_of(run.candidate)))
end

-- Is it what was agreed? Looked at once, at the first look that shows a price.
local function check_price(run, instance)
  if not instance.hourly or run.priced then return end
  run.priced = true
  price_limit.check_made(run.journal, run.session, run.candidate, instance)
end

function steps.boot(run)
  run.priced = nil
  local before
  run.endpoint, before = machine.boot(run.provider, run.session, run.made, function(instance)
    run.ui:progress { text = "Booting... (" .. (instance.native or instance.status) .. ")" }
    check_price(run, instance)
  end)
  run.journal:append("booting", run.session.token, { endpoint = run.endpoint, before = before })
  run.ui:progress { text = "Delivering the guard" }
  local ok, problem = fail.try(run.made.way.deliver, run.endpoint, run.made)
  if not ok and problem.unreached then
    blame.unreached(run, fail.message(problem), "did not take the guard program", "connections to ports like " .. run.endpoint.push)
  end
  if not ok then error(problem, 0) end
  run.ui:done("Instance running, guard program delivered")
end

function steps.tunnel(run)
  run.ui:progress { text = "Waiting for the first handshake", passing = true }
  agent_client.ensure()
  agent_client.reload()
  local limit = math.max(timing.seconds(run.made.way.handshake), SHORTEST_HANDSHAKE)
  local until_, pause, unsent = clock.now() + limit, 0.02, nil
  repeat
    local state = agent_client.status()
    if state and state.session == run.session.token and state.tunnel and state.tunnel.handshake_age then
      run.silent = 0
      run.journal:append("tunnelled", run.session.token)
      run.ui:done(("Tunnel up, handshake %.1f s old"):format(state.tunnel.handshake_age))
      return
    end
    if state and state.problem then fail.raise("config", state.problem) end
    local own = blame.unsent(state)
    unsent = own and (unsent or clock.now()) or nil
    if own and clock.now() - unsent >= timing.seconds(blame.OWN_SECONDS) then blame.raise(own) end
    task.sleep(pause)
    pause = math.min(pause * 1.1, 0.5)
  until clock.now() > until_
  blame.unreached(run, ("no tunnel handshake over UDP with %s:%d within %s"):format(run.endpoint.host, run.endpoint.port, clock.duration(limit)),
    "gave no tunnel handshake over UDP", "UDP")
end

-- Raises when the guard has not yet seen that it could end the machine: the harmless half of that call was answered (DESIGN §1.15).
local function check_rehearsal(detail)
  if detail.rehearsed ~= false then return end -- true, or null: this cloud has nothing harmless to ask
  local why = type(detail.rehearsal) == "string" and "the cloud does not let it end the machine: " .. detail.rehearsal
  fail.raise("machine", why or "it has not yet tried whether the cloud would let it end the machine")
end

-- The guard's state when it is armed, keeps its end on disk and could end the machine at this moment (unless it was accepted that it
-- never can); raises what is missing.
local function guard_now(run)
  local guard = guest_client.guard()
  if guard.key == false and run.session.guard_key then
    guest_client.tell(run.session.token, "/key", { key = run.session.guard_key }, "PUT")
    guard = guest_client.guard()
  end
  local detail = guard.guard or {}
  if guard.state ~= "armed" then fail.raise("machine", "its state is " .. tostring(guard.state)) end
  if not detail.persisted then fail.raise("machine", "it cannot keep its end on the machine's disk") end
  if not detail.ready and run.made.guard ~= "none" then fail.raise("machine", "it has no key to end the machine with: " .. tostring(detail.missing)) end
  if run.made.guard ~= "none" then check_rehearsal(detail) end
  guest_client.tell(run.session.token, "/heartbeat")
  return guard
end

function steps.guard(run)
  run.ui:progress { text = "Asking the guard on the machine", passing = true }
  local until_, guard, problem = clock.now() + math.max(timing.seconds(60), SHORTEST_GUARD), nil, nil
  repeat
    local ok, answer = fail.try(guard_now, run)
    if ok then guard = answer else problem = fail.message(answer) end
    if not guard then task.sleep(0.05) end
  until guard or clock.now() > until_
  if not guard then fail.raise("machine", "the guard on the machine cannot be relied on: " .. problem) end
  run.guard = guard
  if run.made.guard == "none" then
    run.journal:append("unguarded", run.session.token)
    run.ui:warn(("NO GUARD: %s cannot end itself and bills until you stop it; only while this computer is on and connected is it ended after %s")
      :format(run.session.id, report.limits_text(run.made.limits, true)))
    return
  end
  run.journal:append("guarded", run.session.token)
  run.ui:done("Guard armed: " .. report.limits_text(run.made.limits))
  if run.made.guard == "account-key" then run.ui:note("it holds your account's key, as GUARD_ACCOUNT_KEY=yes allows") end
end

function steps.model(run)
  run.journal:append("loading", run.session.token)
  model.pull(run.engine, run.want.model.name, function(progress) run.ui:progress(progress) end)
  run.ui:done(("%s is on the machine"):format(run.want.model.name))
end

function steps.health(run)
  run.health = model.verify(run.engine, run.want, function(text) run.ui:progress { text = text } end,
    function(text) run.ui:note(text) end)
  twins.end_all(run.journal, run.provider, run.session, run.ui, true)
  guest_client.tell(run.session.token, "/lease", { idle = run.made.limits.idle })
  run.journal:append("ready", run.session.token, { speed = run.health.tokens_per_second, context = run.health.context })
  run.ui:done(run.health.tokens_per_second and ("Model responding (%.0f tokens/s)"):format(run.health.tokens_per_second) or "Model responding")
end

return steps
