-- SPDX-License-Identifier: MIT
-- The questions of `continueplz init`: which clouds, their keys, and one look at everything else.
-- One line each, no full screen.
local clock = require "base.clock"
local fail = require "base.fail"
local term = require "base.term"
local config = require "config.effective"
local models = require "facts.models"
local shown = require "config.shown"
local account = require "admin.account"
local setup = require "admin.setup"
local format = require "ui.format"

local questions = {}

local function left()
  fail.raise("interrupted", "the input ended")
end

local function ask(prompt)
  return (term.ask(prompt) or left()):match("^%s*(.-)%s*$")
end

local function ask_secret(prompt)
  local text = term.hidden(prompt) or left()
  return text:find("%S") and text or ""
end

local function say(ctx, text, hang)
  ctx.print(table.concat(format.wrap(text, format.width(), hang), "\n"))
end

local function refuse(ctx, text)
  say(ctx, "  " .. term.style("red", "✗") .. " " .. text, "    ")
end

--- One line about a key that was checked.
function questions.verdict(result)
  local sign = result.state == "good" and term.style("green", "✓") or result.ok and term.style("yellow", "⚠")
    or term.style("red", "✗")
  local text = result.state == "good" and ("%s key valid - account: %s"):format(result.title,
    account.words(result)) or result.message
  return table.concat(format.wrap(("  %s %s"):format(sign, text), format.width(), "    "), "\n")
end

--- What follows from not allowing the account's key.
function questions.no_consent(cloud)
  return ("%s is left out when renting until GUARD_ACCOUNT_KEY=yes: its machines can end themselves "
    .. "only with the account's key"):format(cloud.title)
end

local LIKE_A_KEY = 20 -- bytes of a word

-- "1,3" or their names → rows, or nil and a sentence
local function read_choice(text, list)
  local chosen = {}
  for word in text:gmatch("[^%s,;]+") do
    local found
    for index, cloud in ipairs(list) do
      local name = word:lower()
      if word == tostring(index) or name == cloud.name or name == cloud.title:lower() then
        found = cloud
      end
    end
    if not found and #word >= LIKE_A_KEY then
      return nil, ("this looks like a key: it is asked for next, where it is not shown; give "
        .. "numbers or names, like 1 or %s"):format(list[1].name)
    elseif not found then
      return nil, ("'%s' is none of these: give numbers or names, like 1 or %s"):format(word, list[1].name)
    end
    chosen[#chosen + 1] = found
  end
  return chosen
end

local function choose(ctx, list)
  if #list == 1 then return list end
  ctx.print("Which clouds?")
  local default = {}
  for index, cloud in ipairs(list) do
    local key = config.has_key(cloud)
    ctx.print(("  %d  %s%s"):format(index, cloud.title, key and " (has a key)" or ""))
    default[#default + 1] = key and index or nil
  end
  local proposed = #default > 0 and table.concat(default, ",") or "1"
  while true do
    local text = ask(("Numbers or names [%s]: "):format(proposed))
    local chosen, why = read_choice(text == "" and proposed or text, list)
    if chosen and #chosen > 0 then return chosen end
    refuse(ctx, why or "name at least one")
  end
end

-- A key that cannot be judged now may be kept all the same.
local function keep_unchecked(result)
  if result.state ~= "blocked" and result.state ~= "unreachable" then
    return false
  end
  return term.agrees(ask("  Keep this key without having checked it? [y/N] "))
end

-- → result of account.check, or nil when the cloud is left out
local function ask_key(ctx, cloud)
  say(ctx, ("\n%s: keys are made at %s%s"):format(cloud.title, account.key_page(cloud),
    cloud.key_rights and " (rights: " .. cloud.key_rights .. ")" or ""))
  while true do
    local kept = config.secret(cloud.key_setting)
    local text = ask_secret(("%s API key (not shown; Enter: %s): "):format(cloud.title,
      kept and "keep " .. shown.masked(kept) or "leave it out"))
    if text == "" and not kept then return nil end
    local value, why = kept, nil
    if text ~= "" then
      value, why = config.use(cloud.key_setting, text, "typed")
    end
    if value then
      local result = account.check(cloud)
      ctx.print(questions.verdict(result))
      local good = result.ok or keep_unchecked(result)
      local stranded = good and setup.stranded(cloud, result.id)
      if good and not stranded then
        return result
      elseif stranded then
        refuse(ctx, stranded)
      end
      config.use(cloud.key_setting, nil)
    else
      refuse(ctx, why)
    end
  end
end

local function ask_keys(ctx, list)
  local plan = { clouds = {}, results = {}, typed = {} }
  for _, cloud in ipairs(list) do
    local result = ask_key(ctx, cloud)
    if result then
      table.insert(plan.clouds, cloud)
      table.insert(plan.results, result)
    end
  end
  if #plan.clouds == 0 then
    fail.raise("config",
      "no cloud has a key now; nothing was saved. Type continueplz init again once there is one")
  end
  return plan
end

local function limit(name)
  return function()
    local seconds = config.limit(name)
    return seconds and clock.duration(seconds) or "off"
  end
end

-- What is shown of each setting, and what a person is asked when changing it.
local rows = {
  DEFAULT_TIER = { "Model size", function()
    local named, tier = config.get("DEFAULT_MODEL"), config.get("DEFAULT_TIER")
    return named and named .. " (DEFAULT_MODEL)" or ("%s: %s"):format(tier, models.tiers[tier])
  end },
  DEFAULT_REGION = { "Region", function() return config.get("DEFAULT_REGION") end },
  PREFER_SPOT = { "Spot machines", function()
    return config.get("PREFER_SPOT") and "yes, when cheaper" or "no"
  end },
  MAX_PRICE = { "Asks above", function()
    local price = config.get("MAX_PRICE")
    return price and format.dollars(price) .. " per hour" or "off"
  end },
  DEADMAN_TIMEOUT_HOURS = { "Ends itself after silence of", limit "DEADMAN_TIMEOUT_HOURS" },
  IDLE_MINUTES = { "... idleness of", limit "IDLE_MINUTES" },
  MAX_HOURS = { "... in any case after", limit "MAX_HOURS" },
  EUR_RATE = { "Currency", function()
    local rate = config.rate()
    return rate.assumed and "dollars; a rate like 0.92 shows euros as well"
      or ("dollars; €%.2f each (%s)"):format(rate.per_dollar, rate.date)
  end },
}

local origins = { set = "the one that is set", file = "the one in tunnel.key", made = "made now",
  given = "the one you gave" }

local function show(ctx, plan)
  ctx.print("")
  local table_rows = {}
  for index, name in ipairs(setup.names) do
    table_rows[index] = { ("  %d"):format(index), rows[name][1], rows[name][2]() }
  end
  local tunnel = ("%s, public %s…"):format(origins[plan.tunnel.from], plan.tunnel.public:sub(1, 8))
  table_rows[#table_rows + 1] = { ("  %d"):format(#table_rows + 1), "Tunnel key", tunnel }
  for index, line in ipairs(format.columns(table_rows, "lll")) do
    local value = table_rows[index][3]
    local column = term.width(line) - term.width(value)
    ctx.print(line:sub(1, column) .. table.concat(format.wrap(value, format.width() - column),
      "\n" .. (" "):rep(column)))
  end
  local cloud = setup.without_consent(plan.clouds)[1]
  if cloud then
    say(ctx, ("\n%s knows no lesser key: a machine there can end itself, when you are gone, only with the "
      .. "key of your account on it (readable by root alone, used for that one call). Type yes to allow that "
      .. "(GUARD_ACCOUNT_KEY); otherwise %s is left out when renting."):format(cloud.title, cloud.title))
    return true
  end
  return false
end

-- A bare number as the currency is a rate of today.
local function completed(name, text)
  if name == "EUR_RATE" and text:match("^[%d.]+$") then
    return text .. "@" .. clock.iso():sub(1, 10)
  end
  return text
end

local function change(ctx, plan, name)
  local row = config.row(name)
  say(ctx, ("  %s: %s%s"):format(name, row.doc, row.off and "; or off" or ""), "    ")
  while true do
    local text = completed(name, ask(("  %s [%s]: "):format(name, shown.text(row, config.get(name)))))
    if text == "" then return end
    local value, why = config.use(name, text, "typed")
    if value ~= nil then
      plan.typed[name] = text
      return
    end
    refuse(ctx, why)
  end
end

local function change_tunnel(ctx, plan)
  local text = ask_secret("  WireGuard private key (not shown; Enter: make a new one): ")
  local key, why = text, nil
  if text ~= "" then
    key, why = config.parse("WIREGUARD_PRIVATE_KEY", text)
    why = why and "this is no WireGuard private key: " .. why
  end
  local tunnel
  if key then
    tunnel, why = setup.other_tunnel_key(key)
  end
  if tunnel then
    plan.tunnel = tunnel
  else
    refuse(ctx, why)
  end
end

-- One look at everything else: Enter takes it.
local function approve(ctx, plan)
  local consent = show(ctx, plan)
  while true do
    local text = ask(("Enter saves%s; a number changes that line: "):format(consent
      and ", yes allows the key and saves" or "")):lower()
    local number = math.tointeger(tonumber(text))
    if text == "" then
      return
    elseif consent and text == "y" then
      refuse(ctx, "'y' does not put your account's key on machines; type the whole word yes, or "
        .. "Enter to save without it")
    elseif consent and text == "yes" then
      plan.typed.GUARD_ACCOUNT_KEY = "yes"
      config.use("GUARD_ACCOUNT_KEY", "yes", "typed")
      return
    elseif number and setup.names[number] then
      change(ctx, plan, setup.names[number])
      consent = show(ctx, plan)
    elseif number == #setup.names + 1 then
      change_tunnel(ctx, plan)
      consent = show(ctx, plan)
    else
      refuse(ctx, ("'%s' is neither Enter nor the number of a line"):format(text))
    end
  end
end

--- Asks a person. list: cards of clouds to choose from. → plan for admin.setup, with `results` of the checks
-- @raise `interrupted` when the input ends, `config` when no cloud has a key in the end
function questions.ask(ctx, list)
  local path, text = config.file()
  ctx.print(table.concat(format.box { "continueplz setup" }, "\n"))
  say(ctx, (text and "%s is kept: only what you change here is replaced."
    or "Everything goes into %s, at the end; Ctrl-C leaves without a trace."):format(path))
  local plan = ask_keys(ctx, choose(ctx, list))
  plan.tunnel = setup.tunnel_key()
  approve(ctx, plan)
  return plan
end

return questions
