-- SPDX-License-Identifier: MIT
-- The truth about what is running, as the model that ui/status.lua shows: from the journal, the agent,
-- and the guard's own words.
local clock = lazy "base.clock"
local fail = require "base.fail"
local files = require "base.files"
local world = require "sandbox.world"
local clouds = lazy "facts.clouds"
local config = require "config.effective"
local cost = lazy "home.cost"
local identity = lazy "home.identity"
local agent_client = lazy "home.agent_client"
local progress = lazy "home.progress"
local guest_client = lazy "home.guest_client"
local engine_model = lazy "start.model"
local provider_of = lazy "money.provider_of"
local recover = lazy "money.recover"
local folder = lazy "home.folder"
local sessions = lazy "home.sessions"
local null_screen = lazy "base.null_screen"
local budget = lazy "money.budget"
local extension = lazy "money.extension"
local past = lazy "home.past"
local standing = lazy "money.standing"
local told = lazy "money.history"

local report = {}

--- The three limits of the guard in one line; unguarded: without silence, which only a guard can notice.
function report.limits_text(limits, unguarded)
  local function one(seconds, words)
    return seconds > 0 and clock.duration(seconds) .. " " .. words or "no limit " .. words
  end
  return (unguarded and "" or one(limits.silence, "of silence") .. ", ") .. one(limits.idle, "of idleness")
    .. ", " .. one(limits.life, "of life")
end

--- What may be promised of a machine whose guard never answered.
report.UNGUARDED =
  "no guard is known to be armed on it, so it is ended at a limit only by this computer, while it is on"

local function state_of(session)
  if session.unproven or session.doubted then return "unproven" end
  if session.forgotten then return "forgotten" end
  if session.unverifiable then return "unverifiable" end
  if not session.id then return "lost" end
  if session.stopping then return "stopping" end
  if session.found then return "found" end
  if session.ready_at then return "ready" end
  return session.kept and "kept" or "starting"
end

local function title_of(name)
  return name and (provider_of.title(name)) or "a cloud that the record does not name any more"
end

local function describe(session)
  local plan, endpoint = session.plan or {}, session.endpoint or {}
  local now = clock.wall()
  return {
    state = state_of(session), home = config.home(), started = session.started,
    seconds = session.started and now - session.started or nil,
    instance = { id = session.id, provider = session.provider, title = title_of(session.provider),
      gpu = plan.gpu, gpus = plan.gpus, replicas = plan.replicas, nodes = plan.nodes, region = plan.region,
      type = plan.spot and "spot" or "on-demand", public_ip = endpoint.host },
    model = { name = plan.model, state = session.ready_at and "ready" or "loading",
      context = session.context or plan.context, tokens_per_second = session.speed },
    endpoint = { url = ("http://127.0.0.1:%d"):format(plan.local_port or identity.port()), host = "127.0.0.1",
      port = plan.local_port or identity.port(), wireguard_ip = "10.13.37.1" },
    limits = { silence = plan.silence, idle = plan.idle, life = plan.life,
      max_price = plan.max_price or nil },
    cost = { hourly = cost.hourly(session), current = cost.reckonable(session) and cost.so_far(session, now)
        or nil, at_most = cost.at_most(session) or nil, currency = session.currency or "USD",
      projected = plan.hours and cost.projected(session, plan.hours) or nil, projected_hours = plan.hours },
    servers = plan.nodes and { wanted = plan.replicas } or nil, rate = config.rate(), warnings = {},
  }
end

local function warn(model, condition, text)
  if condition then model.warnings[#model.warnings + 1] = text end
end

-- The guard's own words; one without a key is called what it is for the user: none.
local function guard_model(session, guard)
  local none, cloud = session.plan.guard == "none", clouds.known(session.provider)
  return { state = none and "none" or guard.state, silence_left = guard.silence_left,
    idle_left = guard.idle_left, life_left = guard.life_left,
    switches_off = none and cloud and cloud.capabilities and cloud.capabilities.switches_off or nil }
end

local function ago(seconds) return clock.duration(seconds) .. " ago" end

local function add_tunnel(model, agent)
  local tunnel = agent.tunnel
  local age = tunnel and tunnel.handshake_age
  local heard = age and age < agent_client.SILENT_SECONDS
  model.tunnel = tunnel and { state = heard and "connected" or "silent", carrier = tunnel.carrier,
    handshake_age = age } or { state = "down" }
  warn(model, agent.problem, agent.problem)
  warn(model, agent.reaction_problem, agent.reaction_problem)
  warn(model, agent.heartbeat_problem, "the guard does not answer: " .. tostring(agent.heartbeat_problem))
  warn(model, agent.server_problem, agent.server_problem)
  if model.servers and agent.servers then model.servers.ready = agent.servers.ready end
  warn(model, agent.cloud_problem, "the cloud does not answer: " .. tostring(agent.cloud_problem))
end

-- The guard is asked at this moment; its last known words serve when it is silent, and are said to be old.
-- → whether it answered
local function add_guard(model, session, agent)
  local ok, guard = fail.try(guest_client.guard)
  if not ok then
    guard = agent.guest
    warn(model, guard, guard and agent.guest_age and "the guard's times are as of " .. ago(agent.guest_age))
  end
  if not guard then
    model.guard = guard_model(session, { state = "unknown" })
    return false
  end
  model.guard = guard_model(session, guard)
  warn(model, guard.state ~= "armed" and session.plan.guard ~= "none", "the guard is ending the machine")
  local engine = guard.engine
  local dead = guard.state == "armed" and type(engine) == "table" and engine.running == false
  warn(model, dead, "the model server on the machine is not running; the guard starts it again")
  return ok
end

local function add_model(model, session)
  if not session.ready_at then return end
  local engine = world.require_safe("engines." .. (session.plan.engine or "ollama"))
  local ok, state = fail.try(engine.check, guest_client.engine_probe(), session.plan.model,
    session.plan.context)
  if not ok then
    model.model.state = "unknown"
  elseif not state.loaded then
    model.model.state = "not loaded"
  else
    local idle = engine_model.gpu_idle(state, session.plan.model)
    warn(model, idle, idle and idle .. "; end the machine with `continueplz stop` and start another one")
  end
end

-- The limits by the guard's words, or by what is known without them.
local function add_standing(model, session, journal, agent, guard)
  local now = clock.wall()
  local heard = agent and agent.heartbeat_age and now - agent.heartbeat_age or session.ready_at
  local found, provider = fail.try(provider_of.provider, session.provider)
  local longest = found and provider.longest
    and provider.longest(extension.rented_life(session)) or nil
  model.standing = standing.of(session, guard, { now = now, heard = heard, cloud = longest,
    hourly = cost.hourly(session), sessions = journal:recent(budget.SECONDS) })
end

local function complete(session, journal)
  local model = describe(session)
  local agent, problem = agent_client.status()
  if not agent then
    model.guard = guard_model(session, { state = "unknown" })
    model.tunnel = { state = "down" }
    model.cost.at_most = true
    warn(model, true, "the agent of this folder does not answer: " .. problem)
    add_standing(model, session, journal)
    return model
  end
  add_tunnel(model, agent)
  local reached = false
  if model.tunnel.state ~= "down" then
    reached = add_guard(model, session, agent)
    if session.ready_at and not reached then model.model.state = "unknown" end
    if reached then add_model(model, session) end
  end
  if not reached then model.cost.at_most = true end -- nobody knows whether it still runs
  add_standing(model, session, journal, agent, reached and model.guard or nil)
  return model
end

-- The newest session of all, and the newest that had a machine; each may be nil.
local function newest(journal)
  local first, ran
  past.each(journal.home, nil, function(session)
    first, ran = first or session, session.id and session.started and session
    return ran
  end, journal)
  return first, ran or nil
end

-- That session, when nobody here ended it and it is not long ago: { id, provider, reason, spot,
-- cost, seconds, ended }.
local function loss_of(session)
  if not session or not sessions.lost_by_itself(session) then return nil end
  local now = clock.wall()
  if now - session.ended > sessions.TELL_SECONDS then return nil end
  return { id = session.id, provider = session.provider, reason = session.stopping,
    spot = session.plan and session.plan.spot == true, cost = session.cost
      or cost.reckonable(session) and cost.so_far(session, now) or nil, at_most = session.cost_at_most,
    seconds = session.ended - (session.started or session.ended), ended = session.ended }
end

-- A sentence for each session whose SSH key or firewall ruleset could not be removed yet.
local function left_behind(journal)
  local list = {}
  for index, session in ipairs(journal:untidy()) do
    list[index] =
      ("what was made at %s besides the machine %s is still there (%s); it costs nothing and is tried again")
      :format(title_of(session.provider), session.token, session.untidy_reason or "not tried yet")
  end
  return list
end

-- A stop, or the undoing of a start, that was cut off and is finished now;
-- known: the machine of which the loss is told already.
local function finished_text(result, known)
  local session = result.session
  if result.outcome ~= "proven" and result.outcome ~= "unverifiable" or not session.id then
    return nil
  end
  if known and known.id == session.id and session.stopping ~= "stop" then
    return nil
  end
  return ("the %s of %s on %s was cut off; it was finished now, and the machine is %s")
    :format(session.stopping == "stop" and "stop" or "undoing",
      session.id, title_of(session.provider), result.outcome == "proven" and "proven ended" or "gone")
end

-- What another process is at; where nobody holds the lock of the home, nothing is read for that.
local function under_way()
  local home = config.home()
  return files.owner(files.join(home, "home.lock")) and progress.under_way(home) or nil
end

-- The model of this moment; whether it is over meanwhile: the agent may have proven the end of the machine
-- while its guard was asked.
local function status_now()
  local journal, finished = recover.any(null_screen)
  local doubt = recover.unknown(journal, null_screen)
  local shown = journal:shown()
  local session = journal:current() or shown[#shown]
  local left = left_behind(journal)
  for _, thing in ipairs(journal:things()) do
    left[#left + 1] = ("%s %s at %s was asked to go and is not proven gone (%s); every command tries again, "
      .. "and `continueplz ack %s` closes it once you saw that it is gone"):format(thing.kind, thing.id,
      title_of(thing.provider), thing.doubt or "the command was cut off", thing.id)
  end
  left[#left + 1] = folder.missing(config.home())
  local first, ran
  if not session then first, ran = newest(journal) end
  local last = loss_of(first)
  for _, result in ipairs(finished) do left[#left + 1] = finished_text(result, last) end
  if not session then
    return { state = doubt and "unknown" or "none", home = config.home(), last = last, rate = config.rate(),
      warnings = left, doubt = doubt, progress = under_way(),
      previous = ran and told.row(ran, clock.wall()) }, false
  end
  local model = session.id and not session.closed and not session.found and complete(session, journal)
    or describe(session)
  model.progress = under_way()
  table.move(left, 1, #left, #model.warnings + 1, model.warnings)
  warn(model, doubt, doubt)
  warn(model, session.kept and not session.guarded_at and not session.closed, report.UNGUARDED)
  warn(model, recover.is_broken(session) and not recover.may_undo(journal, session),
    "the record of this folder was cut or damaged, so nobody knows whether this machine is in use; "
      .. "`continueplz stop` ends it")
  local now = journal:refresh():session(session.token)
  return model, not session.closed and now ~= nil and now.closed ~= nil
end

--- What is running in this home; finishes leftovers and brings a dead agent back first.
function report.status()
  local model, over = status_now()
  return over and status_now() or model
end

--- The same model `seconds` later, as long as nobody has looked again: what counts goes on counting.
function report.aged(model, seconds)
  local cost_then, guard, copy = model.cost, model.guard, setmetatable({}, { __index = model })
  copy.seconds = model.seconds and model.seconds + seconds
  if cost_then then
    copy.cost = setmetatable({ current = cost_then.current and cost_then.current
      + cost_then.hourly * seconds / 3600 }, { __index = cost_then })
  end
  if guard then
    copy.guard = { state = guard.state }
    for _, name in ipairs { "silence_left", "idle_left", "life_left" } do
      copy.guard[name] = guard[name] and math.max(0, guard[name] - seconds)
    end
  end
  return copy
end

--- The model of the READY panel. attempt: of the start that just ended (start.state)
function report.ready(journal, attempt)
  local session = journal:refresh():session(attempt.session.token)
  local model = describe(session)
  model.model.context = attempt.health.context or model.model.context
  model.tunnel = { state = "connected", carrier = session.endpoint.carrier or "udp" }
  model.guard = guard_model(session, attempt.guard)
  if model.servers then model.servers.ready = model.servers.wanted end -- the start waited for all
  return model
end

return report
