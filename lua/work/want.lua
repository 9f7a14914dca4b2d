-- SPDX-License-Identifier: MIT
-- What the user asks for, made from the settings in force: the model resolved against the registry before anything is rented,
-- and what it needs.
local fail = require "base.fail"
local world = require "base.world"
local config = require "facts.config"
local models = require "facts.models"
local suggest = require "facts.suggest"
local offers = require "work.offers"

local want = {}

-- Name of the model that is meant: the one named, else the tier's.
local function chosen()
  return config.get("DEFAULT_MODEL") or models.tiers[config.get("DEFAULT_TIER")]
end

local function refuse_cloud(name)
  local tag = name:match(":([^:]*)$") or ""
  if tag == "cloud" or tag:match("%-cloud$") then
    fail.raise("usage", ("%s runs at ollama.com, not on a machine of yours, so it is refused; choose one without 'cloud'")
      :format(name))
  end
end

local function unknown(name)
  local near = suggest.nearest(name, models.names(), 3)
  local hint = #near > 0 and "; did you mean " .. table.concat(near, ", ") .. "?"
    or "; known to work: " .. table.concat({ models.tiers.small, models.tiers.medium, models.tiers.large }, ", ")
  fail.raise("usage", ("the registry has no model named %s%s"):format(name, hint))
end

-- Size by the registry; where it does not answer, the built-in table may serve for looking at prices, never for renting.
local function measure(engine, name, strict, notes)
  local ok, size = fail.try(engine.size, name)
  if ok then
    return size
  end
  local row = models.find(name)
  if fail.is(size) and size.code == "no_such_model" then
    return unknown(name)
  end
  if strict or not row or not fail.is(size) then
    error(size, 0)
  end
  notes[#notes + 1] = ("%s; the built-in table says that %s has %.1f GB"):format(fail.message(size), name, row.bytes / 1e9)
  return { bytes = row.bytes }
end

-- The model's row with the registry's size; a model outside the table gets pessimistic figures.
local function describe(name, bytes, notes)
  local row = models.find(name)
  if row then
    return setmetatable({ name = name, bytes = bytes, exact = true }, { __index = row })
  end
  notes[#notes + 1] = ("%s is not in the built-in table; its memory per token of context is assumed to be large"):format(name)
  return { name = name, bytes = bytes, kv_bytes_per_token = models.guess_kv(bytes), tools = nil, unknown = true }
end

local function context_for(model, notes)
  local asked = config.get("CONTEXT_LENGTH")
  if model.context and asked > model.context then
    if config.origin("CONTEXT_LENGTH") ~= "built-in" then
      notes[#notes + 1] = ("%s was trained for %d tokens of context; that is used instead of %d"):format(model.name,
        model.context, asked)
    end
    return model.context
  end
  return asked
end

-- A limit that the user typed on the command line is a wall; one from elsewhere is asked about (work.offers, commands.up).
local function wall()
  if config.origin("MAX_PRICE") == "--max-price" then
    return config.get("MAX_PRICE") or nil
  end
  return nil
end

--- Makes the want of this run. options: `strict` (renting: the registry must answer), `accept_no_guard`. Waits.
-- @raise `config` without a key, `usage` for a model that does not exist or runs at ollama.com only, other kinds when the
-- registry
-- cannot be asked
function want.make(options)
  local notes = {}
  offers.configured(config.get("DEFAULT_PROVIDER"), options.accept_no_guard)
  local engine = world.require("engines.ollama")
  local name = chosen()
  refuse_cloud(name)
  local size = measure(engine, name, options.strict, notes)
  local model = describe(name, size.bytes, notes)
  local context = context_for(model, notes)
  local region = config.get("DEFAULT_REGION")
  return {
    model = model, context = context, engine = "ollama",
    vram_gb = models.vram_gb(model.bytes, model.kv_bytes_per_token, context),
    disk_gb = math.ceil(model.bytes * 1.25 / 1e9 + 20), download_gb = model.bytes / 1e9,
    hours = config.get("DAY_HOURS"), spot = config.get("PREFER_SPOT"), bid_margin = config.get("BID_MARGIN"),
    region = region ~= "any" and region or nil, gpu = config.get("DEFAULT_GPU"), gpus = config.get("GPUS"),
    provider = config.get("DEFAULT_PROVIDER"), accept_no_guard = options.accept_no_guard, max_price = wall(), ask_above = config.get("MAX_PRICE") or nil,
    min_reliability = config.get("MIN_RELIABILITY"), datacenter = config.get("DATACENTER_ONLY"), notes = notes,
    speed = function(offer)
      return models.speed(model, offer.gpu_bandwidth)
    end,
  }
end

return want
