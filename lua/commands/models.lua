-- SPDX-License-Identifier: MIT
local parts = {}

-- What each part takes besides what every command takes.
local TAKES = { list = { "tier", "context" }, info = { "tier", "context" },
  fit = { "tier", "context", "gpu", "gpus", "vram" } }
local NAMES = { "list", "info", "fit" }

local function tell(notes)
  local term = require "base.term"
  for _, note in ipairs(notes) do
    term.err("continueplz: " .. note .. "\n")
  end
end

local function usage(text, ...)
  require("base.fail").raise("usage", text:format(...))
end

local function show(ctx, lines, object)
  ctx.print(table.concat(lines, "\n"))
  ctx.emit(object)
  return 0
end

-- Only when it was typed: a tier from .env says what to rent, not what to look at.
local function typed_tier(ctx)
  return ctx.options.tier and require("config.effective").get("DEFAULT_TIER")
end

function parts.list(ctx, names)
  if names[1] then
    usage("models list takes no '%s'; models info %s tells of one model", names[1], names[1])
  end
  local asked = require("config.effective").get("CONTEXT_LENGTH")
  local view = require "ui.models"
  local entries = require("start.catalog").list(asked, typed_tier(ctx))
  return show(ctx, view.list(entries, asked), view.list_object(entries, asked))
end

function parts.info(ctx, names)
  local sizing, catalog, view = require "start.sizing", require "start.catalog", require "ui.models"
  if names[2] then
    usage("models info tells of one model, and %s is a second one", names[2])
  elseif names[1] and ctx.options.tier then
    usage("models info takes a name or --tier, not both")
  end
  local name = names[1] or ctx.options.tier and require("facts.models").tiers[typed_tier(ctx)]
    or sizing.chosen()
  local notes = {}
  local model = sizing.model(name, { strict = false, notes = notes })
  local context = sizing.context(model, notes)
  tell(notes)
  local info = {
    entry = catalog.entry(model, context), contexts = catalog.contexts(model, context),
    cards = catalog.cards(model, context),
    notes = notes,
  }
  return show(ctx, view.info(info), view.info_object(info))
end

-- The machine that is meant: --vram or --gpu, else DEFAULT_GPU; nil when none is.
local function machine(ctx)
  local config, gpus = require "config.effective", require "facts.gpus"
  local count, vram, name = config.get("GPUS") or 1, ctx.options.vram, config.get("DEFAULT_GPU")
  if vram then
    return { vram_gb = gpus.gb_of_mib(vram * 1024), gpus = count, sold = vram }
  elseif name then
    local gpu = gpus.find(name)
    return { vram_gb = gpus.capacity_gb(gpu), gpus = count, bandwidth = gpu.bandwidth, gpu = name }
  elseif ctx.options.gpus then
    usage("--gpus says how many cards, but not which: add --gpu=TYPE or --vram=GB")
  end
  return nil
end

-- The named models, sized by the registry where that answers; without names those of the table.
local function wanted(ctx, names, asked, notes)
  local catalog = require "start.catalog"
  if not names[1] then
    return catalog.list(asked, typed_tier(ctx))
  elseif ctx.options.tier then
    usage("models fit takes names or --tier, not both")
  end
  local entries = {}
  for index, name in ipairs(names) do
    entries[index] = catalog.entry(require("start.sizing").model(name,
      { strict = false, notes = notes }), asked)
  end
  return entries
end

local function nothing_fits(found, asked)
  local least
  for _, entry in ipairs(found.too_big) do
    if not least or entry.need < least.need then
      least = entry
    end
  end
  local why = least and ("the smallest, %s, needs %.1f GB"):format(least.model.name, least.need)
    or ("none was trained for %d tokens of context"):format(asked)
  require("base.fail").raise("capacity", ("no model fits: %.1f GB of memory for %d tokens of context, and "
    .. "%s; try a bigger card, --gpus or less --context"):format(found.room, asked, why))
end

function parts.fit(ctx, names)
  local config, catalog, view = require "config.effective", require "start.catalog", require "ui.models"
  local asked, notes, card = config.get("CONTEXT_LENGTH"), {}, machine(ctx)
  local entries = wanted(ctx, names, asked, notes)
  tell(notes)
  if not card then
    return show(ctx, view.smallest(entries, asked), view.smallest_object(entries, asked))
  end
  local strict = ctx.options.context ~= nil
  local found = catalog.fit(entries, card, asked, strict)
  if #found.fits == 0 then
    nothing_fits(found, asked)
  end
  return show(ctx, view.fit(found, card, asked, strict), view.fit_object(found, card, asked))
end

local function check_options(ctx, part)
  local takes = {}
  for _, name in ipairs(TAKES[part]) do
    takes[name] = true
  end
  for _, name in ipairs(TAKES.fit) do
    if ctx.options[name] and not takes[name] then
      usage("models %s does not take --%s; models fit does", part, name)
    end
  end
end

return {
  name = "models",
  summary = "models by name: what they need, what fits a card; rents nothing",
  order = 60,
  meant = { "model", "pull" },
  details = "list (also without a word): the built-in table; * marks what a tier means. info NAME: one model "
    .. "of the Ollama library, sized from the registry. fit [NAME...]: what fits the card of --gpu or "
    .. "--vram; without one, the smallest card for each.",
  options = { "tier", "context", "gpu", "gpus", "vram" },
  args = "[list|info NAME|fit [NAME...]]",
  names = "model",
  tolerant = true,
  answer = [[
    tiers: { *: text }; models, fits: [{ =models }];
    name, tier, bytes_source, kv_source, note, smallest_gpu: text; default, bytes_rounded, tools: boolean;
    params_billions, active_billions, vram_gb, tokens_per_second_estimate: number;
    bytes, kv_bytes_per_token, kv_fixed_bytes, context_max, context: integer;
    quality, smallest_gpus, most_context: integer;
    gpu: text; gpus: integer; memory_gb, bandwidth: number; too_big, short, notes: [text];
    contexts: [{ context, smallest_gpus: integer; vram_gb: number; smallest_gpu: text }];
    cards: [{
      gpu: text; gpus, most_context: integer; memory_gb, bandwidth, tokens_per_second_estimate: number
    }];
    estimate: { bytes_per_token: integer; efficiency, cap: number }
  ]],
  run = function(ctx)
    local part = ctx.args[1] or "list"
    if not parts[part] then
      local known = require("facts.models").find(part)
      local hint = known and ("; type: continueplz models info %s"):format(part)
        or require("facts.suggest").hint(part, NAMES)
      usage("models: '%s' is none of %s%s", part, table.concat(NAMES, ", "), hint)
    end
    check_options(ctx, part)
    return parts[part](ctx, { table.unpack(ctx.args, 2) })
  end,
}
