-- SPDX-License-Identifier: MIT
-- Is the GPU of the machine in use still what the model runs on? A card can be lost in mid-session
-- (facts/additions-2026-11.md), and is paid for on.
local fail = require "base.fail"
local world = require "sandbox.world"
local alert = require "home.alert"
local cost = require "home.cost"
local guest_client = require "home.guest_client"
local model = require "start.model"

local LOOKS = 2 -- in a row, before it is said: a model may be loaded at this moment

local gpu = {}

--- What the engine says of the model in use. → a sentence when the card is not used, or nil (it is used,
-- or nobody can tell)
function gpu.problem(session)
  local plan = session.plan or {}
  local engine = world.require_safe("engines." .. (plan.engine or "ollama"))
  local ok, state = fail.try(engine.check, guest_client.engine_probe(), plan.model, plan.context)
  return ok and model.gpu_idle(state, plan.model) or nil
end

--- One look of the agent at a machine that is ready; what is wrong is told once, until it is right again.
-- @param memory table that the agent keeps
-- @return a sentence, or nil
function gpu.watch(memory, session)
  local problem = gpu.problem(session)
  if memory.token ~= session.token or not problem then memory.token, memory.count = session.token, 0 end
  if not problem then return nil end
  memory.count = memory.count + 1
  if memory.count < LOOKS then return nil end
  local sentence = ("%s; it costs $%.3f/h all the same: end it with `continueplz stop` and start another one")
    :format(problem, cost.hourly(session))
  if memory.count == LOOKS then
    alert.error(sentence, { instance_id = session.id, provider = session.provider, action = "gpu" })
  end
  return sentence
end

return gpu
