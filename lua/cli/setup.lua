-- SPDX-License-Identifier: MIT
-- `continueplz init`: the questions, with plain prompts, or the answers of flags and environment when
-- nobody can be asked.
local fail = require "base.fail"
local json = require "base.json"
local term = require "base.term"
local declared = require "config.declared"
local config = require "config.effective"
local clouds = require "facts.clouds"
local account = require "admin.account"
local setup = require "admin.setup"
local format = require "ui.format"
local questions = require "cli.questions"

local M = {}

local EXIT = { wrong = "auth", rights = "auth", blocked = "transient", unreachable = "transient" }

local function names_of(list)
  local names = {}
  for index, cloud in ipairs(list) do
    names[index] = cloud.name
  end
  return names
end

-- The clouds to choose from: all that can be rented from, or the one that --provider names.
local function offered()
  local list, named = declared.clouds(true), config.get("DEFAULT_PROVIDER")
  if not named then return list end
  local meant = (clouds.find(named) or { name = named }).name
  for _, cloud in ipairs(list) do
    if cloud.name == meant then return { cloud } end
  end
  return fail.raise("usage", ("a cloud named '%s' cannot be set up%s; there is %s"):format(named,
    require("facts.suggest").hint(named, names_of(list)), table.concat(names_of(list), ", ")))
end

local function keys_of(list)
  local names = {}
  for index, cloud in ipairs(list) do
    names[index] = cloud.key_setting
  end
  return table.concat(names, " or ")
end

-- One line of standard input is the key of the one cloud that can be meant.
local function key_from_input(list)
  if #list ~= 1 or term.is("in") then return end
  local text = term.ask() or ""
  if text:find("%S") then
    local value, why = config.use(list[1].key_setting, text, "standard input")
    if not value then
      fail.raise("config", ("standard input: %s: %s; nothing was saved"):format(list[1].key_setting, why))
    end
  end
end

local function with_keys(list)
  local found = {}
  for _, cloud in ipairs(list) do
    if config.has_key(cloud) then
      found[#found + 1] = cloud
    end
  end
  return found
end

-- Nobody can be asked: everything must be there already. → plan
local function unattended(ctx, list)
  local found = with_keys(list)
  if #found == 0 then
    key_from_input(list)
    found = with_keys(list)
  end
  if #found == 0 then
    fail.raise("config", ("no key was given: put %s into the environment, or send it on standard "
      .. "input%s; nothing was saved"):format(keys_of(list), #list > 1 and " with --provider=NAME" or ""))
  end
  local plan = { clouds = found, results = {}, typed = {} }
  for index, cloud in ipairs(found) do
    local result = account.check(cloud)
    if not result.ok then
      fail.raise(EXIT[result.state], ("%s: %s; nothing was saved"):format(cloud.key_setting, result.message))
    end
    local stranded = setup.stranded(cloud, result.id)
    if stranded then fail.raise("busy", stranded .. "; nothing was saved") end
    plan.results[index] = result
    ctx.print(questions.verdict(result))
  end
  plan.tunnel = setup.tunnel_key()
  return plan
end

-- Flags are wishes to be kept, but for the one that only says which cloud is meant here.
local function take_flags(ctx, plan)
  for _, row in ipairs(config.settings) do
    local flag = ctx.settings[row.name]
    if flag and row.name ~= "DEFAULT_PROVIDER" then
      plan.typed[row.name] = plan.typed[row.name] or flag.text
    end
  end
end

-- The offers command, as the user has it, with its object kept instead of printed.
-- → object, or nil and a sentence
local function show_offers(ctx)
  local object
  local inner = setmetatable({ below = 4, emit = function(value) object = value end }, { __index = ctx })
  local ok, problem = fail.try(function()
    return ctx.commands.load("offers").run(inner)
  end)
  if ok then return object end
  return nil, fail.message(problem)
end

local function tell(ctx, saved, changes)
  local names = {}
  for index, change in ipairs(changes) do
    names[index] = change.name
  end
  local good = term.style("green", "✓")
  if #changes == 0 then
    ctx.print(("%s %s says all of it already; nothing was changed"):format(good, saved.path))
  else
    ctx.print(table.concat(format.wrap(("%s Saved in %s (mode 0600): %s"):format(good, saved.path,
      table.concat(names, ", ")), format.width(), "  "), "\n"))
  end
  if saved.state_created then
    ctx.print(good .. " State file made")
  end
  for _, name in ipairs(setup.overruled(changes)) do
    ctx.problem(name .. " is set in the environment as well, which wins over .env")
  end
  return names
end

local function object_of(plan, saved, names, offers, problem)
  local told = {}
  for index, result in ipairs(plan.results) do
    told[index] = {
      name = result.cloud.name, state = result.state, account = result.name or result.id,
      balance = result.balance, currency = result.currency, message = result.message,
    }
  end
  return {
    status = "saved", file = saved.path, created = saved.created,
    settings = json.array(names), providers = json.array(told),
    tunnel = { public_key = plan.tunnel.public, from = plan.tunnel.from }, offers = offers,
    offers_problem = problem,
  }
end

local function finish(ctx, plan)
  take_flags(ctx, plan)
  local changes = setup.changes(plan)
  local saved = setup.save(changes)
  local names = tell(ctx, saved, changes)
  local skipped = setup.without_consent(plan.clouds)
  for _, cloud in ipairs(skipped) do
    ctx.problem(questions.no_consent(cloud))
  end
  ctx.print("")
  local offers, problem = show_offers(ctx)
  if problem then
    ctx.problem("no prices yet: " .. problem)
  else
    ctx.print("\nNow: continueplz --cheapest     (it asks, with the sum, before it rents)")
  end
  ctx.emit(object_of(plan, saved, names, offers, problem))
  return 0
end

--- Runs the setup. → exit code
-- @raise `config`, `auth` or `transient` when it cannot be done; `interrupted` when a prompt is left.
-- Nothing is written then.
function M.run(ctx)
  local list = offered()
  local ok, plan = fail.settle(ctx.asks and questions.ask or unattended, ctx, list)
  if not ok then
    if fail.is(plan, "interrupted") then
      if ctx.asks then
        term.err("\n") -- the prompt's line
      end
      plan.message = plan.message .. "; nothing was saved"
    end
    error(plan, 0)
  end
  return finish(ctx, plan)
end

return M
