-- SPDX-License-Identifier: MIT
-- The user's own screens, held so that one that breaks gives way to the built-in one: what ends a machine
-- must not stop for a picture.
local fail = require "base.fail"
local world = require "sandbox.world"

local steady = {}

local function tell(ctx, name, problem)
  ctx.problem(("your own %s.lua failed: %s; the built-in one is used"):format(name:gsub("%.", "/"),
    fail.message(problem)))
end

--- Calls use(module), with the built-in module when the user's own one breaks. → what it returns
function steady.call(ctx, name, use)
  local own, builtin = world.require_safe(name), world.builtin(name)
  if own ~= builtin then
    local ok, result = fail.try(use, own)
    if ok then return result end
    tell(ctx, name, result)
  end
  return use(builtin)
end

--- A screen like ui.progress.new(ctx).
function steady.screen(ctx)
  local name = "ui.progress"
  local builtin = world.builtin(name)
  local inner = steady.call(ctx, name, function(module)
    return module.new(ctx)
  end)
  local trusted = world.require_safe(name) == builtin
  return trusted and inner or setmetatable({}, { __index = function(_, key)
    local value = inner[key]
    if value ~= nil and type(value) ~= "function" then return value end
    return function(_, ...)
      local ok, result = fail.try(inner[key], inner, ...)
      if ok then return result end
      if trusted then error(result, 0) end
      tell(ctx, name, result)
      inner, trusted = builtin.new(ctx), true
      return inner[key](inner, ...)
    end
  end })
end

return steady
