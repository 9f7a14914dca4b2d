-- SPDX-License-Identifier: MIT
-- Loads scripts. A world is one loader with one host: its modules see the host's primitives (base only), the
-- allow-listed globals and each other, and share nothing with the modules of another world.

local _, traceback = ...

local loader = {}

local given = {
  assert = assert, error = error, ipairs = ipairs, next = next, pairs = pairs, pcall = pcall, rawequal = rawequal,
  rawget = rawget, rawlen = rawlen, rawset = rawset, select = select, setmetatable = setmetatable,
  getmetatable = getmetatable, tonumber = tonumber, tostring = tostring, type = type, xpcall = xpcall,
  _VERSION = _VERSION,
}
local libraries = { string = string, table = table, math = math, utf8 = utf8, coroutine = coroutine }
local dropped = { math = { random = true, randomseed = true } }

local ROOMS = { providers = true, policies = true, templates = true, engines = true, commands = true, ui = true, facts = true }
-- Code that every command needs, in a room of data: a broken copy of it would take the stop along.
local FIXED = { ["facts.config"] = true }

-- What the user's own files of a room may require; a room that is not listed may require everything.
local LIMITS = {
  policies = { "^builtin%.policies%." },
  providers = {
    "^base%.http$", "^base%.json$", "^base%.log$", "^base%.fail$", "^base%.clock$", "^base%.sorted$", "^base%.task$",
    "^base%.keys$", "^facts%.", "^builtin%.providers%.", "^builtin%.facts%.", "^providers%.",
  },
}

local STRICT = {
  __index = function(_, name) error(("undefined global '%s'"):format(tostring(name)), 2) end,
  __newindex = function(_, name) error(("assignment to the global '%s': say local"):format(tostring(name)), 2) end,
  __metatable = false,
}

local function copy_libraries()
  local copies = {}
  for name, library in pairs(libraries) do -- order: free
    local copy = {}
    for key, value in pairs(library) do -- order: free
      if not (dropped[name] and dropped[name][key]) then copy[key] = value end
    end
    copies[name] = copy
  end
  return copies
end

local function allowed(limits, name)
  for _, pattern in ipairs(limits) do
    if name:find(pattern) then return true end
  end
  return false
end

-- A table that stands for a module, which is loaded when a field is first read: for what most runs of a script do not need.
local function stand_in(load, name)
  return setmetatable({}, {
    __index = function(self, key)
      local module = load(name)
      return setmetatable(self, { __index = module, __newindex = module })[key]
    end,
    __newindex = function(_, key, value) load(name)[key] = value end,
  })
end

-- The environment of the files of `room` ("" for all that are not limited), made once per world.
local function environment(inner, room)
  if inner.environments[room] then return inner.environments[room] end
  inner.libraries = inner.libraries or copy_libraries()
  local env = {}
  for name, value in pairs(given) do env[name] = value end -- order: free
  for name, copy in pairs(inner.libraries) do env[name] = copy end -- order: free
  local limits = LIMITS[room]
  env.require = function(name)
    if limits and type(name) == "string" and not allowed(limits, name) then
      error(("a user's file in %s/ may not require %q"):format(room, name), 2)
    end
    return inner.require(name)
  end
  env.lazy = function(name) return stand_in(env.require, name) end
  inner.environments[room] = setmetatable(env, STRICT)
  return env
end

local function check_name(name)
  if type(name) ~= "string" then error("require needs a module name, got a " .. type(name), 4) end
  if ("." .. name):gsub("%.[%w_-]+", "") ~= "" then error(("%q is no module name"):format(name), 4) end
end

-- Whether the home has a directory for this room at all; looked up once.
local function has_room(inner, room)
  if inner.rooms[room] == nil then inner.rooms[room] = inner.host.state.stat(inner.home .. "/" .. room) ~= nil end
  return inner.rooms[room]
end

-- Where `name` may lie, first choice first: {kind="user"|"scripts"|"embedded", path=, name=, index=}.
local function places(inner, name)
  if #inner.scripts == 0 and not ROOMS[name:match("^([^.]+)%.")] then
    return { { kind = "embedded", path = "lua/" .. name:gsub("%.", "/") .. ".lua", name = name, index = 1 } }
  end
  local list, wanted = {}, name
  local function add(kind, path) list[#list + 1] = { kind = kind, path = path, name = name, index = #list + 1 } end
  local mine = inner.user and inner.home
  if name == "policies.user" then
    if mine then add("user", inner.home .. "/policy.lua") end
    wanted = "policies.cheapest"
  end
  local file = wanted:gsub("%.", "/") .. ".lua"
  local room = wanted:match("^([^.]+)%.")
  if mine and ROOMS[room] and not FIXED[wanted] and has_room(inner, room) then add("user", inner.home .. "/" .. file) end
  for _, dir in ipairs(inner.scripts) do add("scripts", dir .. "/" .. file) end
  add("embedded", "lua/" .. file)
  return list
end

-- The text of a place; for an embedded one `true`, as those are compiled already. Or nil, sentence, code.
local function fetch(inner, place)
  if place.kind ~= "embedded" then return inner.host.script.read(place.path) end
  if inner.host.script.has(place.path) then return true end
  return nil, "nothing is embedded under the name " .. place.path, "missing"
end

-- A file on disk that cannot be used: noted once, raised as a `config` failure at each attempt.
local function broken(inner, place, reason)
  if place.kind == "embedded" or place.name == "base.fail" then error(reason, 0) end
  local fail = inner.require("base.fail")
  local failure = fail.is(reason, "config") and reason.file and reason
  if not failure then
    local text = fail.message(reason)
    if not text:find(place.path, 1, true) then text = place.path .. ": " .. text end
    failure = fail.new { kind = "config", message = "this script cannot be used: " .. text, file = place.path }
  end
  inner.failed[place.path] = failure
  inner.problems[#inner.problems + 1] = { module = place.name, file = place.path, message = failure.message }
  error(failure, 0)
end

local function check_cycle(inner, path)
  for at, entry in ipairs(inner.stack) do
    if entry.path == path then
      local chain = {}
      for i = at, #inner.stack do chain[#chain + 1] = inner.stack[i].path end
      error("scripts require each other in a circle: " .. table.concat(chain, " → ") .. " → " .. path, 0)
    end
  end
end

local function limited_room(place)
  local room = place.kind == "user" and place.name:match("^([^.]+)%.") or ""
  return LIMITS[room] and room or ""
end

-- Compiles and runs one found file; its value is kept by path, so `builtin.` and fallbacks share it.
local function open(inner, place, text, sentence, may_be_nothing)
  if inner.values[place.path] ~= nil then return inner.values[place.path] end
  if inner.failed[place.path] then error(inner.failed[place.path], 0) end
  if not text then broken(inner, place, sentence) end
  check_cycle(inner, place.path)
  local env = environment(inner, limited_room(place))
  local chunk, message
  if text == true then
    chunk, message = inner.host.script.load(place.path, env)
  else
    chunk, message = inner.host.script.compile(text, "@" .. place.path, env)
  end
  if not chunk then broken(inner, place, message) end
  local base = place.name:find("^base%.") and place.kind ~= "user"
  inner.stack[#inner.stack + 1] = place
  local ok, value = pcall(chunk, base and inner.host or place.name)
  inner.stack[#inner.stack] = nil
  if not ok then broken(inner, place, value) end
  if value == nil and not may_be_nothing then broken(inner, place, place.path .. " returns nothing") end
  inner.values[place.path] = value
  return value
end

-- With `safe` a version that cannot be loaded gives way to the next one; its failure is the second result.
local function load_from(inner, name, first, safe)
  local list, problem = places(inner, name), nil
  for i = first, #list do
    local text, sentence, code = fetch(inner, list[i])
    if text or code ~= "missing" then
      if not safe or i == #list then return open(inner, list[i], text, sentence), problem end
      local ok, value = pcall(open, inner, list[i], text, sentence)
      if ok then return value, problem end
      problem = problem or value
    end
  end
  error(("there is no module %q"):format(name), 0)
end

-- The version below the one that is being loaded, or else the first that is not the user's.
local function builtin(inner, name)
  check_name(name)
  for i = #inner.stack, 1, -1 do
    if inner.stack[i].name == name then return load_from(inner, name, inner.stack[i].index + 1) end
  end
  for _, place in ipairs(places(inner, name)) do
    if place.kind ~= "user" then return load_from(inner, name, place.index) end
  end
end

local function require_module(inner, name)
  local value = inner.loaded[name]
  if value ~= nil then return value end
  check_name(name)
  local below = name:match("^builtin%.(.+)$")
  if below then return builtin(inner, below) end
  inner.loaded[name] = load_from(inner, name, 1, inner.forgiving)
  return inner.loaded[name]
end

-- Like require, but never for want of a version that can be loaded.
local function require_safe(inner, name)
  check_name(name)
  return load_from(inner, name, 1, true)
end

local function source(inner, name)
  check_name(name)
  for _, place in ipairs(places(inner, name)) do
    local text, _, code = fetch(inner, place)
    if text or code ~= "missing" then return place.path, place.kind end
  end
  return nil
end

-- A data file that lies beside the scripts ("templates/NAME"): the user's own wins. → text, path, or nil, sentence, code
local function read_text(inner, name)
  local tried = {}
  if inner.user and inner.home then tried[1] = inner.home .. "/" .. name end
  for _, dir in ipairs(inner.scripts) do tried[#tried + 1] = dir .. "/" .. name end
  for _, path in ipairs(tried) do
    local text, sentence, code = inner.host.script.read(path)
    if text then return text, path end
    if code ~= "missing" then return nil, sentence, code end
  end
  local path = "lua/" .. name
  local text, sentence, code = inner.host.script.embedded(path)
  if text then return text, path end
  return nil, sentence, code
end

-- Runs a script that is no module, with `args` as its `...`; it may wait. → what it returns
local function run_file(inner, world, path, args)
  local fail = inner.require("base.fail")
  local text, sentence, code = inner.host.script.read(path)
  if not text then fail.raise(code == "missing" and "usage" or "config", sentence, { file = path, code = code }) end
  local chunk, message = inner.host.script.compile(text, "@" .. path, environment(inner, ""))
  if not chunk then fail.raise("config", message, { file = path, code = "syntax" }) end
  local before = world.script
  world.script = path
  local results = table.pack(chunk(table.unpack(args or {})))
  world.script = before
  return table.unpack(results, 1, results.n)
end

-- Runs a script of the home ("init.lua"), if there is one. → true, what it returns; or nil, "missing"
local function run_home(inner, name)
  if not (inner.user and inner.home) then return nil, "missing" end
  local place = { kind = "user", name = name, path = inner.home .. "/" .. name, index = 1 }
  local text, sentence, code = inner.host.script.read(place.path)
  if code == "missing" then return nil, "missing" end
  return true, open(inner, place, text, sentence, true)
end

-- A new world: {host=, home=|nil, scripts={dir, …}, user=bool (default true), forgiving=bool}. Forgiving: every require is
-- as require_safe, for what must not fail because of a user's script (see world.problems for what was passed over).
function loader.new(options)
  local inner = {
    host = assert(options.host, "loader.new needs a host"), home = options.home, scripts = options.scripts or {},
    user = options.user ~= false, forgiving = options.forgiving, loaded = {}, values = {}, failed = {}, stack = {}, problems = {}, environments = {},
    rooms = {},
  }
  local world = {
    home = inner.home, user = inner.user, scripts = inner.scripts, problems = inner.problems, notes = {},
    traceback = traceback,
  }
  inner.require = function(name) return require_module(inner, name) end
  world.require = inner.require
  world.forgive = function(on) inner.forgiving = on end
  world.require_safe = function(name) return require_safe(inner, name) end
  world.builtin = function(name) return builtin(inner, name) end
  world.source = function(name) return source(inner, name) end
  world.text = function(name) return read_text(inner, name) end
  world.run_file = function(path, args) return run_file(inner, world, path, args) end
  world.run_home = function(name) return run_home(inner, name) end
  -- The script that is being loaded (nothing may wait then), or nil.
  world.loading = function() return #inner.stack > 0 and inner.stack[#inner.stack].path or nil end
  inner.loaded["base.loader"] = loader
  inner.loaded["base.world"] = world
  return world
end

return loader
