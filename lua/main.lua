-- SPDX-License-Identifier: MIT
-- The first script: finds the home, makes the world, hands over to the command line.
-- luacheck: read globals _G debug

local host, argv, instead = ...

if #argv == 1 and argv[1] == "--version" then
  host.terminal.write("out", "continueplz " .. host.version .. "\n")
  return 0
end

local getenv = host.process.getenv

local function absolute(path)
  if path:sub(1, 1) ~= "/" then path = host.process.cwd() .. "/" .. path end
  while path:find("/%.%f[/\0]") do path = path:gsub("/%.%f[/\0]", "") end
  path = path:gsub("//+", "/"):gsub("(.)/$", "%1")
  return path
end

local function script_dirs()
  local dirs = {}
  for dir in (getenv("CONTINUEPLZ_SCRIPTS") or ""):gmatch("[^:]+") do dirs[#dirs + 1] = absolute(dir) end
  return dirs
end

-- Another main.lua in those directories runs instead of this one.
for _, dir in ipairs(instead and {} or script_dirs()) do
  local path = dir .. "/main.lua"
  local text, sentence, code = host.script.read(path)
  if text then
    return assert(host.script.compile(text, "@" .. path, _G))(host, argv, true)
  end
  if code ~= "missing" then error(sentence, 0) end
end

local ENDING = { stop = true, ["--stop"] = true, down = true, rm = true, destroy = true, agent = true }

-- The few flags that decide in which world the rest is read. What follows a script's name belongs to the
-- script. A folder whose name is missing, empty or looks like an option, or two of them: none is meant, no
-- script of anybody's is run, and cli refuses the line.
local function scan(args)
  local found, i = { user = true }, 1
  while args[i] and args[i] ~= "--" do
    local word = args[i]
    local home
    if word == "--directory" or word:find("^%-[vyh]*C$") then
      home, i = args[i + 1] or "", i + 1
      found.refused = found.refused or home:sub(1, 1) == "-"
    elseif word:find("^%-[vyh]*C.") or word:find("^%-%-directory=") then
      home = word:match("^%-%-directory=(.*)$") or word:match("^%-%a-C(.*)$")
    elseif word == "--no-user" then
      found.user = false
    elseif word:find("%.lua$") and word:sub(1, 1) ~= "-" then
      break
    end
    found.refused = found.refused or home == "" or home and found.home and home ~= found.home
    found.home = home or found.home
    found.forgiving = found.forgiving or ENDING[word]
    i = i + 1
  end
  return found
end

-- → directory or nil, where the choice came from
local function choose(found)
  if found.refused then return nil, "refused" end
  if found.home then return absolute(found.home), "flag" end
  local named = getenv("CONTINUEPLZ_HOME")
  if named == "" then return nil, "empty" end -- somebody meant a folder, and its name was lost on the way
  if named then return absolute(named), "environment" end
  local beside = host.exe:match("^(.*)/[^/]*$")
  if beside and beside ~= "" and host.state.stat(beside .. "/.env") then
    return beside, "binary"
  end
  local user = getenv("HOME")
  if user and user ~= "" then
    return absolute(user) .. "/.continueplz", "default"
  end
  return nil, "none"
end

-- The loader is the one script that no loader can load.
local function load_loader(dirs)
  local globals = setmetatable({}, { __index = _G, __newindex = function(_, name)
    error("global " .. name, 2)
  end })
  for _, dir in ipairs(dirs) do
    local path = dir .. "/sandbox/loader.lua"
    local text, sentence, code = host.script.read(path)
    if text then
      return assert(host.script.compile(text, "@" .. path, globals))
    end
    if code ~= "missing" then error(sentence, 0) end
  end
  return assert(host.script.load("lua/sandbox/loader.lua", globals))
end

local found = scan(argv)
local home, origin = choose(found)
local dirs = script_dirs()
local tools = debug and { traceback = debug.traceback, sethook = debug.sethook, gethook = debug.gethook,
  collectgarbage = collectgarbage }
local loader = load_loader(dirs)(host, tools)
local world = loader.new {
  host = host, home = home, scripts = dirs, user = found.user, forgiving = found.forgiving,
  creates = function(world) return world.builtin("facts.clouds").creates() end,
}
world.home_origin = origin
-- what cli must read in the words as well
world.spoken = { directory = found.home, no_user = not found.user or nil, refused = found.refused }

local LOOKS = 100000 -- instructions between two

--- Runs fn(...) and calls look() every so often meanwhile; what that raises ends fn.
function world.attended(look, fn, ...)
  debug.sethook(look, "", LOOKS)
  local results = table.pack(xpcall(fn, world.require("base.fail").bug, ...))
  debug.sethook()
  if not results[1] then error(results[2], 0) end
  return table.unpack(results, 2, results.n)
end

local cwd = host.process.cwd()
if cwd and cwd ~= home and host.state.stat(cwd .. "/.env") then
  world.notes[#world.notes + 1] = ("the .env in %s is not used: the home is %s"):format(cwd,
    home or "nowhere")
end

local done, code = pcall(function() return world.require("cli").main(argv) end)
if done then return code end
if type(code) ~= "table" or not code.file then error(code, 0) end
world.forgive(true) -- a script of the user's stands in the way even of reading the command line
return world.require("cli").broken(argv, code)
