-- SPDX-License-Identifier: MIT
-- What the user asks for, made from the settings in force: the model resolved against the registry before
-- anything is rented, and what it needs.
local fail = require "base.fail"
local world = require "sandbox.world"
local config = require "config.effective"
local gpus = require "facts.gpus"
local measured = require "home.measured"
local models = require "facts.models"
local named = require "start.named"
local offers = require "start.offers"
local price_limit = require "money.price_limit"
local sizing = require "start.sizing"
local until_ready = require "start.until_ready"

local want = {}

-- May the engine spread one model over several machines? @raise `config` when it has no pods, and replicas
-- are wanted
local function spans(name, wanted)
  local engine = world.require("engines." .. name)
  if type(engine) == "table" and type(engine.pod) == "function" then return engine.spans == true end
  if wanted > 1 then
    fail.raise("config", ("%s has no function pod, which --replicas takes; see docs/lua.md"):format(
      world.source("engines." .. name)))
  end
  return false
end

--- Makes the want of this run. options: `strict` (renting: the registry must answer), `accept_no_guard`,
-- `ready_within` (seconds), `offer` (CLOUD/ID). Waits.
-- @raise `config` without a key, `usage` for a model that does not exist or runs at ollama.com only, other
-- kinds when the registry cannot be asked
function want.make(options)
  local notes = {}
  offers.configured(config.get("DEFAULT_PROVIDER"), options.accept_no_guard)
  local chosen = named.of(options.offer, options.accept_no_guard)
  local model = sizing.model(sizing.chosen(), { strict = options.strict, notes = notes })
  local context = sizing.context(model, notes)
  local region = config.get("DEFAULT_REGION")
  local max_price, ask_above = price_limit.in_force()
  return {
    model = model, context = context, engine = config.get("DEFAULT_ENGINE"),
    vram_gb = models.need(model, context),
    disk_gb = math.ceil(model.bytes * 1.25 / 1e9 + 20), download_gb = model.bytes / 1e9,
    hours = config.get("DAY_HOURS"), spot = config.get("PREFER_SPOT"), bid_margin = config.get("BID_MARGIN"),
    region = region ~= "any" and region or nil, gpu = config.get("DEFAULT_GPU"), gpus = config.get("GPUS"),
    replicas = config.get("REPLICAS"), spans = spans(config.get("DEFAULT_ENGINE"), config.get("REPLICAS")),
    provider = config.get("DEFAULT_PROVIDER"), accept_no_guard = options.accept_no_guard,
    max_price = max_price, ask_above = ask_above,
    min_reliability = config.get("MIN_RELIABILITY"), datacenter = config.get("DATACENTER_ONLY"),
    notes = notes, ready_within = options.ready_within, offer = chosen,
    ready = until_ready.estimator(model.bytes / 1e9),
    measured = measured.here(model.name),
    speed = function(offer)
      local gpu = gpus.find(offer.gpu)
      return models.speed(model, offer.gpu_bandwidth or gpu and gpu.bandwidth)
    end,
  }
end

return want
