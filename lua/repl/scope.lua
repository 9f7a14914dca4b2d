-- SPDX-License-Identifier: MIT
-- What a line of the REPL sees: its own globals, the clouds, and copies of modules without what creates,
-- destroys what is not ours, or tells a secret.
local chunk = require "sandbox.chunk"
local fail = require "base.fail"
local files = require "base.files"
local http = require "base.http"
local world = require "sandbox.world"
local conceal = require "base.conceal"
local config = require "config.effective"
local clouds = require "facts.clouds"
local settings = require "config.settings"
local suggest = require "facts.suggest"

local M = {}

local Scope = {}
Scope.__index = Scope

local READS = { GET = true, HEAD = true, OPTIONS = true }

local function copy(module)
  if type(module) ~= "table" then return module end
  local made = {}
  for key, value in next, module do -- order: free
    made[key] = value
  end
  return made
end

--- The names of the clouds that can be loaded: the built-in ones and those of the home.
function M.providers()
  local names, seen = {}, {}
  local function add(name)
    if not seen[name] and world.source("providers." .. name) then
      seen[name], names[#names + 1] = true, name
    end
  end
  for _, cloud in ipairs(clouds) do
    add(cloud.name)
  end
  for _, file in ipairs(world.user and world.home
    and files.list(files.join(world.home, "providers")) or {}) do
    local name = file:match("^([%l%d_]+)%.lua$")
    if name then
      add(name)
    end
  end
  return names
end

--- The name of the cloud that is meant. Raises a `usage` failure for one that does not exist.
function M.provider_named(word)
  local cloud = clouds.find(word)
  word = cloud and cloud.name or word
  if not word:find("^[%w_-]+$") or not world.source("providers." .. word) then
    local names = M.providers()
    fail.raise("usage", ("there is no cloud named '%s'%s; there are: %s"):format(word,
      suggest.hint(word, names), table.concat(names, ", ")))
  end
  return word
end

local faces = {}

faces["base.http"] = function()
  local face = { retry = http.retry }
  function face.request(spec)
    if type(spec) ~= "table" then
      error("http.request takes a table: http.request{url=\"https://…\"}", 2)
    end
    local plain = copy(spec)
    local method = plain.method or "GET"
    if not READS[method] then
      error(("the REPL sends no %s by itself, so that nothing is rented or ended past the journal: GET, HEAD "
        .. "and OPTIONS only; a provider's own functions send what they must"):format(tostring(method)), 2)
    end
    return http.request(plain)
  end
  function face.client()
    error("the REPL makes no client, which could create something past the journal: put it into a script "
      .. "of providers/ and :reload", 2)
  end
  return face
end

local hidden = {} -- setting → whether its value is a secret; read before a line can change the table
for _, row in ipairs(settings) do
  if row.name then
    hidden[row.name] = row.secret or row.secret_url or false
  end
end

faces["config.effective"] = function()
  local face = { origin = config.origin, limit = config.limit, home = config.home, rate = config.rate }
  function face.get(name)
    local value = config.get(name)
    return value ~= nil and hidden[name] ~= false and conceal.HIDDEN or value
  end
  face.secret = face.get
  --- Every setting that has a value.
  function face.all()
    local values = {}
    for name in next, hidden do -- order: free
      values[name] = face.get(name)
    end
    return values
  end
  return face
end

faces["base.sorted"] = function()
  local sorted = require "base.sorted"
  return setmetatable({ keys = sorted.keys },
    { __call = function(_, t) return sorted(t) end, __metatable = false })
end

faces["base.task"] = function()
  local task = require "base.task"
  return {
    sleep = task.sleep, deadline = task.deadline, map = task.map, spawn = task.spawn, await = task.await,
    cancel = task.cancel,
    channel = task.channel,
  }
end

faces["base.log"] = function()
  local log = require "base.log"
  return { debug = log.debug, info = log.info, warn = log.warn, error = log.error, hide = log.hide,
    redact = log.redact }
end

for _, name in ipairs { "json", "fail", "clock", "url" } do
  faces["base." .. name] = function() return copy(require("base." .. name)) end
end

-- A machine that does not carry a mark of ours is left alone.
local function guarded(provider)
  local face = copy(provider)
  if type(face) == "table" and type(face.destroy) == "function" then
    face.destroy = function(id)
      local machine = provider.get(id)
      local token = type(machine) == "table" and machine.token
      if type(machine) == "table" and machine.status == "gone" then
        return true
      end
      if type(token) ~= "string" or not token:find("^cplz%-%x+%-%x+") then
        fail.raise("refused", ("machine %s does not carry a mark of continueplz, so the REPL does not end it")
          :format(tostring(id)))
      end
      return provider.destroy(id)
    end
  end
  return face
end

-- What `require` gives at the prompt.
local function open(name)
  if faces[name] then return faces[name]() end
  local room = name:gsub("^builtin%.", ""):match("^(%a+)%.")
  if room == "providers" then return guarded(world.require(name)) end
  if room == "facts" and name ~= "builtin.config.effective" or room == "policies" then
    return copy(world.require(name))
  end
  error(("the REPL may not require %q; it has providers.*, policies.*, facts.* and "
    .. "base.{clock,fail,http,json,log,sorted,task,url}"):format(name), 3)
end

local WORDS = { http = "base.http", json = "base.json", fail = "base.fail", task = "base.task",
  clock = "base.clock", log = "base.log", config = "config.effective" }

-- Names that are looked up when they are first said.
local function finder(scope)
  local found = {}
  for word, module in next, WORDS do -- order: free
    found[word] = function() return scope.require(module) end
  end
  for _, name in ipairs(M.providers()) do
    found[name] = function() return scope.require("providers." .. name) end
  end
  function found.provider() return scope.require("providers." .. scope.provider) end
  function found.want() return scope.want() end
  return found
end

-- Global names: assigned ones, those that are looked up when they are first said,
-- and an error for all others.
local function strict(scope)
  local assigned = {}
  local function missing(_, name)
    if assigned[name] then return nil end
    local find = scope.found[name]
    if find then
      local value = find()
      rawset(scope.env, name, value)
      return value
    end
    if scope.locals[name] then
      error(("undefined global '%s': a local ends with its line; say %s = … without `local` to keep it")
        :format(name, name), 2)
    end
    local hint = #tostring(name) > 3 and suggest.hint(name, scope:names()) or ""
    error(("undefined global '%s'%s"):format(tostring(name), hint), 2)
  end
  local function assign(env, name, value)
    assigned[name] = true
    rawset(env, name, value)
  end
  return { __metatable = false, __index = missing, __newindex = assign }
end

--- A scope. options: provider (its name), want() → a sample of what is wanted, print(…), pretty(value).
-- Fields: env, where lines run; locals, names that lines declared as such.
function M.new(options)
  local scope = setmetatable({ provider = options.provider, want = options.want, loaded = {}, locals = {},
    env = chunk.globals() }, Scope)
  function scope.require(name)
    if type(name) ~= "string" then
      error("require needs a module name, got a " .. type(name), 2)
    end
    local value = scope.loaded[name]
    if value == nil then
      value = open(name)
      scope.loaded[name] = value
    end
    return value
  end
  scope.found = finder(scope)
  local env = scope.env
  env.require, env.print, env.pretty = scope.require, options.print, options.pretty
  setmetatable(env, strict(scope))
  return scope
end

--- The value of a global as far as it can be had without waiting: for completion.
function Scope:peek(name)
  local value = rawget(self.env, name)
  if value == nil and self.found[name] and name ~= "want" then
    local ok, loaded = fail.try(function() return self.env[name] end)
    value = ok and loaded or nil
  end
  return value
end

--- Every name that a line may say, sorted.
function Scope:names()
  local seen, list = {}, {}
  for _, each in ipairs { self.env, self.found } do
    for name in next, each do -- order: free
      if type(name) == "string" and not name:find("^_") and not seen[name] then
        seen[name], list[#list + 1] = true, name
      end
    end
  end
  table.sort(list)
  return list
end

--- Reads a cloud's script and what lies in its folder from disk again. What was there stays when that fails.
function Scope:reload(name)
  local module = "providers." .. name
  for _, each in ipairs { module, module .. ".card", module .. ".parse" } do
    world.forget(each)
    self.loaded["builtin." .. each] = nil
    self.loaded[each] = each == module and self.loaded[each] or nil
  end
  local face = guarded(world.require(module))
  self.loaded[module] = face
  rawset(self.env, name, face)
  if name == self.provider then
    rawset(self.env, "provider", face)
  end
end

return M
