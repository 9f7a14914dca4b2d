-- SPDX-License-Identifier: MIT
-- Providers as those use them who must end a machine: a user's script that breaks gives way to the built-in
-- one.
local fail = require "base.fail"
local world = require "sandbox.world"
local log = require "base.log"

local NEEDED = { "account", "create", "destroy", "get", "list", "offers", "proof", "terminate_request" }
local PROVING = { "list", "get", "proof", "account" }

local provider_of = {}

--- A provider as it is, whole.
-- @raise `config` when the user's script is broken or lacks a function
function provider_of.strict(name)
  local where = world.source("providers." .. name)
  if not where then
    fail.raise("config", ("there is no script for the cloud %s: %s/providers/%s.lua is "
      .. "missing, or --no-user hides it"):format(name, world.home or "", name))
  end
  local provider = world.require("providers." .. name)
  if type(provider) ~= "table" then
    fail.raise("config", ("%s must return a table, not a %s"):format(where, type(provider)))
  end
  for _, call in ipairs(NEEDED) do
    if type(provider[call]) ~= "function" then
      fail.raise("config", ("%s has no function %s"):format(where, call))
    end
  end
  for _, part in ipairs { "capabilities", "timing" } do
    if type(provider[part]) ~= "table" then
      fail.raise("config", ("%s has no table %s"):format(where, part))
    end
  end
  return provider
end

-- Calls the user's function. What the cloud says counts; a mistake of the script does not.
local function survived(name, call, own, builtin, ...)
  local ok, result = fail.try(own, ...)
  if ok then return result end
  if not fail.is(result, "internal") then error(result, 0) end
  log.error("your provider script failed; the built-in one takes over",
    { provider = name, call = call, error = fail.message(result) })
  return builtin(...)
end

local function guarded(name, call, own, builtin)
  return function(...) return survived(name, call, own, builtin, ...) end
end

-- What has to be said again of a machine is said by the built-in one.
local function destroy_of(name, own, builtin)
  local asked = {}
  return function(id)
    if asked[id] then return builtin(id) end
    asked[id] = true
    return survived(name, "destroy", own, builtin, id)
  end
end

--- A provider whose calls that end and prove survive a mistake of the user's script, as far as there is a
-- built-in one. A destroy that has to be said again is said by the built-in one.
-- @raise `config` when the script cannot be loaded and nothing built-in is there
function provider_of.provider(name)
  local builtin = world.builtin("providers." .. name)
  if not builtin then return provider_of.strict(name) end
  local own = world.require_safe("providers." .. name)
  if builtin == own then return own end
  own = type(own) == "table" and own or {}
  local both = setmetatable({ name = name }, { __index = own })
  for _, part in ipairs { "capabilities", "timing" } do
    if type(own[part]) ~= "table" then both[part] = builtin[part] end
  end
  for _, call in ipairs(PROVING) do both[call] = guarded(name, call, own[call], builtin[call]) end
  both.destroy = destroy_of(name, own.destroy, builtin.destroy)
  both.tidy = builtin.tidy and guarded(name, "tidy", own.tidy or builtin.tidy, builtin.tidy) or own.tidy
  return both
end

--- What a cloud is called, its script broken or not. → title, console or nil (where a person can look)
function provider_of.title(name)
  local ok, provider = fail.try(provider_of.provider, name)
  return ok and provider.title or name, ok and provider.console or nil
end

return provider_of
