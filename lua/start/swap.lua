-- SPDX-License-Identifier: MIT
-- Another model on the machine in use: measured first, pulled through the tunnel beside the old one, loaded
-- in its place, asked for a token, and recorded. What fails leaves the old one serving.
local clock = require "base.clock"
local fail = require "base.fail"
local world = require "sandbox.world"
local agent_client = require "home.agent_client"
local guest_client = require "home.guest_client"
local gpus = require "facts.gpus"
local models = require "facts.models"
local sizing = require "start.sizing"
local start_model = require "start.model"

local SPARE_GB = 8 -- of the disk, for the image, the system and what a download leaves

local swap = {}

local function refuse(text, ...) fail.raise("refused", text:format(...), { exit = "failed" }) end

-- The engine of a session, when its server can take another model.
local function engine_of(session)
  local name = session.plan.engine or "ollama"
  local engine = world.require_safe("engines." .. name)
  if type(engine.stored) ~= "function" or (session.plan.replicas or 1) > 1 or (session.plan.nodes
    or 1) > 1 then
    refuse("%s serves one model for as long as it lives (%s); start another machine for another one",
      session.id, type(engine.stored) ~= "function" and "its model server, " .. name .. ", cannot change it"
        or "it has several servers")
  end
  return engine
end

-- GB of memory of the cards of a session, or nil where the card is not known.
local function memory_of(plan)
  local row = plan.gpu and gpus.find(plan.gpu)
  return row and gpus.together(gpus.capacity_gb(row), plan.gpus or 1) or nil
end

--- Does a model fit the machine? A disk that is not paid for by its size came with the machine, however big
-- it is; the model server says when it is full. Pure.
-- @param session of home.sessions; model: of start.sizing; context: tokens; stored: { { name=, bytes= }, … }
-- on its disk
-- @return GB that are to be downloaded
-- @raise `refused` with what is too small
function swap.fits(session, model, context, stored)
  local plan = session.plan
  local need, memory = models.need(model, context), memory_of(plan)
  if memory and need > memory then
    refuse("%s needs %.0f GB of memory with %d tokens of context, and the machine has %.0f GB", model.name,
      need,
      context, memory)
  end
  local used, there = 0, false
  for _, each in ipairs(stored) do
    used = used + each.bytes
    there = there or each.name == model.name or each.name == model.name .. ":latest"
  end
  local free = (session.disk_hour or 0) > 0 and plan.disk_gb and plan.disk_gb - SPARE_GB - used / 1e9
  if not there and free and model.bytes / 1e9 > free then
    refuse("%s has %.1f GB, and the machine's disk has about %.1f GB left beside what is there", model.name,
      model.bytes / 1e9, math.max(0, free))
  end
  return there and 0 or model.bytes / 1e9
end

--- What a change means, before anything is done. → { name, model, context, download_gb, seconds =
-- expected|nil, traffic = dollars|nil, before = name of the old one, notes = {sentences} }
function swap.plan(session, name)
  local plan, notes = session.plan, {}
  local engine = engine_of(session)
  if plan.model == name then
    refuse("%s serves %s already", session.id, name)
  end
  local model = sizing.model(name, { strict = true, notes = notes })
  local context = models.context(model, plan.context)
  if context < plan.context then
    notes[#notes + 1] = ("%s was trained for %d tokens of context; the machine was started with "
        .. "%d"):format(name,
      context, plan.context)
  end
  local gb = swap.fits(session, model, context, engine.stored(guest_client.engine_probe()))
  local rate = session.pulled and session.pulled > 0 and plan.download_gb
    and plan.download_gb / session.pulled
  local price = plan.download and (plan.download_gb or 0) > 0 and plan.download / plan.download_gb or 0
  return { name = name, model = model, context = context, download_gb = gb, before = plan.model,
    before_context = plan.context, engine = engine, seconds = rate and gb / rate or nil, traffic = price * gb,
    notes = notes }
end

-- The old model is loaded again. → sentence about what serves now
local function restore(change)
  local ok, problem = fail.settle(function()
    local base = guest_client.engine()
    change.engine.load(base, change.before)
    return change.engine.token(base, change.before)
  end)
  if ok then return change.before .. " serves on" end
  return ("and %s could not be loaded again (%s); continueplz ping tries it"):format(change.before,
    fail.message(problem))
end

local function record(home, session, change, result)
  local journal = require("home.journal").open(home)
  local held, why = journal:acquire("use")
  if not held then return why end
  local ok, problem = fail.settle(journal.append, journal, "served", session.token, { model = change.name,
    context = result.context or change.context, speed = result.tokens_per_second,
    download = change.traffic > 0 and change.traffic or nil })
  journal:release()
  return not ok and fail.message(problem) or nil
end

--- Does it. shown(progress), warn(sentence): for the screen.
-- → { tokens_per_second, context, seconds, unrecorded = sentence|nil }
-- @raise what went wrong; its message says which model serves
function swap.run(home, session, change, shown, warn)
  local began = clock.now()
  local ok, result = fail.settle(function()
    if change.download_gb > 0 then start_model.pull(change.engine, change.name, shown) end
    change.touched = true
    return start_model.verify(change.engine, { model = change.model, context = change.context },
      function(text) shown { text = text } end, warn)
  end)
  if not ok then
    local cancelled = fail.is(result, "interrupted")
    local after = change.touched and require("base.task").shield(restore, change)
      or change.before .. " serves on"
    fail.raise(result.kind, ("%s is not served: %s; %s"):format(change.name, fail.message(result), after),
      { exit = not cancelled and "failed" or nil })
  end
  result.seconds = clock.now() - began
  result.unrecorded = record(home, session, change, result)
  agent_client.reload()
  return result
end

return swap
