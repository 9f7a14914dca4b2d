-- SPDX-License-Identifier: MIT
-- What a guided setup writes into `.env`, whoever answers its questions.
local fail = require "base.fail"
local files = require "base.files"
local keys = require "base.keys"
local process = require "base.process"
local world = require "sandbox.world"
local config = require "config.effective"
local dotenv = require "config.dotenv"
local shown = require "config.shown"
local envfile = require "admin.envfile"
local folder = require "home.folder"
local journal = require "home.journal"
local statefile = require "home.statefile"
local guard_policy = require "money.guard_policy"

local setup = {}

--- The settings that are shown for approval, in this order, and written whole into a new file.
setup.names = {
  "DEFAULT_TIER", "DEFAULT_REGION", "PREFER_SPOT", "MAX_PRICE", "DEADMAN_TIMEOUT_HOURS", "IDLE_MINUTES",
  "MAX_HOURS", "EUR_RATE",
}

--- The clouds of a list whose machines can end themselves only with the account's key,
-- when that is not allowed yet.
function setup.without_consent(list)
  local needing = {}
  for _, cloud in ipairs(list) do
    local provider = world.require("providers." .. cloud.name)
    local tells = type(provider.capabilities) == "table" -- a script of the user's may not
    if tells and guard_policy.key_missing(provider) then needing[#needing + 1] = cloud end
  end
  return needing
end

--- A machine that this folder still has at a cloud: only a key of its account can end it. → sentence for
-- every other key, or nil id: the account that the new key belongs to, nil when that is not known
function setup.stranded(cloud, id)
  for _, session in ipairs(journal.open(config.home()):open_sessions()) do
    if session.provider == cloud.name and (session.id or session.started)
      and (not id or session.account ~= id) then
      return ("%s still has %s, which only a key of account %s can end; type continueplz stop first")
        :format(cloud.title, session.id or session.token, tostring(session.account))
    end
  end
  return nil
end

--- The tunnel's key as it will be: { from = "set", "file" (tunnel.key) or "made", public=, private= (only
-- when it must be written) }.
-- @raise `config` when one is there that is none
function setup.tunnel_key()
  local set = config.secret("WIREGUARD_PRIVATE_KEY")
  local path = files.join(config.home(), "tunnel.key")
  local kept = not set and files.read(path)
  local text = set or kept and kept:gsub("%s", "")
  local key, why
  if text then
    key, why = keys.load(text)
    if not key then
      fail.raise("config",
        ("%s is not a WireGuard key: %s"):format(set and "WIREGUARD_PRIVATE_KEY" or path, why))
    end
  else
    key = keys.fresh()
  end
  return { from = set and "set" or kept and "file" or "made", public = key:public(),
    private = not kept and key:secret() or nil }
end

--- Takes a tunnel key that a person gave ("" : a new one). → tunnel as tunnel_key gives it, or nil and a
-- sentence A machine that runs knows only the old one, so there must be none.
function setup.other_tunnel_key(text)
  local current = journal.open(config.home()):current()
  if current then
    return nil, ("%s on %s runs with the present key; stop it first"):format(current.id, current.provider)
  end
  local key, why
  if text == "" then key = keys.fresh() else key, why = keys.load(text) end
  if not key then return nil, "this is no WireGuard private key: " .. why end
  return { from = text == "" and "made" or "given", public = key:public(), private = key:secret() }
end

-- The values that the file holds now.
local function present()
  local _, text, why = config.file()
  if why then fail.raise("config", why) end
  local values = {}
  for _, entry in ipairs(text and dotenv.parse(text) or {}) do values[entry.name] = entry.value end
  return values, text == nil
end

-- What a setting is to be in the file, or nil to leave it alone.
local function wanted(name, plan, fresh)
  if plan.typed[name] then return plan.typed[name] end
  local origin, row = config.origin(name), config.row(name)
  if origin == "environment" then return process.getenv(name) end
  local value = config.get(name)
  return fresh and value ~= nil and shown.text(row, value) or nil
end

--- The changes that a plan makes to the file, without those that change nothing.
-- plan: { clouds = rows whose key is in force, tunnel=, typed = {NAME = text} } → array of { name=, value= }
function setup.changes(plan)
  local values, fresh = present()
  local list, seen = {}, {}
  local function add(name, value)
    if value and not seen[name] and values[name] ~= value then
      list[#list + 1] = { name = name, value = value }
    end
    seen[name] = true
  end
  for _, cloud in ipairs(plan.clouds) do add(cloud.key_setting, config.secret(cloud.key_setting)) end
  if plan.tunnel.private then
    add("WIREGUARD_PRIVATE_KEY", plan.tunnel.private)
    add("WIREGUARD_PUBLIC_KEY", plan.tunnel.public)
  end
  for _, name in ipairs(setup.names) do add(name, wanted(name, plan, fresh)) end
  for _, row in ipairs(config.settings) do
    if plan.typed[row.name] then add(row.name, plan.typed[row.name]) end
  end
  if config.origin("GUARD_ACCOUNT_KEY") == "environment" then
    add("GUARD_ACCOUNT_KEY", process.getenv "GUARD_ACCOUNT_KEY")
  end
  return list
end

--- Settings among some changes that the environment says otherwise, and therefore decides. → array of names
function setup.overruled(changes)
  local names = {}
  for _, change in ipairs(changes) do
    local said = process.getenv(change.name)
    if said and said ~= "" and said ~= change.value then names[#names + 1] = change.name end
  end
  return names
end

--- Writes the changes, and the first state file of a home that has none.
-- → { path=, created=, state_created= }
function setup.save(changes)
  local home = config.home()
  local path, created = envfile.change(changes)
  local state = files.join(home, ".continueplz.state")
  local missing = not files.exists(state) and not files.exists(files.join(home, "journal"))
  if missing then statefile.write(home, nil, folder.fresh(home) and folder.fingerprint(home) or nil) end
  return { path = path, created = created, state_created = missing and files.exists(state) }
end

return setup
