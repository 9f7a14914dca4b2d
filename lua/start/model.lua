-- SPDX-License-Identifier: MIT
-- The ladder from an engine that starts to a model that answers (facts/serving.md §1.5),
-- climbed through the tunnel.
local clean = require "base.clean"
local clock = require "base.clock"
local fail = require "base.fail"
local task = require "base.task"
local hosts = require "start.hosts"
local guest_client = require "home.guest_client"
local timing = require "home.timing"

local ENGINE_SECONDS = 600   -- until the engine's server answers
local ON_GPU = 0.99          -- of the model; the card does what it is paid for
local VERIFY_TRIES = 3       -- a tunnel that blinks must not cost a machine

local model = {}

local LOG_SECONDS = 2

-- The last line that the engine said on its machine, or nil.
local function last_words()
  local ok, text = fail.try(guest_client.engine_log)
  local words = ok and text:gsub("^[\x80-\xbf]+", ""):gsub("%s+$", ""):match("([^\r\n]+)$")
  return words and clean.line(words) or nil
end

-- The engine is started by the guest, which may have to install it first; wait until its server answers.
local function await_server(engine, shown)
  local until_, problem = clock.now() + timing.seconds(ENGINE_SECONDS)
  local words, looked, pause = nil, clock.now(), 0.05
  repeat
    local ok, answer = fail.try(engine.probe, guest_client.engine_probe())
    if ok then return end
    problem = fail.message(answer)
    if clock.now() - looked >= timing.seconds(LOG_SECONDS) then words, looked = last_words(), clock.now() end
    shown("Waiting for the model server" .. (words and ": " .. words or ""))
    task.sleep(pause)
    pause = math.min(pause * 1.1, 0.5)
  until clock.now() > until_
  fail.raise("machine", ("the model server did not answer within %s: %s")
    :format(clock.duration(timing.seconds(ENGINE_SECONDS)), last_words() or problem))
end

--- Waits for the engine's server and downloads the model. → seconds of the download
-- @param shown function(progress) { text=, fraction=, rate=, eta=, … } for the screen
function model.pull(engine, name, shown)
  await_server(engine, function(text) shown { text = text } end)
  local began = clock.now()
  local ok, problem = fail.try(engine.pull, guest_client.engine(), name, function(progress)
    progress.text = "Pulling " .. name
    shown(progress)
  end)
  if ok then return clock.now() - began end
  if hosts.download_fault(fail.message(problem)) then
    hosts.raise("the machine's host is at fault: " .. fail.message(problem))
  end
  error(problem, 0)
end

local function steady(f)
  for try = 1, VERIFY_TRIES do
    local ok, result, second = fail.try(f)
    if ok then return result, second end
    if try == VERIFY_TRIES or not fail.is(result, "transient") then
      error(result, 0)
    end
    task.sleep(timing.seconds(5))
  end
end

-- The same of what needs the card: one that does not work is its host's fault.
local function on_card(f)
  local ok, result = fail.try(steady, f)
  if ok then return result end
  if hosts.card_fault(fail.message(result)) then
    hosts.raise("the GPU does not work: " .. fail.message(result))
  end
  return error(result, 0)
end

--- Is the GPU that is paid for not used? The machine was chosen so that the whole model fits its card.
-- @param state of the engine's check
-- @return a sentence, or nil
function model.gpu_idle(state, name)
  local part = tonumber(state.on_gpu)
  if not state.loaded or not part or part >= ON_GPU then return nil end
  return ("the GPU is not used: only %.0f %% of %s is on the card, the rest is on the processor")
    :format(part * 100, name)
end

--- Loads the model, checks that it sits on the GPU with its context, and has it generate.
-- @param shown function(text); @param warn function(text)
-- @return { tokens_per_second = number or nil, context = tokens or nil }
function model.verify(engine, want, shown, warn)
  local base, name = guest_client.engine(), want.model.name
  shown("Loading the model into the GPU")
  on_card(function() engine.load(base, name) end)
  local state = steady(function() return engine.check(base, name, want.context) end)
  for _, warning in ipairs(state.warnings or {}) do warn(warning) end
  if not state.loaded then
    fail.raise("refused", ("%s was loaded, but the engine does not list it"):format(name))
  end
  local idle = model.gpu_idle(state, name)
  if idle then hosts.raise(idle) end
  shown("Asking for a first token")
  local speed = on_card(function() return (engine.token(base, name)) end)
  return { tokens_per_second = speed, context = state.context }
end

return model
