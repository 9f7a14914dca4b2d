-- SPDX-License-Identifier: MIT
-- Models of every full screen as they come up in a day, for golden texts and for random sizes.
local catalog = require "start.catalog"
local models = require "facts.models"

local HOSTILE = "\27[31mred\27[0m \27]0;title\7 \u{202e}turned \xff\0 " .. ("long "):rep(60)

local M = {}

local function candidate(cloud, gpu, gpus, region, hourly, spot, more)
  local offer = { provider = cloud, id = "4711", gpu = gpu, gpus = gpus, region = region, vram_gb = 24,
    disk_hour = 0.009, bandwidth_down = 1600, reliability = 0.992 }
  for name, value in next, more or {} do offer[name] = value end -- order: free
  local total = hourly * 8 + 0.04
  return { offer = offer, spot = spot, hourly = hourly, total = total, tokens_per_second = 141.4,
    measured = offer.measured, usd_per_million_tokens = 0.41,
    parts = { compute = (hourly - 0.009) * 8, disk = 0.072, download = 0.04, minimum = 0 } }
end

local function told() end

local want = { model = models.find "qwen3-coder:30b", context = 32768, hours = 8, spot = true, disk_gb = 44 }

local function offers()
  local cheap = candidate("vast", "rtx4090", 1, "eu-east", 0.207, true)
  local own = candidate("vast", "a100-80", 2, "us-west", 0.898, false,
    { measured = { tokens_per_second = 198 } })
  return {
    { first = cheap, spot = cheap, demand = candidate("vast", "rtx4090", 1, "eu-east", 0.349, false) },
    { first = own, demand = own },
    { first = candidate("runpod", "a40", 1, nil, 0.446, false, { native_region = HOSTILE }) },
    { cloud = "lambda", state = "dead", message = "Lambda did not answer within 20 s" },
    { cloud = "coreweave", state = "skipped", message = HOSTILE },
    { cloud = "paperspace", state = "asking", message = "asking" },
  }
end

local function choose(items, more)
  local model = { items = items, at = 1, told = told, filter = "", want = want, rejected = 29,
    entry = catalog.entry(want.model, want.context) }
  if items[1] and items[1].first then
    model.panel = { candidate = items[1].first, hours = 8, disk_gb = 44, least = 0, most = 2.53, life = 43200,
      ready = "READY after about 4m 11s by estimate", balance = more and more.balance, budget = 1.2 }
  end
  for name, value in next, more or {} do model[name] = value end -- order: free
  return model
end

local CARDS = { "l40", "rtx4090", "a100-80", "h100", "l40s" }

local function many(count)
  local list = {}
  for index = 1, count do
    local each = candidate("vast", CARDS[index % (count > 100 and #CARDS or 1) + 1], 1 + index % 2, "eu-west",
      0.3 + index / 100, false)
    list[index] = { first = each, demand = each }
  end
  return list
end

local function status(more)
  local model = {
    state = "ready", started = 1700000000, seconds = 3600, home = "/home/somebody/.continueplz",
    instance = { id = "30119482", provider = "vast", title = "Vast.ai", gpu = "rtx4090", gpus = 1,
      region = "eu-east", type = "spot" },
    model = { name = "qwen3-coder:30b", state = "ready", context = 32768, tokens_per_second = 139.2 },
    endpoint = { url = "http://127.0.0.1:27524", port = 27524 },
    tunnel = { state = "connected", carrier = "udp", handshake_age = 12 },
    guard = { state = "armed", silence_left = 35990, idle_left = 3000, life_left = 3000 },
    limits = { silence = 36000, idle = 3600, life = 43200, max_price = 3 },
    cost = { hourly = 0.207, current = 0.21, projected = 1.7, projected_hours = 8 }, warnings = {},
  }
  for name, value in next, more or {} do model[name] = value end -- order: free
  return { status = model, now = 1700003600, age = 2,
    money = { state = "running", hourly = 0.207, so_far = 0.21, ends = 1700043200 } }
end

local STEPS = { "Fetching prices", "Selecting cheapest compatible option", "Creating instance",
  "Waiting for instance to boot", "Configuring WireGuard tunnel", "Arming the guard", "Pulling model",
  "Verifying service health" }

local function alarmed()
  local model = status { state = "unproven", guard = { state = "none" } }
  model.alert = { id = "30119482", console = "https://example.test/instances", reason = HOSTILE }
  return model
end

local function work(more, told_more)
  local progress = { command = "up", pid = 1, began = 1700000000, step = 7, steps = 8, titles = STEPS,
    since = 1700000100, done = {}, notes = { "✓ Selected: vast RTX 4090 24GB @ $0.207/h spot",
      "✓ Instance 30119482 created", "⚠ " .. HOSTILE }, expected = { 1, 1, 5, 60, 4, 2, 90, 5 },
    moving = { text = "Pulling qwen3-coder:30b", fraction = 0.45, bytes = 8.3e9, total = 18.6e9, rate = 9.2e7,
      eta = 110 } }
  for index = 1, 6 do progress.done[index] = { step = index, seconds = index * 3 } end
  for name, value in next, told_more or {} do progress[name] = value or nil end -- order: free
  local model = { kind = "up", told = progress, now = 1700000140, began = 1700000000, over = false }
  for name, value in next, more or {} do model[name] = value end -- order: free
  return model
end

local function stopping(ended)
  return work({ kind = "stop", over = ended ~= nil }, { command = "stop", step = 4, steps = 4,
    expected = false,
    titles = { "Terminating instance 30119482", "Verifying billing stopped", "Removing WireGuard tunnel",
      "Cleaning state" },
    done = { { step = 1, seconds = 2 }, { step = 2, seconds = 11 }, { step = 3, seconds = 0 },
      { step = 4, seconds = 0 } }, moving = false, ended = ended,
    notes = { "✓ Terminated", "✓ Confirmed" } })
end

local function lines()
  local list = {}
  for index = 1, 40 do
    list[index] = ("2026-11-29T09:28:%02d.000Z %s something happened number=%d"):format(index,
      index % 7 == 0 and "WARN" or "INFO", index)
  end
  list[41] = HOSTILE
  return list
end

local function keys()
  local list = {}
  for index, key in ipairs { "enter", "m", "+", "page-up" } do
    list[index] = { key = key, words = "what it does, in words", off = index == 3 and "not yet" or nil }
  end
  return list
end

--- view → { { name of the case, model }, … }, in an order
M.list = {
  { "choose", "offers as they come", choose(offers(), { asking = true, balance = 25.5 }) },
  { "choose", "many offers, scrolled and sorted", choose(many(60), { at = 40, from = 30, sort = "speed",
    filter = "vast" }) },
  { "choose", "no answer yet", choose({}, { asking = true }) },
  { "choose", "a spot machine was taken away", choose(offers(), { lost = { id = "30119482", provider = "vast",
    reason = "interrupted", spot = true, cost = 2.15, seconds = 11880 } }) },
  { "choose", "nothing can be asked", choose({}, {
    problem = "no cloud has a key yet: type continueplz init" }) },
  { "models", "the table", { items = catalog.list(32768), at = 11, told = told, filter = "", asked = 32768,
    now = "qwen3-coder:30b" } },
  { "rejected", "reasons", { items = { { cloud = "vast", gpu = "l4", gpus = 1, hourly = 0.279,
    reason = "too small: 24.2 GB of memory, and 24.6 GB are needed" }, { cloud = "coreweave", title = "all",
      reason = HOSTILE } }, at = 2, told = told, filter = "" } },
  { "confirm", "the sum", { lines = { "vast RTX 4090 24GB, eu-east, spot, for qwen3-coder:30b.",
    "$1.70 for 8h 00m: $1.59 compute, $0.07 disk, $0.04 download.", "Credit at Vast.ai: $25.00." } } },
  { "confirm", "dearer than shown", { dearer = true, lines = { "DEARER THAN SHOWN: $1.81 now, $1.70 before.",
    "NO GUARD: this machine would not end itself." } } },
  { "work", "the model comes", work() },
  { "work", "it is undone", work({ undoing = true }, { moving = false, undoing = { step = 2, steps = 4,
    since = 1700000130, titles = { "Terminating", "Verifying billing stopped", "", "" },
    done = { { step = 1, seconds = 3 } } } }) },
  { "work", "it failed and was ended", work({ over = true }, { moving = false, ended = { code = 5,
    message = "3 machines failed to come up, the last because: no handshake", outcome = "proven",
    cost = 0.12 } }) },
  { "work", "it begins", work { told = false } },
  { "work", "its process is gone", work({ over = true }, { stale = true }) },
  { "work", "stopped and proven", stopping { code = 0, outcome = "proven", cost = 2.93 } },
  { "work", "stopped, no proof to be had", stopping { code = 0, outcome = "unverifiable", cost = 2.93,
    at_most = true } },
  { "work", "not proven", stopping { code = 1, outcome = "unproven", message = "the list still shows it" } },
  { "instance", "it serves", status() },
  { "instance", "limits are off, warnings", status { limits = { silence = 36000, idle = 0, life = 0 },
    guard = { state = "unknown" }, tunnel = { state = "silent", carrier = "tcp" },
    warnings = { "the guard does not answer: " .. HOSTILE } } },
  { "instance", "not looked at yet", { now = 1700003600, money = { state = "running", hourly = 1 } } },
  { "instance", "may still be running", alarmed() },
  { "logs", "followed", { items = lines(), at = 41, told = told, filter = "", part = "tool",
    following = true } },
  { "logs", "cannot be had", { items = {}, at = 1, told = told, filter = "x", part = "engine",
    problem = "the log of the engine cannot be had: " .. HOSTILE } },
  { "help", "keys", { items = keys(), at = 2, told = told, filter = "" } },
}
for _, each in ipairs(M.list) do
  if each[3].told == false then each[3].told = nil end
end

--- So many offers to rent.
function M.choose_of(count) return choose(many(count)) end

--- The last two rows.
M.bottoms = {
  { "nothing", { money = { state = "none" }, keys = keys(), clock = "14:05" } },
  { "running", { money = { state = "running", hourly = 0.207, so_far = 2.93, ends = 1700043200 },
    keys = keys(), clock = "14:05", message = { "red bold", HOSTILE } } },
  { "no end", { money = { state = "running", hourly = 0.207, so_far = 2.93, at_most = true, more = 1 },
    keys = keys(), clock = "14:05", prompt = { sign = "/", before = "漢字 abc", after = "de" } } },
  { "stopping", { money = { state = "stopping", hourly = 1, console = "https://example.test/", things = 1 },
    keys = keys(), clock = "14:05" } },
  { "unproven", { money = { state = "unproven", hourly = 1, console = "https://example.test/" },
    keys = keys(), clock = "14:05" } },
  { "unverifiable", { money = { state = "unverifiable", hourly = 1, console = "https://example.test/" },
    keys = keys(), clock = "14:05" } },
  { "unknown", { money = { state = "unknown", why = HOSTILE }, keys = keys(), clock = "14:05" } },
}

return M
