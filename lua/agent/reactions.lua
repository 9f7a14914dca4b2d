-- SPDX-License-Identifier: MIT
-- What the user's own reactions.lua says to what the agent sees. It is asked, never obeyed blindly: it runs
-- within bounds, and what it wants is done by the agent after the agent's own duties.
local clean = require "base.clean"
local clock = require "base.clock"
local fail = require "base.fail"
local log = require "base.log"
local process = require "base.process"
local files = require "base.files"
local task = require "base.task"
local world = require "sandbox.world"
local config = require "config.effective"
local alert = require "home.alert"
local cost = require "home.cost"
local timing = require "home.timing"
local price_limit = require "money.price_limit"
local provider_of = require "money.provider_of"

local INSTRUCTIONS = 10000000 -- of Lua; a tenth of a second
local IDLE_SHARE = 4          -- `idle` is told when a quarter of the limit is left
-- seconds that a machine must have served before its successor is started unattended
local RESTART_AFTER = 600
local MOST_ALERTS = 3         -- of one reaction

local reactions = {}

--- The events, in the order of docs/overrides.md.
reactions.events = { "ready", "idle", "price", "spot_lost", "guard_ending", "unproven" }

local function broken(self, why)
  if self.reaction_problem ~= why then log.error("a reaction was passed over", { error = why }) end
  self.reaction_problem = why
end

-- The user's table of functions, or nil.
local function own(self)
  local ok, found, list = fail.try(world.run_home, "reactions.lua")
  if not ok then return broken(self, fail.message(found)) end
  if not found then return nil end
  if type(list) ~= "table" then
    return broken(self, "reactions.lua must return a table of functions, not a " .. type(list))
  end
  for name in require("base.sorted")(list) do
    if not (" " .. table.concat(reactions.events, " ") .. " "):find(" " .. tostring(name)
      .. " ", 1, true) then
      broken(self, ("reactions.lua: there is no event %s; there are %s"):format(tostring(name),
        table.concat(reactions.events, ", ")))
    end
  end
  return list
end

local function describe(name, session, more)
  local plan, now = session.plan or {}, clock.wall()
  local event = { name = name, id = session.id, token = session.token, provider = session.provider,
    gpu = plan.gpu, region = plan.region, model = session.model, spot = plan.spot,
    hourly = cost.hourly(session), spent = cost.so_far(session, now), started = session.started,
    ready_at = session.ready_at, now = now }
  for _, key in ipairs(require("base.sorted").keys(more or {})) do event[key] = more[key] end
  return event
end

-- What a reaction may ask for; kept in `wanted` until it is over.
local function requests(wanted)
  return {
    alert = function(text)
      if #wanted.alerts < MOST_ALERTS then
        wanted.alerts[#wanted.alerts + 1] = clean.cut(tostring(text), 500)
      end
    end,
    stop = function(reason) wanted.stop = clean.line(tostring(reason or "a reaction asked for it"), 200) end,
    restart = function() wanted.restart = true end,
  }
end

--- Asks reactions.lua about an event. self: what the agent remembers. →
-- { alerts = {texts}, stop = reason|nil, restart = bool }
function reactions.ask(self, name, session, more)
  local wanted = { alerts = {} }
  local list = own(self)
  local reaction = list and rawget(list, name)
  if reaction == nil then return wanted end
  local ok, problem = fail.try(world.bounded, INSTRUCTIONS,
    "it ran for much longer than a reaction takes; is there a loop without an end?",
    reaction, describe(name, session, more), requests(wanted))
  if ok then return wanted end
  broken(self, ("reactions.lua failed at %s: %s"):format(name, fail.message(problem)))
  return { alerts = {} }
end

--- What is new since the last look. memory: table that the caller keeps. → array of { name, more }
function reactions.news(memory, session, guest, instance)
  local list, token, plan = {}, session.token, session.plan or {}
  local function once(name, holds, more)
    local key = name .. " " .. token
    if holds and not memory[key] then list[#list + 1] = { name, more } end
    memory[key] = holds or nil
  end
  once("ready", session.ready_at ~= nil)
  if guest then
    once("guard_ending", guest.state ~= "armed", { reason = tostring(guest.state) })
    local left, limit = guest.idle_left, plan.idle or 0
    once("idle", left and limit > 0 and left < limit / IDLE_SHARE or false, { idle_left = left })
  end
  local now = instance and tostring(instance.id) == tostring(session.id)
    and price_limit.changed(session, instance)
  if now and memory["price " .. token] ~= now then
    memory["price " .. token] = now
    list[#list + 1] = { "price", { agreed = session.hourly, price = now } }
  end
  return list
end

--- Starts a successor of a machine that is gone: the same model, all limits in force, nobody asked.
-- → true, or nil and why not
function reactions.restart(session)
  local plan = session.plan or {}
  local served = session.ready_at and (session.ended or clock.wall()) - session.ready_at or 0
  if served < timing.seconds(RESTART_AFTER) then
    return nil, ("the machine served for %s only; a successor is started after %s")
      :format(clock.duration(served), clock.duration(RESTART_AFTER))
  end
  local argv = world.self_argv()
  for _, word in ipairs { "up", "--yes", "--model=" .. plan.model, "--context=" .. plan.context,
    "--engine=" .. (plan.engine or "ollama") } do
    argv[#argv + 1] = word
  end
  local ok, child = fail.try(process.spawn, { argv = argv, stdin = "null", stdout = "null", session = true,
    cwd = "/", stderr = "file:" .. files.join(config.home(), "restart.err") })
  if not ok then return nil, fail.message(child) end
  return true
end

--- Tells reactions.lua of an event, and does what it asks for: alerts beside the work, a stop like any other,
-- a start by the command. end_session: the agent's function(self, session, provider, reason, message)
function reactions.react(self, name, session, more, end_session)
  local wanted = reactions.ask(self, name, session, more)
  for _, text in ipairs(wanted.alerts) do
    task.spawn(function()
      fail.try(alert.warn, text, { instance_id = session.id, provider = session.provider, action = name })
    end)
  end
  local current = self.journal:refresh():session(session.token)
  if wanted.stop and session.id and current and not current.closed and not current.stopping then
    local found, provider = fail.try(provider_of.provider, session.provider)
    if found then
      end_session(self, session, provider, "reaction", "your reactions.lua ends the machine: " .. wanted.stop)
    end
  end
  if wanted.restart and current and current.closed then
    local started, why = reactions.restart(current)
    if started then
      log.info("A successor is started", { model = session.model })
    else
      log.warn("No successor is started", { reason = why })
    end
  end
end

return reactions
