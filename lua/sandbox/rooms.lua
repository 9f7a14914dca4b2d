-- SPDX-License-Identifier: MIT
-- What the user's own scripts may use, by the room (the folder of the home) that they lie in.
-- docs/overrides.md shows this table. They get copies of the modules they require, so that no script changes
-- what another one works with.

local bounds = require "sandbox.bounds"
local creates = require "base.creates"
local aliases = require "sandbox.aliases"

local rooms = {}

local PLAIN = { "base.clock", "base.fail", "base.json", "base.jsontext", "base.log", "base.numbers",
  "base.sorted", "base.template", "base.url", "base.version" }
local DATA = { "facts.*", "config.*" } -- for every script that is no policy and no template
local COMMAND = { "base.files", "base.http", "base.process", "base.task", "base.term", "ui.*", "engines.*",
  "commands.*",
  "builtin.commands.*", "home.alert", "money.history", "home.agent_client", "start.report", "api" }

local function join(...)
  local list = {}
  for _, names in ipairs { ... } do table.move(names, 1, #names, #list + 1, list) end
  return list
end

--- Room → the modules that its files may require; `x.*` means every module of x.
rooms.limits = {
  policies = { "builtin.policies.*" },
  providers = join(PLAIN, DATA,
    { "base.http", "base.keys", "base.rows", "base.task", "providers.*", "builtin.providers.*",
      "builtin.facts.*" }),
  templates = join(PLAIN, { "builtin.templates.*" }),
  engines = join(PLAIN, DATA, { "base.http", "base.task", "engines.*", "builtin.engines.*" }),
  commands = join(PLAIN, DATA, COMMAND),
  ui = join(PLAIN, DATA, { "base.term", "ui.*", "builtin.ui.*" }),
  facts = join(PLAIN, DATA, { "builtin.facts.*" }),
  reactions = join(DATA, { "base.clock", "base.json", "base.log", "base.sorted" }),
  init = join(PLAIN, DATA, COMMAND),
  scripts = join(PLAIN, DATA, COMMAND),
}

-- Modules of which scripts see a part only.
local PARTS = {
  ["base.task"] = { "await", "cancel", "channel", "deadline", "map", "shield", "sleep", "spawn" },
  ["base.log"] = { "debug", "error", "hide", "info", "redact", "warn" },
  ["config.effective"] = { "get", "home", "limit", "origin", "rate", "secret", "settings" },
  ["home.agent_client"] = { "engine", "engine_probe", "ensure", "guard", "status" },
}

-- Modules of which scripts see another one's parts too: what reaches the agent, and what reaches
-- the machine through it.
local BESIDE = { ["home.agent_client"] = "home.guest_client" }

local function allowed(limits, name)
  for _, entry in ipairs(limits) do
    local folder = entry:match("^(.*%.)%*$")
    if entry == name or folder and name:sub(1, #folder) == folder then
      return true
    end
  end
  return false
end

-- base.http for a room: whoever is no provider has no clients, and nobody sends a known create past the
-- ticket. What is looked at is a plain copy: a table with a metatable could say one thing here and another
-- one where it is sent.
local function http_for(room, http)
  local function request(spec)
    local plain = {}
    for key, value in next, spec do plain[key] = value end -- order: free
    plain.method = plain.method or "GET"
    if type(plain.method) ~= "string" or not plain.method:find("^%u+$") or type(plain.url) ~= "string" then
      error("http.request needs a url and, unless it is GET, a method in capitals, both as text", 2)
    end
    creates.refuse(plain.method, plain.url)
    return http.request(plain)
  end
  return { request = request, retry = http.retry, client = room == "providers" and http.client or nil }
end

local function parts_of(name, module, parts, inner)
  local copy, beside = {}, BESIDE[name] and inner.require(BESIDE[name]) or {}
  for _, key in ipairs(parts) do copy[key] = module[key] or beside[key] end
  return copy
end

local function copy_of(room, name, module, inner)
  if type(module) ~= "table" then return module end
  if name == "base.http" then return http_for(room, module) end
  local parts = PARTS[name:gsub("^builtin%.", "")]
  if parts then return parts_of(name, module, parts, inner) end
  local copy = {}
  for key, value in next, module do copy[key] = value end -- order: free
  return setmetatable(copy, getmetatable(module))
end

local WAY = "; everything that rents goes through the journal and its limits, so use require \"api\" or "
  .. "another module that docs/scripts.md lists"

local function place(room)
  if room == "scripts" then return "a script" end
  return (room == "init" or room == "reactions") and room .. ".lua" or "a user's file in " .. room .. "/"
end

--- Limits the globals `env` of a room's files. inner: the loader's world; stand_in: makes a `lazy` module.
function rooms.limit(env, room, inner, stand_in)
  local limits, copies = rooms.limits[room] or PLAIN, {}
  creates.settle()
  -- A module that was allowed under its name of the last release stays allowed.
  local function check(name)
    if type(name) ~= "string" or allowed(limits, name) or allowed(limits, aliases[name] or name) then
      return
    end
    name = aliases[name] or name
    local refusal = ("%s may not require %q"):format(place(room), name)
    if room ~= "scripts" then error(refusal, 3) end
    local _, text = pcall(error, refusal .. WAY, 4) -- with file and line
    inner.require("base.fail").raise("config", text)
  end
  env.require = function(name)
    check(name)
    name = aliases[name] or name
    local module = inner.require(name)
    if not copies[name] or copies[name].of ~= module then
      copies[name] = { of = module, copy = copy_of(room, name, module, inner) }
    end
    return copies[name].copy
  end
  env.lazy = function(name)
    check(name)
    return stand_in(env.require, name)
  end
  if room == "init" then env.override = require("sandbox.overrides").bind(inner) end
  bounds.globals(env)
end

return rooms
