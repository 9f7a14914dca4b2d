-- SPDX-License-Identifier: MIT
-- Loads scripts. A world is one loader with one host: its modules see the host's primitives (base and sandbox
-- only), the allow-listed globals and each other, and share nothing with the modules of another world. Such a
-- chunk is called with the host and the tools, every other one with its module name and the tools.

local _, tools = ... -- what only the first script can get: traceback, sethook, gethook, collectgarbage

local loader = {}

local given = {
  assert = assert, error = error, ipairs = ipairs, next = next, pairs = pairs, pcall = pcall,
  rawequal = rawequal,
  rawget = rawget, rawlen = rawlen, rawset = rawset, select = select, setmetatable = setmetatable,
  getmetatable = getmetatable, tonumber = tonumber, tostring = tostring, type = type, xpcall = xpcall,
  _VERSION = _VERSION,
}
local libraries = { string = string, table = table, math = math, utf8 = utf8, coroutine = coroutine }

local ROOMS = { providers = true, policies = true, templates = true, engines = true, commands = true,
  ui = true, facts = true }
local SEE_HOST = { base = true, sandbox = true }

-- bytes of a module's name; a file system takes a longer one as a mistake of another kind than "not there"
local LONGEST = 128
-- instructions of Lua that a file of the user's may take while it is loaded; a second or two
local LOADING = 100000000

-- A script must not change what "text":format() does in the others.
if type(getmetatable("")) == "table" then getmetatable("").__metatable = "string" end

local STRICT = {
  __index = function(_, name) error(("undefined global '%s'"):format(tostring(name)), 2) end,
  __newindex = function(_, name)
    error(("assignment to the global '%s': say local"):format(tostring(name)), 2)
  end,
  __metatable = false,
}

-- What a script adds to a library stays in its world.
local function own_libraries()
  local own = {}
  for name, library in pairs(libraries) do -- order: free
    own[name] = setmetatable({}, { __index = library, __metatable = false })
  end
  return own
end

-- A table that stands for a module, which is loaded when a field is first read: for what most runs
-- of a script do not need.
local function stand_in(load, name)
  return setmetatable({}, {
    __index = function(self, key)
      local module = load(name)
      return setmetatable(self, { __index = module, __newindex = module })[key]
    end,
    __newindex = function(_, key, value) load(name)[key] = value end,
  })
end

-- The environment of the files of `room` ("" for what is not the user's), made once per world.
local function environment(inner, room)
  if inner.environments[room] then return inner.environments[room] end
  local env = { require = inner.require, lazy = function(name) return stand_in(inner.require, name) end }
  for name, value in pairs(given) do env[name] = value end -- order: free
  for name, copy in pairs(own_libraries()) do env[name] = copy end -- order: free
  if room ~= "" then inner.require("sandbox.rooms").limit(env, room, inner, stand_in) end
  inner.environments[room] = setmetatable(env, STRICT)
  return env
end

local function is_name(name) return ("." .. name):gsub("%.[%w_-]+", "") == "" end

local function check_name(name)
  if type(name) ~= "string" then
    error("require needs a module name, got a " .. type(name), 4)
  end
  if not is_name(name) then error(("%q is no module name"):format(name), 4) end
end

-- Whether the home has a directory for this room at all; looked up once.
local function has_room(inner, room)
  if inner.rooms[room] == nil then
    inner.rooms[room] = inner.host.state.stat(inner.home .. "/" .. room) ~= nil
  end
  return inner.rooms[room]
end

-- What is true of a cloud that is built in is not for a user's file to say: such a file counts only where
-- there is no other.
local function is_card(name) return name:find("^providers%.[^.]+%.card$") ~= nil end

-- Where `name` may lie, first choice first: {kind="user"|"scripts"|"embedded", path=, name=, index=}.
local function places(inner, name)
  local list, wanted = {}, name
  local function add(kind, path)
    list[#list + 1] = { kind = kind, path = path, name = name, index = #list + 1 }
  end
  local mine = inner.user and inner.home
  if name == "policies.user" then
    if mine then add("user", inner.home .. "/policy.lua") end
    wanted = "policies.cheapest"
  end
  local file = wanted:gsub("%.", "/") .. ".lua"
  local room = wanted:match("^([^.]+)%.")
  local own = mine and ROOMS[room] and has_room(inner, room)
  if own and not is_card(name) then add("user", inner.home .. "/" .. file) end
  for _, dir in ipairs(inner.scripts) do add("scripts", dir .. "/" .. file) end
  add("embedded", "lua/" .. file)
  if own and is_card(name) then add("user", inner.home .. "/" .. file) end
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
  if place.kind == "embedded" or place.name == "base.fail" then
    error(reason, 0)
  end
  local fail = inner.require("base.fail")
  local failure = fail.is(reason, "config") and reason.file and reason
  if not failure then
    local text = fail.message(reason)
    if not text:find(place.path, 1, true) then text = place.path .. ": " .. text end
    failure = fail.new { kind = "config", message = "this script cannot be used: " .. text,
      file = place.path }
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

local function room_of(place) return place.kind == "user" and place.name:match("^([^.]+)%.") or "" end

-- A file of the user's is cut off when it never ends.
local function call(inner, place, chunk)
  if place.kind ~= "user" then
    return pcall(chunk, SEE_HOST[place.name:match("^[^.]+")] and inner.host or place.name, inner.tools)
  end
  return pcall(inner.require("sandbox.bounds").run, LOADING,
    "it runs for much longer than loading takes; is there a loop without an end?", chunk, place.name)
end

-- Runs the chunk of a place; its value is kept by path, so `builtin.` and fallbacks share it.
local function run_chunk(inner, place, chunk, may_be_nothing)
  check_cycle(inner, place.path)
  inner.stack[#inner.stack + 1] = place
  local ok, value = call(inner, place, chunk)
  inner.stack[#inner.stack] = nil
  if not ok then broken(inner, place, value) end
  if value == nil and not may_be_nothing then broken(inner, place, place.path .. " returns nothing") end
  inner.values[place.path] = value
  return value
end

-- Compiles and runs one found file.
local function open(inner, place, text, sentence, may_be_nothing)
  if inner.values[place.path] ~= nil then return inner.values[place.path] end
  if inner.failed[place.path] then error(inner.failed[place.path], 0) end
  if not text then broken(inner, place, sentence) end
  local env = environment(inner, room_of(place))
  local chunk, message
  if text == true then
    chunk, message = inner.host.script.load(place.path, env)
  else
    chunk, message = inner.host.script.compile(text, "@" .. place.path, env)
  end
  if not chunk then broken(inner, place, message) end
  return run_chunk(inner, place, chunk, may_be_nothing)
end

-- With `safe` a version that cannot be loaded gives way to the next one; its failure is the second result.
local function load_from(inner, name, first, safe)
  local list, problem = places(inner, name), nil
  for i = first, #list do
    local text, sentence, code = fetch(inner, list[i])
    if text or code ~= "missing" then
      if not safe or i == #list then
        return open(inner, list[i], text, sentence), problem
      end
      local ok, value = pcall(open, inner, list[i], text, sentence)
      if ok then return value, problem end
      problem = problem or value
    end
  end
  error(problem or ("there is no module %q"):format(name), 0)
end

-- The first version that is not the user's, or nil.
local function not_mine(inner, name)
  check_name(name)
  for _, place in ipairs(places(inner, name)) do
    if place.kind ~= "user" and fetch(inner, place) then
      return load_from(inner, name, place.index)
    end
  end
end

-- The version below the one that is being loaded, or else the first that is not the user's.
local function builtin(inner, name)
  for i = #inner.stack, 1, -1 do
    if inner.stack[i].name == name then
      return load_from(inner, name, inner.stack[i].index + 1)
    end
  end
  return not_mine(inner, name) or error(("there is no module %q"):format("builtin." .. name), 0)
end

-- Can no file on disk stand before the embedded module? Nearly every one of a run: found and opened without a
-- list of places.
local function only_embedded(inner, name)
  local room = name:match("^[^.]+")
  local replaced = ROOMS[room] and inner.user and inner.home and not is_card(name) and has_room(inner, room)
  return #inner.scripts == 0 and room ~= "builtin" and not replaced and name ~= "policies.user"
end

-- → the module's value, or nil: not embedded, or to be opened in the long way
local function open_embedded(inner, name)
  local chunk, path = inner.host.script.module(name, environment(inner, ""))
  if not chunk or inner.values[path] ~= nil then
    return path and inner.values[path]
  end
  return run_chunk(inner, { kind = "embedded", path = path, name = name }, chunk)
end

local function require_module(inner, name)
  local value = inner.loaded[name]
  if value ~= nil then return value end
  if type(name) == "string" and only_embedded(inner, name) then value = open_embedded(inner, name) end
  if value == nil then
    check_name(name)
    local below = name:match("^builtin%.(.+)$")
    if below then return builtin(inner, below) end
    value = load_from(inner, name, 1, inner.forgiving)
  end
  inner.loaded[name] = value
  return value
end

-- Like require, but never for want of a version that can be loaded.
local function require_safe(inner, name)
  check_name(name)
  if inner.overridden and inner.overridden[name] then
    return inner.loaded[name]
  end
  return load_from(inner, name, 1, true)
end

local function source(inner, name)
  if #name > LONGEST or not is_name(name) then return nil end
  for _, place in ipairs(places(inner, name)) do
    local text, _, code = fetch(inner, place)
    if text or code ~= "missing" then return place.path, place.kind end
  end
  return nil
end

-- Runs a script of the home ("init.lua", "reactions.lua") once, if there is one. → true, what it returns;
-- or nil, "missing"
local function run_home(inner, name)
  if not (inner.user and inner.home) then return nil, "missing" end
  if inner.ran[name] then return true, inner.ran[name].value end
  local place = { kind = "user", name = name, path = inner.home .. "/" .. name, index = 1 }
  local text, sentence, code = inner.host.script.read(place.path)
  if code == "missing" then return nil, "missing" end
  local ok, value = pcall(open, inner, place, text, sentence, true)
  if not ok then
    if inner.overridden then inner.require("sandbox.overrides").undo(inner) end
    error(value, 0)
  end
  inner.ran[name] = { value = value }
  return true, value
end

-- Names of the user's own files in a room, sorted.
local function own(inner, room)
  local names = {}
  if not (inner.user and inner.home and has_room(inner, room)) then
    return names
  end
  for _, file in ipairs(inner.host.state.list(inner.home .. "/" .. room) or {}) do
    names[#names + 1] = file:match("^([%w_-]+)%.lua$")
  end
  table.sort(names)
  return names
end

-- Names of what is built in below a room, sorted: of ROOM/NAME.lua, or of ROOM/NAME/FILE.lua.
local function names(inner, room, file)
  local seen, list = {}, {}
  local function add(path)
    local name = path:match(file and "^([%w_-]+)/" .. file .. "%.lua$" or "^([%w_-]+)%.lua$")
    if name and not seen[name] then list[#list + 1], seen[name] = name, true end
  end
  for _, path in ipairs(inner.host.script.names("lua/" .. room .. "/")) do add(path:sub(#room + 6)) end
  for _, dir in ipairs(inner.scripts) do
    for _, entry in ipairs(inner.host.state.list(dir .. "/" .. room) or {}) do
      if not file then
        add(entry)
      elseif inner.host.state.stat(dir .. "/" .. room .. "/" .. entry .. "/" .. file .. ".lua") then
        add(entry .. "/" .. file .. ".lua")
      end
    end
  end
  table.sort(list)
  return list
end

local function forget(inner, name)
  inner.loaded[name], inner.rooms = nil, {}
  for _, place in ipairs(places(inner, name)) do
    inner.values[place.path], inner.failed[place.path] = nil, nil
  end
end

local operations = { builtin = not_mine, environment = environment, forget = forget, names = names, own = own,
  require = require_module, require_safe = require_safe, run_home = run_home, source = source }

--- A new world: {host=, home=|nil, scripts={dir, …}, user=bool (default true), forgiving=bool,
-- creates=function(world) → what base.creates is to know}. Forgiving: every require is as require_safe, for
-- what must not fail because of a user's script (see world.problems for what was passed over).
-- → what `require "sandbox.world"` gives in it (sandbox/world.lua)
function loader.new(options)
  local inner = {
    host = assert(options.host, "loader.new needs a host"), home = options.home,
    scripts = options.scripts or {}, user = options.user ~= false, forgiving = options.forgiving, loaded = {},
    values = {}, failed = {}, stack = {}, problems = {}, environments = {}, rooms = {}, ran = {},
  }
  inner.require = function(name) return require_module(inner, name) end
  inner.source = function(name) return source(inner, name) end
  -- The script that is being loaded (nothing may wait then), or nil.
  inner.loading = function() return #inner.stack > 0 and inner.stack[#inner.stack].path or nil end
  local world
  local known_creates = options.creates and function() return options.creates(world) end
  inner.tools = setmetatable({ loading = inner.loading, creates = known_creates }, { __index = tools or nil })
  inner.loaded["sandbox.loader"] = loader
  world = inner.require("sandbox.world")(inner, operations)
  inner.loaded["sandbox.world"] = world
  return world
end

return loader
