-- SPDX-License-Identifier: MIT
-- A model by its name, as far as it is known before anything is rented: the registry's bytes, and the memory
-- of its context from the table, from its weights, or guessed.
local fail = require "base.fail"
local world = require "sandbox.world"
local config = require "config.effective"
local models = require "facts.models"
local suggest = require "facts.suggest"

local sizing = {}

-- A tag whose size differs by more than this share from the table's is another model by now;
-- its row is not believed.
local SAME = 0.15

--- Name of the model that is meant when a command names none: DEFAULT_MODEL, else the tier's.
function sizing.chosen()
  return config.get("DEFAULT_MODEL") or models.tiers[config.get("DEFAULT_TIER")]
end

-- The engine whose file is named, with everything that a start calls. → engine
local function chosen_engine()
  local name = config.get("DEFAULT_ENGINE")
  local where = world.source("engines." .. name)
  if not where then
    fail.raise("usage", ("there is no engine named '%s'; there are ollama and what lies in %s/engines")
      :format(name, config.home()))
  end
  local engine = world.require("engines." .. name)
  for _, call in ipairs { "image", "start", "size", "probe", "pull", "load", "check", "token" } do
    if type(engine) ~= "table" or type(engine[call]) ~= "function" then
      fail.raise("config", ("%s has no function %s"):format(where, call))
    end
  end
  return engine
end

local function refuse_cloud(name)
  local tag = name:match(":([^:]*)$") or ""
  if tag == "cloud" or tag:match("%-cloud$") then
    fail.raise("usage", ("%s runs at ollama.com, not on a machine of yours, so it is refused; "
      .. "choose one without 'cloud'"):format(name))
  end
end

local function unknown(name)
  local near = suggest.nearest(name, models.names(), 3)
  local hint = #near > 0 and "; did you mean " .. table.concat(near, ", ") .. "?" or "; known to work: "
    .. table.concat({ models.tiers.small, models.tiers.medium, models.tiers.large }, ", ")
  fail.raise("usage", ("the registry has no model named %s%s"):format(name, hint))
end

-- Size by the registry; where it does not answer, the built-in table may serve for looking, never for
-- renting. → size, or nil: use the row
local function measure(engine, name, strict, notes)
  local row = models.find(name)
  local ok, size = fail.try(engine.size, name)
  if ok then return size end
  if fail.is(size) and size.code == "no_such_model" then
    return unknown(name)
  end
  if strict or not row or not fail.is(size) then error(size, 0) end
  notes[#notes + 1] = ("%s; the built-in table says that %s has %.1f GB"):format(fail.message(size), name,
    row.bytes / 1e9)
  return nil
end

-- What the model's weights say; nil and why when they cannot be read.
local function read_weights(engine, name, size)
  if not engine.describe then
    return nil, "this engine cannot read it from the weights"
  end
  local ok, told = fail.try(engine.describe, name, size)
  if ok then return told end
  if not fail.is(told) or fail.is(told, "internal") then error(told, 0) end
  return nil, fail.message(told)
end

local function from_weights(model, told)
  model.kv_bytes_per_token, model.kv_fixed_bytes, model.kv_source = told.kv_bytes_per_token,
    told.kv_fixed_bytes, "weights"
  if not model.active then
    model.params, model.active, model.sparse = told.params, told.active, told.sparse
  end
  model.context = told.context or model.context
end

local function guess(model)
  model.kv_bytes_per_token, model.kv_source, model.unknown = models.guess_kv(model.bytes), "guess", true
end

-- Memory of the context where the table does not tell.
local function look_inside(engine, model, size, row, notes)
  local told, why
  if size then
    told, why = read_weights(engine, model.name, size)
  else
    why = "the registry does not answer"
  end
  if told then
    from_weights(model, told)
    if not row then
      notes[#notes + 1] = ("%s is not in the built-in table; its weights say %.0f KiB for a token of context")
        :format(model.name, model.kv_bytes_per_token / 1024)
    end
    return
  end
  guess(model)
  notes[#notes + 1] = ("how much memory %s takes for a token of context is not known (%s); it is "
    .. "assumed to be much, %.0f KiB"):format(model.name, why, model.kv_bytes_per_token / 1024)
end

local FIELDS = { "kv_bytes_per_token", "context", "params", "active", "tools", "tier", "quality",
  "note", "rounded" }

--- The model of a name. options: `strict` (renting: the registry must answer), `notes` (sentences for the
-- user are added). Waits. → { name=, bytes=, bytes_source = "registry"|"table", kv_bytes_per_token=,
-- kv_source = "table"|"weights"|"guess", … } as a row of facts.models
-- @raise `usage` for a model that does not exist or runs at ollama.com only, other kinds when the
-- registry cannot be asked
function sizing.model(name, options)
  refuse_cloud(name)
  local engine, row, notes = chosen_engine(), models.find(name), options.notes
  local size = measure(engine, name, options.strict, notes)
  local model = { name = name, bytes = size and size.bytes or row.bytes,
    bytes_source = size and "registry" or "table" }
  if row and math.abs(model.bytes - row.bytes) > SAME * row.bytes then
    notes[#notes + 1] = ("%s has %.1f GB now, and the built-in table says %.1f GB: the table is not believed")
      :format(name, model.bytes / 1e9, row.bytes / 1e9)
    row = { tools = row.tools, tier = row.tier, quality = row.quality }
  end
  for _, field in ipairs(FIELDS) do
    model[field] = row and row[field]
  end
  model.kv_source = "table"
  if not model.kv_bytes_per_token then
    look_inside(engine, model, size, row, notes)
  end
  return model
end

--- The context that is had of what was asked for (CONTEXT_LENGTH); a note when somebody asked for more.
function sizing.context(model, notes)
  local asked = config.get("CONTEXT_LENGTH")
  local context = models.context(model, asked)
  if context < asked and config.origin("CONTEXT_LENGTH") ~= "built-in" then
    notes[#notes + 1] = ("%s was trained for %d tokens of context; that is used instead of %d")
      :format(model.name, context, asked)
  end
  return context
end

return sizing
