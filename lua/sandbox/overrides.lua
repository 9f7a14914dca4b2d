-- SPDX-License-Identifier: MIT
-- `override(module, name, function(base, ...) … end)` of the home's init.lua: replaces one function of one
-- module. The module as it was stays reachable as `builtin.MODULE`, so that a stop can fall back to it.

local sorted = require "base.sorted"
local aliases = require "sandbox.aliases"

local overrides = {}

local ROOMS = { providers = true, policies = true, engines = true, commands = true, ui = true, facts = true }
local OTHERS = { ["home.alert"] = true, ["money.budget"] = true, ["start.model"] = true,
  ["start.report"] = true }
-- rooms that keep what was promised about money
local RULES = { home = true, money = true, start = true, agent = true }

local function misuse(text, ...) error("override: " .. text:format(...), 4) end

-- Why a module cannot be changed, or nil.
local function closed(module)
  local room = module:match("^([^.]+)%.")
  if ROOMS[room] or OTHERS[module] then return nil end
  if room == "config" then return "every limit is read there" end
  if room == "base" then
    return "every rule about money and keys stands on it"
  end
  if RULES[room] then
    return "it keeps the rules about money; a policy, provider, engine or command of your "
      .. "own can be put beside it"
  end
  return "it is needed before anything can be replaced"
end

local function functions_of(module)
  local names = {}
  for name, value in sorted(module) do
    if type(value) == "function" then names[#names + 1] = tostring(name) end
  end
  return #names > 0 and table.concat(names, ", ") or "none"
end

local function check(inner, module, name, fn)
  if type(module) ~= "string" then
    misuse("the module must be a name like \"ui.status\", not a %s", type(module))
  end
  if type(name) ~= "string" then
    misuse("the function of %s must be named by a text, not a %s", module, type(name))
  end
  if type(fn) ~= "function" then
    misuse("%s.%s needs a function(base, ...), not a %s", module, name, type(fn))
  end
  if not module:find("^[%w_-]+[%w_.-]*$") or not inner.source(module) then
    misuse("there is no module %q", module)
  end
  local why = closed(module)
  if why then misuse("%s cannot be replaced: %s", module, why) end
  local value = inner.require(module)
  if type(value) ~= "table" then
    misuse("%s is one %s; put a file of that name into the folder instead", module, type(value))
  end
  if type(value[name]) ~= "function" then
    misuse("%s has no function %q; it has %s", module, name, functions_of(value))
  end
  return value
end

--- The function `override` for the world of `inner`.
function overrides.bind(inner)
  inner.overridden = {}
  return function(module, name, fn)
    module = aliases[module] or module
    local target = check(inner, module, name, fn)
    local base, kept = target[name], rawget(target, name)
    table.insert(inner.overridden, { target = target, name = name, kept = kept })
    for path, value in pairs(inner.values) do -- order: free
      if value == target then inner.values[path] = nil end -- `builtin.` loads a fresh one
    end
    inner.overridden[module] = true
    rawset(target, name, function(...) return fn(base, ...) end)
  end
end

--- Takes back everything: an init.lua that breaks half way has changed nothing.
function overrides.undo(inner)
  for at = #inner.overridden, 1, -1 do
    local each = inner.overridden[at]
    rawset(each.target, each.name, each.kept)
  end
  inner.overridden = {}
end

return overrides
