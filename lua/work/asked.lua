-- SPDX-License-Identifier: MIT
-- Which clouds are asked: those with a key, with a script, and with a guard or the user's consent to none.
local fail = require "base.fail"
local world = require "base.world"
local clouds = require "facts.clouds"
local config = require "facts.config"
local suggest = require "facts.suggest"
local guarding = require "work.guarding"

local asked = {}

local function cloud_named(name)
  for _, cloud in ipairs(clouds) do
    if cloud.name == name then
      return cloud
    end
    for _, alias in ipairs(cloud.aliases) do
      if alias == name then
        return cloud
      end
    end
  end
  return nil
end

local function need_key(cloud)
  if not config.secret(cloud.key) then
    fail.raise("config", ("%s has no key: put %s=... into %s/.env"):format(cloud.title, cloud.key, config.home()))
  end
end

-- Why a cloud is not asked although it has a key, or nil. One whose script is broken says so when it is asked.
local function why_skipped(name, accept_no_guard)
  if not world.source("providers." .. name) then
    return "has a key, but is not supported yet"
  end
  local ok, kind, why = fail.try(function()
    return guarding.kind(world.require("providers." .. name), accept_no_guard)
  end)
  return ok and not kind and why or nil
end

--- The clouds that will be asked, in the table's order; a cloud of the user's own is asked when it is named (`provider`).
-- → names, those that have a key but are not asked: { {name=, message=}, … }
-- @raise `config` without any key or consent, `usage` for an unknown cloud
function asked.configured(provider, accept_no_guard)
  if provider then
    local cloud = cloud_named(provider)
    local name = cloud and cloud.name or provider
    if not world.source("providers." .. name) then
      local names = {}
      for index, each in ipairs(clouds) do
        names[index] = each.name
      end
      fail.raise("usage", cloud and ("%s is not supported yet; vast and lambda are"):format(cloud.title)
        or ("there is no cloud named '%s'%s"):format(provider, suggest.hint(provider, names)))
    end
    if cloud then
      need_key(cloud)
    end
    local why = why_skipped(name, accept_no_guard)
    if why then
      fail.raise("config", ("%s: %s"):format(cloud and cloud.title or name, why))
    end
    return { name }, {}
  end
  local names, skipped = {}, {}
  for _, cloud in ipairs(clouds) do
    if config.secret(cloud.key) then
      local why = why_skipped(cloud.name, accept_no_guard)
      if why then
        skipped[#skipped + 1] = { name = cloud.name, message = why }
      else
        names[#names + 1] = cloud.name
      end
    end
  end
  if #names == 0 then
    local told = {}
    for index, each in ipairs(skipped) do
      told[index] = each.name .. ": " .. each.message
    end
    fail.raise("config", #told > 0 and "no cloud can be asked. " .. table.concat(told, ". ")
      or ("no key of a supported cloud is set: put VAST_API_KEY=... or LAMBDA_API_KEY=... into %s/.env"):format(config.home()))
  end
  return names, skipped
end

return asked
