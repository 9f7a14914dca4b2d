-- SPDX-License-Identifier: MIT
-- What `models` shows: entries of start.catalog → lines, and the same as JSON objects.
local json = lazy "base.json"
local models = require "facts.models"
local format = require "ui.format"

local M = {}

local function add(lines, text, hang)
  for _, line in ipairs(format.wrap(text, format.width(), hang)) do
    lines[#lines + 1] = line
  end
end

local function table_of(lines, rows, align)
  for _, line in ipairs((format.fitted(rows, align, format.width(), { "Note", "Tools", "Params" }))) do
    lines[#lines + 1] = line
  end
end

-- GB in four columns: "4.7", "18.6", "290".
local function gb(amount)
  return (amount < 100 and "%.1f" or "%.0f"):format(amount)
end

-- Thousands of millions: "30.5B"; short: "31B".
local function billions(count, short)
  if count < 10 then
    return ("%.3gB"):format(math.floor(count * 10 + 0.5) / 10)
  end
  return short and ("%.0fB"):format(count) or ("%.4gB"):format(math.floor(count * 10 + 0.5) / 10)
end

local function sparse(model)
  return select(3, models.reads(model)) == "sparse"
end

local function params(model)
  if not model.params then return "" end
  return billions(model.params, true) .. (sparse(model) and ("-A%.0fB"):format(model.active) or "")
end

-- A size that is only known roughly has a ~, and no more digits than are known.
local function size(model)
  local amount = model.bytes / 1e9
  return model.rounded and ("~" .. (amount < 10 and "%.1f" or "%.0f")):format(amount) or gb(amount)
end

local function guessed(model)
  return not model.kv_bytes_per_token or model.kv_source == "guess"
end

local function need(entry)
  return guessed(entry.model) and ("≤%.0f"):format(entry.need) or gb(entry.need)
end

local function tools(model)
  return model.tools == nil and "?" or model.tools and "yes" or "no"
end

-- "24", "2×80": the smallest machine that does, GB as cards are sold.
local function card(entry)
  if not entry.gpu then return "-" end
  return entry.count > 1 and ("%d×%d"):format(entry.count, entry.gpu.vram) or ("%d"):format(entry.gpu.vram)
end

local function speed(value)
  return value and ("~%.0f"):format(value) or ""
end

local function any(entries, test)
  for _, entry in ipairs(entries) do
    if test(entry.model) then return true end
  end
  return false
end

local function add_signs(lines, entries)
  if any(entries, function(model) return model.rounded end) then
    add(lines, "~ before a size: known only roughly; the registry is asked before anything is rented.")
  end
  if any(entries, guessed) then
    add(lines,
      "≤: the memory of its context is read from the weights before renting; here it is assumed to be much.")
  end
end

--- The table of models.
function M.list(entries, asked)
  local lines, rows, tier = {}, { { "  Model", "Params", "GB", "VRAM", "Card", "Ctx", "Tools", "Note" } }, nil
  for _, entry in ipairs(entries) do
    local model = entry.model
    if model.tier ~= tier then
      tier = model.tier
      rows[#rows + 1] = { tier }
    end
    rows[#rows + 1] = { (entry.default and "* " or "  ") .. model.name, params(model), size(model),
      need(entry), card(entry), format.tokens(model.context), tools(model), model.note or "" }
  end
  table_of(lines, rows, "llrrrrll")
  lines[#lines + 1] = ""
  add(lines, ("* is what its tier means. GB: the download; VRAM: GB of GPU memory for %s tokens of context "
    .. "(or the most it was trained for); Card: the smallest that holds it, GB as it is sold; Ctx: the "
    .. "most it was trained for."):format(format.tokens(asked)))
  add_signs(lines, entries)
  add(lines, "Any other model of the Ollama library works too: continueplz models info NAME.")
  return lines
end

local SOURCES = {
  table = "by the built-in table", weights = "as its weights say", guess = "not known, so assumed to be much",
}

local function facts_of(model)
  local rows = {
    { "Download:", ("%s GB %s"):format(model.bytes_source == "table" and size(model)
      or ("%.1f"):format(model.bytes / 1e9), model.bytes_source == "table"
        and "by the built-in table (the registry did not answer)" or "by the registry") },
  }
  if model.params then
    rows[#rows + 1] = { "Parameters:", billions(model.params) .. (sparse(model)
      and (", of which %s work for each token (mixture of experts)"):format(billions(model.active)) or "") }
  end
  rows[#rows + 1] = { "Context:", model.context and ("trained for %d tokens"):format(model.context)
      or "not known how long" }
  rows[#rows + 1] = { "", ("%.0f KiB of GPU memory for a token, %s"):format(model.kv_bytes_per_token / 1024,
    SOURCES[model.kv_source]) }
  rows[#rows + 1] = { "Tools:", model.tools == nil and "not known"
      or model.tools and "yes: editors' agent modes can use it" or "no: editors' agent modes cannot use it" }
  if model.note then
    rows[#rows + 1] = { "Note:", model.note }
  end
  return rows
end

-- Where the estimate comes from, in words.
local function speed_line(model)
  local bytes, efficiency = models.reads(model)
  if not bytes then
    return "How fast it is cannot be estimated: how much of it works for each token is not known."
  end
  return ("Tok/s is an estimate for one answer at a time with little context in use: %.2f of the card's "
    .. "bandwidth / %.1f GB read for each token%s, at most %d; several cards are no faster than one.")
    :format(efficiency, bytes / 1e9, sparse(model) and " (its active share)" or "", models.SPEED_CAP)
end

local function add_contexts(lines, info)
  local rows = { { "  Context", "GPU memory", "Smallest machine" } }
  for _, entry in ipairs(info.contexts) do
    rows[#rows + 1] = { (entry.context == info.entry.context and "* " or "  ")
        .. format.tokens(entry.context),("%.1f GB"):format(entry.need),
      entry.gpu and format.gpu(entry.gpu.name, entry.count) or "none of the table" }
  end
  table_of(lines, rows, "lrl")
end

local function add_cards(lines, info)
  local rows = { { "  Cards", "Hold", "GB/s", "Tok/s", "Most context" } }
  for _, each in ipairs(info.cards) do
    rows[#rows + 1] = { "  " .. format.gpu(each.gpu.name, each.count), ("%.1f GB"):format(each.room),
      ("%d"):format(each.gpu.bandwidth), speed(each.speed), format.tokens(each.most) }
  end
  if #info.cards == 0 then
    add(lines, ("No card of the table holds it with %d tokens of context, eight of them neither.")
      :format(info.entry.context))
    return
  end
  add(lines, ("Cards that hold it with %d tokens of context:"):format(info.entry.context))
  table_of(lines, rows, "lrrrr")
end

--- One model. info: { entry=, contexts=, cards= }
function M.info(info)
  local model = info.entry.model
  local lines = { model.name .. (model.tier
    and (" (%s%s)"):format(model.tier, info.entry.default and ", what that tier means" or "") or "") }
  for _, line in ipairs(format.columns(facts_of(model), "ll")) do
    lines[#lines + 1] = "  " .. line
  end
  lines[#lines + 1] = ""
  add_contexts(lines, info)
  lines[#lines + 1] = ""
  add_cards(lines, info)
  lines[#lines + 1] = ""
  add(lines, speed_line(model))
  return lines
end

local function names(entries)
  local list = {}
  for index, entry in ipairs(entries) do
    list[index] = entry.model.name
  end
  return list
end

local function machine_name(machine)
  if machine.gpu then return format.gpu(machine.gpu, machine.gpus) end
  return machine.gpus > 1 and ("%d × %d GB"):format(machine.gpus, machine.sold)
    or ("%d GB"):format(machine.sold)
end

--- What one machine holds. found: of start.catalog.fit; strict: as it was told.
function M.fit(found, machine, asked, strict)
  local lines = {}
  add(lines, ("%s: %.1f GB of memory%s; %d tokens of context%s."):format(machine_name(machine), found.room,
    machine.bandwidth and (", %d GB/s"):format(machine.bandwidth) or "", asked,
    strict and "" or " or the most a model was trained for"))
  lines[#lines + 1] = ""
  local rows = { { "  Model", "Params", "Needs", "Most context", "Tok/s", "Tools", "Note" } }
  for _, entry in ipairs(found.fits) do
    rows[#rows + 1] = { (entry.default and "* " or "  ") .. entry.model.name, params(entry.model), need(entry)
        .. " GB", format.tokens(entry.most), speed(entry.speed), tools(entry.model), entry.model.note or "" }
  end
  table_of(lines, rows, "llrrrll")
  lines[#lines + 1] = ""
  for _, each in ipairs { { "Too big: ", found.too_big }, { "Trained for less context: ", found.short } } do
    if #each[2] > 0 then
      add(lines, each[1] .. table.concat(names(each[2]), ", ") .. ".", "  ")
    end
  end
  add_signs(lines, found.fits)
  if machine.bandwidth then
    add(lines, "Tok/s is an estimate for one answer at a time; models info NAME says how it is made.")
  end
  return lines
end

--- The smallest machine for each model.
function M.smallest(entries, asked)
  local lines = {}
  add(lines, ("The smallest machine of the table for %d tokens of context, or the most "
    .. "a model was trained for:"):format(asked))
  lines[#lines + 1] = ""
  local rows = { { "  Model", "Needs", "Machine", "Tok/s" } }
  for _, entry in ipairs(entries) do
    rows[#rows + 1] = { (entry.default and "* " or "  ") .. entry.model.name, need(entry) .. " GB",
      entry.gpu and format.gpu(entry.gpu.name, entry.count) or "none",
      entry.gpu and speed(models.speed(entry.model, entry.gpu.bandwidth)) or "" }
  end
  table_of(lines, rows, "lrlr")
  lines[#lines + 1] = ""
  add_signs(lines, entries)
  add(lines, "Say --gpu=TYPE or --vram=GB to see what one machine holds.")
  return lines
end

local function object(entry)
  local model = entry.model
  return {
    name = model.name, tier = model.tier, default = entry.default, params_billions = model.params,
    active_billions = model.active, bytes = model.bytes, bytes_rounded = model.rounded
      and model.bytes_source ~= "registry" or false, bytes_source = model.bytes_source or "table",
    kv_bytes_per_token = model.kv_bytes_per_token or models.guess_kv(model.bytes),
    kv_fixed_bytes = model.kv_fixed_bytes, kv_source = guessed(model) and "guess" or model.kv_source
      or "table", context_max = model.context, context = entry.context,
    vram_gb = format.rounded(entry.need, 2), tools = model.tools, quality = model.quality, note = model.note,
    smallest_gpu = entry.gpu and entry.gpu.name, smallest_gpus = entry.count,
    most_context = entry.most, tokens_per_second_estimate = format.rounded(entry.speed, 1),
  }
end

local function objects(entries)
  local list = {}
  for index, entry in ipairs(entries) do
    list[index] = object(entry)
  end
  return json.array(list)
end

function M.list_object(entries, asked)
  return { status = "models", context = asked, tiers = models.tiers, models = objects(entries) }
end

function M.smallest_object(entries, asked)
  return { status = "smallest", context = asked, models = objects(entries) }
end

function M.fit_object(found, machine, asked)
  return {
    status = "fit", gpu = machine.gpu, gpus = machine.gpus, memory_gb = format.rounded(found.room, 2),
    bandwidth = machine.bandwidth, context = asked, fits = objects(found.fits),
    too_big = json.array(names(found.too_big)), short = json.array(names(found.short)),
  }
end

function M.info_object(info)
  local bytes, efficiency = models.reads(info.entry.model)
  local contexts, cards = {}, {}
  for index, entry in ipairs(info.contexts) do
    contexts[index] = { context = entry.context, vram_gb = format.rounded(entry.need, 2),
      smallest_gpu = entry.gpu and entry.gpu.name, smallest_gpus = entry.count }
  end
  for index, each in ipairs(info.cards) do
    cards[index] = { gpu = each.gpu.name, gpus = each.count, memory_gb = format.rounded(each.room, 2),
      bandwidth = each.gpu.bandwidth,
      most_context = each.most, tokens_per_second_estimate = format.rounded(each.speed, 1) }
  end
  local result = object(info.entry)
  result.status, result.contexts, result.cards, result.notes = "model", json.array(contexts),
    json.array(cards), json.array(info.notes)
  result.estimate = bytes and { bytes_per_token = math.floor(bytes), efficiency = efficiency,
    cap = models.SPEED_CAP } or nil
  return result
end

return M
