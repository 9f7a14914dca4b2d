-- SPDX-License-Identifier: MIT
-- The agent of a home: owns the tunnel, sends heartbeats, watches the machine, finishes what others left. One
-- per home, by agent.lock.
local clock = require "base.clock"
local fail = require "base.fail"
local files = require "base.files"
local log = require "base.log"
local net = require "base.net"
local server = require "base.server"
local task = require "base.task"
local config = require "config.effective"
local early_stop = require "agent.early_stop"
local alert = require "home.alert"
local budget = require "money.budget"
local carrier = require "agent.carrier"
local contact = require "agent.contact"
local gpu = require "agent.gpu"
local agent_client = require "home.agent_client"
local guest_client = require "home.guest_client"
local bootstrap = require "start.bootstrap"
local memory = require "agent.memory"
local timing = require "home.timing"
local reactions = require "agent.reactions"
local recover = require "money.recover"
local removals = require "agent.removals"
local servers = require "agent.servers"
local sight = require "agent.sight"
local null_screen = require "base.null_screen"
local statefile = require "home.statefile"
local stop = require "money.stop"
local resources = require "money.resources"
local provider_of = require "money.provider_of"
local tunnel = require "agent.tunnel"
local watch = require "agent.watch"

local HEARTBEAT = 60       -- seconds between heartbeats to the guard
local HEARTBEAT_SOON = 1   -- while none got through yet
local WATCH = 60           -- seconds between looks at the cloud
local GRACE = 20           -- seconds an unfinished start is left alone

local agent = {}

-- Reads the journal again.
local function read(self)
  self.journal:refresh()
  memory.keep(self.kept, self.journal)
end

-- Brings the tunnel in line with the journal.
local function follow(self)
  read(self)
  local session = self.journal:current()
  self.session = session
  if session and (not self.contact or self.contact.token ~= session.token) then
    self.contact = contact.of(self.journal.home, session)
  end
  if not session or not session.endpoint then
    tunnel.close(self)
  elseif not tunnel.fits(self, session) then
    tunnel.close(self)
    tunnel.open(self, session)
    fail.try(provider_of.provider, session.provider) -- loaded now, so that a stop need not wait for it
  end
end

local function beat(self)
  if not self.tunnel then return false end
  if not tunnel.status(self).handshake_age then
    carrier.silent(self)
    return false
  end
  if carrier.shaken(self) then follow(self) end
  local asked, wall = clock.now(), clock.wall() -- this computer may sleep while the guard answers
  local ok, problem = fail.try(guest_client.tell, self.tunnel_for, "/heartbeat")
  if not ok then
    self.heartbeat_problem = fail.message(problem)
    if self.tunnel then carrier.silent(self) end
    return false
  end
  carrier.heard(self)
  self.heartbeat_at, self.heartbeat_problem = asked, nil
  local known, guest = fail.try(guest_client.guard)
  if known then self.guest, self.guest_at = guest, clock.now() end
  if self.contact.token == self.tunnel_for then self.contact:heard(known and guest or nil) end
  statefile.heard(self.journal.home, wall, function() return self.journal:refresh():current() end)
  return true
end

local function next_beat(self)
  local ok = beat(self)
  self.bell.take(ok and timing.seconds(HEARTBEAT)
    or math.min(timing.seconds(HEARTBEAT_SOON), tunnel.PATIENCE))
end

local end_session

local function react(self, name, session, more) reactions.react(self, name, session, more, end_session) end

-- Takes home.lock. → true when it is ours; nil when somebody else is at work; false when it cannot be had at
-- all (a disk that takes no writes), which keeps nobody from ending a machine (DESIGN §1.14)
local function hold(self)
  local locked, why, code = self.journal:acquire("agent")
  if locked then return true end
  if code == "busy" then return nil end
  log.error("the folder cannot be locked; what is to be ended is ended without a record of it",
    { error = why })
  return false
end

-- The machine is no longer what we rented: end it, for a stopped one still bills and may start again by
-- itself. One that was ended without a record of it (self.over: token → reason) is ended again, silently,
-- when that can be recorded.
function end_session(self, session, provider, reason, message)
  local locked, over = hold(self), self.over[session.token]
  if locked == nil or over and not locked then return end
  local current, outcome, doubt = self.journal:session(session.token) or session, nil, nil
  if not current.closed then
    if not over then alert.warn(message, { instance_id = session.id, provider = session.provider }) end
    local ok
    ok, outcome, doubt = fail.settle(stop.session, self.journal, provider, current, reason, null_screen)
    if not ok then log.error("ending the machine failed", { error = fail.message(outcome) }) end
    self.over[session.token] = ok and outcome ~= "unproven" and self.journal.unrecorded and reason or nil
  end
  if locked then self.journal:release() end
  follow(self)
  if outcome == "unproven" then react(self, "unproven", session, { reason = doubt }) end
end

-- A container that was restarted by its cloud has other ports outside.
local function follow_endpoint(self, session, provider, instance)
  local inner, known = session.plan.ports, session.endpoint
  local now = inner and known and bootstrap.of(provider).endpoint(instance, inner, known.carrier)
  if not now or now.host == known.host and now.port == known.port or not self.journal:acquire("agent") then
    return
  end
  self.journal:append("moved", session.token, { endpoint = now })
  self.journal:release()
  log.warn("the machine is reached elsewhere now", { endpoint = now.host .. ":" .. now.port })
  follow(self) -- tunnel.hurry opens by self.session
  tunnel.move(self, now)
  self.bell.put(true)
end

-- Asks the machine through the tunnel at this moment.
local function answers(self, session)
  if self.tunnel_for ~= session.token or not self.tunnel or not self.tunnel:status().handshake_age then
    return false
  end
  local ok = fail.try(guest_client.tell, session.token, "/heartbeat")
  if ok then self.contact:heard() end
  return ok
end

local function look(self, session)
  local provider
  local ok, instance = fail.try(function()
    provider = provider_of.provider(session.provider)
    return provider.get(session.id)
  end)
  if not ok then
    self.cloud_problem = fail.message(instance)
    log.warn("the cloud could not be asked about the machine",
      { error = self.cloud_problem, instance_id = session.id })
    return sight.failed(self.sight, session, instance)
  end
  sight.seen(self.sight, self.journal, session, provider, instance)
  local over = self.over[session.token]
  if over then return end_session(self, session, provider, over) end
  self.cloud_problem, self.instance, self.seen_at = nil, instance, clock.wall()
  local verdict = watch.verdict(self.sights, session, self.contact, instance, function()
    return answers(self, session)
  end)
  if watch.doubted(self.sights, session) and not session.paused and self.journal:acquire("agent") then
    self.journal:try_append("paused", session.token, { status = instance.status })
    self.journal:release()
  end
  if not verdict then
    return follow_endpoint(self, session, provider, instance)
  end
  end_session(self, session, provider, verdict.reason, verdict.message)
  if verdict.lost then react(self, "spot_lost", session, { reason = verdict.lost }) end
end

local TIDY_SECONDS = 24 * 3600 -- how long the agent stays for what it cannot remove

-- Closed sessions that left something which is worth staying for.
local function untidy(self)
  local list = {}
  for _, session in ipairs(self.journal:untidy()) do
    if math.abs(clock.wall() - (session.ended or 0)) < TIDY_SECONDS then list[#list + 1] = session end
  end
  return list
end

-- Starts that were cut off and stops that were not proven.
local function leftovers(self)
  for _, session in ipairs(self.journal:open_sessions()) do
    if recover.may_undo(self.journal, session)
      and math.abs(clock.wall() - (session.last or 0)) > timing.seconds(GRACE) then
      local locked = hold(self)
      if locked == nil then return end
      local current = self.journal:session(session.token) or session
      local ok, results = fail.settle(stop.all, self.journal, { current }, "unfinished start", null_screen,
        not session.id and 1 or nil)
      if not ok then log.error("a leftover could not be ended", { error = fail.message(results) }) end
      if locked then self.journal:release() end
      local last = ok and results[1]
      if last and last.outcome == "unproven" then
        react(self, "unproven", session, { reason = last.doubt })
      end
    end
  end
  if #untidy(self) > 0 and self.journal:acquire("agent") then
    resources.rest(self.journal)
    self.journal:release()
  end
  removals.round(self.removals, self.journal)
end

local function nothing_left(self)
  local journal = self.journal
  return #journal:open_sessions() == 0 and #untidy(self) == 0 and #journal:things() == 0
end

-- The user's own reactions come last, after everything that the agent owes.
local function tell_news(self)
  local session = self.journal:current()
  if not session or session.stopping then return end
  for _, event in ipairs(reactions.news(self.memory, session, self.guest, self.instance)) do
    react(self, event[1], session, event[2])
  end
end

-- A stop that asked (agent.early_stop) and did not go on is finished here.
local function finish_asked(self, session)
  if clock.now() - self.ahead.at < timing.seconds(GRACE) then return end
  local found, provider = fail.try(provider_of.provider, session.provider)
  if found then end_session(self, session, provider, "stop", "a stop was cut off; it is finished") end
end

local function next_look(self)
  task.sleep(timing.seconds(WATCH))
  follow(self)
  local session = self.session
  sight.renew(self.sight, session and select(2, fail.try(provider_of.provider, session.provider)))
  local watched = session and (session.ready_at or session.kept or session.taken or self.journal:doubtful())
  if watched and not session.stopping then
    (early_stop.about(self.ahead, session) and finish_asked or look)(self, session)
  end
  local used = session and session.ready_at and not session.stopping
  self.gpu_problem = used and gpu.watch(self.cards, session) or nil
  self.server_problem = used and servers.watch(self.servers, session) or nil
  leftovers(self)
  read(self)
  self.warned = budget.watch(self.journal:recent(budget.SECONDS), self.warned)
  tell_news(self)
  alert.deliver()
  if nothing_left(self) then self.ending.put("nothing is open any more") end
end

-- A duty goes on for as long as the agent lives: a round of it that fails is told of,
-- and the next one is begun.
local function duty(self, round)
  return task.spawn(function()
    while true do
      local ok, problem = fail.try(round, self)
      if not ok then
        log.error("a duty of the agent failed; it is taken up again",
          { error = fail.message(problem), trace = problem.trace })
        task.sleep(timing.seconds(HEARTBEAT_SOON))
      end
    end
  end)
end

local function status(self)
  local now = clock.now()
  return {
    pid = require("base.process").pid(), session = self.tunnel_for,
    tunnel = self.tunnel and self.tunnel:status() or nil, guest = self.guest, guest_age = self.guest_at
      and now - self.guest_at or nil, heartbeat_age = self.heartbeat_at and now - self.heartbeat_at or nil,
    heartbeat_problem = self.heartbeat_problem, cloud_problem = self.cloud_problem,
    key_refused = self.sight.refused, instance = self.instance, problem = self.problem,
    reaction_problem = self.reaction_problem, gpu_problem = self.gpu_problem,
    server_problem = self.server_problem, servers = self.session and self.servers.token == self.session.token
      and self.servers.state or nil,
  }
end

local function answer(self, request)
  if request.method == "GET" and request.path == "/status" then
    return { status = 200, json = status(self) }
  end
  if request.method == "POST" and request.path == "/reload" then
    follow(self)
    self.bell.put(true)
    return { status = 200, json = status(self) }
  end
  if request.path == "/terminate" then
    if request.method ~= "POST" then
      return { status = 200, json = early_stop.outcome(self.ahead) }
    end
    local refused = early_stop.refused(self.session, request.query, self.journal.home)
    if refused then
      log.warn("a stop was about something else", { reason = refused })
      return { status = 409, json = { error = refused } }
    end
    early_stop.send(self.ahead, self.session)
    return { status = 200, json = early_stop.outcome(self.ahead) }
  end
  if request.method == "POST" and request.path == "/quit" then
    self.ending.put("asked to")
    return { status = 200, json = { quitting = true } }
  end
  return { status = 404, json = { error = "unknown request" } }
end

-- The machine is not touched.
local function tear_down(self, reason, jobs)
  log.info("Agent ends", { reason = reason })
  for _, job in ipairs(jobs) do task.cancel(job, fail.new { kind = "interrupted", message = reason }) end
  for _, job in ipairs(jobs) do fail.settle(task.await, job) end
  tunnel.close(self)
  for _, name in ipairs { "agent", "guest", "engine" } do files.remove(agent_client.socket(name)) end
end

--- Runs the agent of this home until nothing is open or it is told to quit.
-- → 0, or "busy": another one is at work
function agent.run()
  local lock = files.lock(files.join(config.home(), "agent.lock"), "agent")
  if not lock then return "busy" end
  local self = { journal = require("home.journal").open(config.home(), true), bell = task.channel(),
    memory = {}, kept = {}, sights = {},
    sight = {}, cards = {}, servers = {}, over = {}, removals = {}, ending = task.channel(), ahead = {} }
  local listener = net.listen { unix = agent_client.socket("agent") }
  log.info("Agent starts", { home = config.home() })
  follow(self)
  local service = server.serve(listener, function(request) return answer(self, request) end)
  task.on_signal(function(name) self.ending.put("signal " .. name) end)
  local jobs = { duty(self, next_beat), duty(self, next_look) }
  tear_down(self, self.ending.take(), jobs)
  service.stop()
  lock:release()
  return 0
end

return agent
