-- SPDX-License-Identifier: MIT
-- Which clouds are asked: those with a key, with a script, and with a guard or the user's consent to none.
local fail = require "base.fail"
local world = require "sandbox.world"
local cards = require "facts.clouds"
local config = require "config.effective"
local declared = require "config.declared"
local suggest = require "facts.suggest"
local guard_policy = require "money.guard_policy"
local provider_of = require "money.provider_of"

local clouds = {}

local function need_key(cloud)
  if not config.has_key(cloud) then
    fail.raise("config", ("%s has no key: %s"):format(cloud.title, config.way_to_key(cloud.key_setting)))
  end
end

-- A cloud of the user's own: its script is its card.
local function own_cloud(name)
  local provider = world.require("providers." .. name)
  if type(provider) ~= "table" then return provider_of.strict(name) end
  local key = provider.key_setting
  if key and not fail.try(config.get, key) then
    fail.raise("config", ("%s names the key %s, but declares no such setting")
      :format(world.source("providers." .. name), tostring(key)))
  end
  return { name = name, title = provider.title or name, key_setting = key }
end

-- Why a cloud is not asked although it has a key, or nil.
-- One whose script is broken says so when it is asked.
local function why_skipped(name, accept_no_guard)
  if not world.source("providers." .. name) then
    return "has a key, but is not supported yet"
  end
  local ok, kind, why = fail.try(function()
    return guard_policy.kind(world.require("providers." .. name), accept_no_guard)
  end)
  return ok and not kind and why or nil
end

-- The one cloud that was named. → its name
local function only(provider, accept_no_guard)
  local cloud = cards.find(provider)
  local name = cloud and cloud.name or provider
  if not world.source("providers." .. name) then
    local names, here = {}, cards.listed(cards.supported(), "name", "and")
    for index, each in ipairs(cards) do
      names[index] = each.name
    end
    local hint = suggest.hint(provider, names, ("; %s are known"):format(here))
    fail.raise("usage", cloud and ("%s is not supported yet; %s are"):format(cloud.title, here)
      or ("there is no cloud named '%s'%s"):format(provider, hint))
  end
  cloud = cloud or own_cloud(name)
  if cloud.key_setting then
    need_key(cloud)
  end
  local why = why_skipped(name, accept_no_guard)
  if why then fail.raise("config", ("%s: %s"):format(cloud.title, why)) end
  return name
end

--- All clouds that have a key: those we know in the table's order, then the user's own (a script that is
-- broken is asked as well, to be named with its reason).
-- supported: leave out clouds that cannot be rented from
function clouds.with_key(supported)
  local names = {}
  for _, cloud in ipairs(cards) do
    if config.has_key(cloud) and (not supported or world.source("providers." .. cloud.name)) then
      names[#names + 1] = cloud.name
    end
  end
  for _, name in ipairs(declared.providers()) do
    local ok, cloud = fail.try(own_cloud, name)
    if not ok or not cloud.key_setting or config.has_key(cloud) then
      names[#names + 1] = name
    end
  end
  return names
end

--- The clouds that will be asked. → names, those that have a key but are not asked: { {name=, message=}, … }
-- @raise `config` without any key or consent, `usage` for an unknown cloud
function clouds.configured(provider, accept_no_guard)
  if provider then return { only(provider, accept_no_guard) }, {} end
  local names, skipped, told = {}, {}, {}
  for _, name in ipairs(clouds.with_key()) do
    local why = why_skipped(name, accept_no_guard)
    if why then
      skipped[#skipped + 1] = { name = name, message = why }
      told[#told + 1] = name .. ": " .. why
    else
      names[#names + 1] = name
    end
  end
  if #names == 0 then
    fail.raise("config", #told > 0 and "no cloud can be asked. " .. table.concat(told, ". ")
      or "no key of a supported cloud is set: " .. config.way_to_key(cards.supported()[1].key_setting))
  end
  return names, skipped
end

return clouds
