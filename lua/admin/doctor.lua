-- SPDX-License-Identifier: MIT
-- Looks for what is wrong, in this folder, on this computer, at the clouds. Changes nothing. What was rented
-- is looked at in admin.leftovers.
local assets = require "sandbox.assets"
local clock = require "base.clock"
local fail = require "base.fail"
local files = require "base.files"
local http = require "base.http"
local log = require "base.log"
local net = require "base.net"
local process = require "base.process"
local subprocess = require "base.subprocess"
local surroundings = require "base.surroundings"
local world = require "sandbox.world"
local clouds = require "facts.clouds"
local declared = require "config.declared"
local config = require "config.effective"
local values = require "config.values"
local account = require "admin.account"
local identity = require "home.identity"
local leftovers = require "admin.leftovers"
local agent_client = require "home.agent_client"
local setup = require "admin.setup"

local NETWORK_SECONDS = 10
local SKEW, WRONG_SKEW = 30, 300 -- seconds that clocks may differ: unnoticed, at all
local LITTLE_KB, TOO_LITTLE_KB = 100 * 1024, 10 * 1024
local NOWHERE = "192.0.2.1" -- RFC 5737: an address of nobody's
local ROOMS = { "commands", "engines", "facts", "policies", "providers", "templates", "ui" }

local doctor = {}

local function home(add)
  local dir = config.home()
  local info = files.stat(dir)
  if not info then
    return add("folder", "warning", dir .. " does not exist yet", "continueplz init makes it")
  end
  local mode = ("%04o"):format(info.mode & 511)
  if info.kind ~= "dir" then
    return add("folder", "problem", dir .. " is not a folder", "name one with -C DIR")
  end
  if info.uid ~= process.uid() then
    return add("folder", "problem", ("%s belongs to another user (uid %d)"):format(dir, info.uid),
      "name one of yours with -C DIR")
  end
  if info.mode & 18 ~= 0 then
    return add("folder", "problem", ("others can write in %s (mode %s)"):format(dir, mode),
      "type: chmod 700 " .. dir)
  end
  return add("folder", "ok", ("%s, mode %s"):format(dir, mode))
end

local function env_file(add, wrong)
  local path, text, why = config.file()
  if why then return add(".env", "problem", why) end
  local count = 0
  for _, problem in ipairs(wrong) do
    -- not those about the folder itself
    if problem.message:find(config.home(), 1, true) ~= 1 or problem.line then
      add("settings", "problem", log.redact(problem.message))
      count = count + 1
    end
  end
  if text then
    add(".env", "ok", ("%s, mode %04o%s"):format(path, files.stat(path).mode & 511,
      count == 0 and ", every line understood" or ""))
  else
    add(".env", "warning", path .. " does not exist", "continueplz init writes it")
  end
end

local function one_key(add, cloud)
  local result = account.check(cloud)
  if #setup.without_consent { cloud } > 0 then
    add("guard " .. cloud.name, "warning",
      cloud.title .. " is left out when renting: its machines can end themselves only with the account's key",
      "continueplz config set GUARD_ACCOUNT_KEY yes allows that")
  end
  if result.state == "good" then
    local count = #result.machines
    add("key " .. cloud.name, "ok", ("%s, %d machine%s in the account; it may read the account and list "
      .. "machines, renting was not tried"):format(account.words(result), count, count == 1 and "" or "s"))
  else
    add("key " .. cloud.name, result.ok and "warning" or "problem", result.message)
  end
  return result
end

-- → results of the checks
local function cloud_keys(add)
  local results, found = {}, false
  for _, cloud in ipairs(declared.clouds()) do
    if config.has_key(cloud) then
      if world.source("providers." .. cloud.name) then
        found = true
        results[#results + 1] = one_key(add, cloud)
      else
        add("key " .. cloud.name, "warning", cloud.title .. " has a key, but is not supported yet")
      end
    end
  end
  if not found then
    add("keys", "problem", "no cloud has a key", config.way_to_key(clouds.supported()[1].key_setting))
  end
  return results
end

-- The clock is compared with the first answer that carries a date. → true when it was
local function compare(add, address, date)
  if not date then return false end
  local skew = clock.wall() - date
  local text = ("%s %s that of %s"):format(clock.duration(math.abs(skew)),
    skew < 0 and "behind" or "ahead of", address)
  if math.abs(skew) <= SKEW then
    add("clock", "ok", "agrees with that of " .. address)
  else
    add("clock", math.abs(skew) > WRONG_SKEW and "problem" or "warning", "this computer's clock is " .. text
      .. "; certificates, the tunnel and the guard's times depend on it",
      "set it, for example with timedatectl set-ntp true")
  end
  return true
end

-- The addresses in use from here, with the file of who signs for them where it is set: the registry's, and of
-- each cloud that has a key.
local function addresses()
  local list = { { url = config.get "REGISTRY_URL" } }
  for _, cloud in ipairs(declared.clouds()) do
    for _, row in ipairs(config.has_key(cloud) and cloud.settings or {}) do
      local address = row.type == "url" and not row.inside and config.get(row.name)
      local ca_file = row.authority and config.get(row.authority) or ""
      list[#list + 1] = address and { url = address, ca_file = ca_file ~= "" and ca_file or nil } or nil
    end
  end
  return list
end

-- What the environment says about the way to the clouds, where it says anything.
local function around(add)
  local proxy, without = surroundings.proxy()
  if proxy then
    add("proxy", "ok", ("requests to clouds go through %s%s"):format(proxy:gsub("([^/@:]*:)[^/@]*@",
      "%1[hidden]@"), without and ", but not to " .. without or ""))
  end
  local file, dir = surroundings.trust()
  for _, path in ipairs { file or dir, file and dir } do
    if not files.exists(path) then
      add("certificates", "problem", path .. " does not exist, so no cloud is trusted",
        "mend or unset SSL_CERT_FILE, SSL_CERT_DIR or CURL_CA_BUNDLE")
    else
      add("certificates", "ok", path .. " says whom to trust")
    end
  end
end

-- Each address is looked at without a key: does it answer, and what time is it there?
local function network(add)
  local compared, reached = false, {}
  for _, address in ipairs(addresses()) do
    local ok, answer = fail.try(http.request, { method = "HEAD", url = address.url .. "/", ok = "any",
      timeout = NETWORK_SECONDS, ca_file = address.ca_file })
    if ok then
      reached[#reached + 1] = address.url
      compared = compared or compare(add, address.url, clock.parse_http(answer.headers.date))
    else
      add("network", "problem", answer.message, answer.code == "tls" and "a proxy that reads along, "
        .. "or a wrong clock (it says " .. clock.iso() .. ")" or "look at the network, and at https_proxy")
    end
  end
  if #reached > 0 then add("network", "ok", table.concat(reached, " and ") .. " can be reached") end
  if not compared then
    add("clock", "warning", "it could not be compared: no answer told a time; it says " .. clock.iso())
  end
end

-- Everything on this computer, as with the simulators: then nothing is sent elsewhere.
local function all_near()
  for _, address in ipairs(addresses()) do
    if not values.loopback(address.url) then return false end
  end
  return true
end

local function send_datagrams()
  local one <close> = net.udp { host = "127.0.0.1", port = 0 }
  local two <close> = net.udp { host = "127.0.0.1", port = 0 }
  local _, port = two:name()
  assert(one:send("continueplz", "127.0.0.1", port))
  two:recv(2)
  if all_near() then return end
  local out <close> = net.udp { host = "0.0.0.0", port = 0 }
  local ok, why = out:send("continueplz", NOWHERE, 9)
  if not ok then fail.raise("transient", why) end
end

local function udp(add, tunnel)
  if tunnel and tunnel.carrier ~= "tcp" and tunnel.handshake_age
    and tunnel.handshake_age < agent_client.SILENT_SECONDS then
    return add("udp", "ok",
      ("proven: the tunnel's last handshake was %s ago"):format(clock.duration(tunnel.handshake_age)))
  end
  local ok, problem = fail.try(send_datagrams)
  if not ok then
    return add("udp", "problem", "datagrams cannot be sent: " .. fail.message(problem),
      "look at this computer's firewall: the tunnel goes by UDP to any port; TUNNEL_CARRIER=tcp does without")
  end
  return add("udp", "ok", "datagrams can be sent; whether the network lets them through to a machine can be "
    .. "proven only with a machine")
end

local function port(add, agent_runs)
  local number = identity.known_port()
  if not number then
    return add("local port", "ok", "not chosen yet; the first start takes a free one")
  end
  if agent_runs then
    return add("local port", "ok", ("%d, kept by this folder's agent"):format(number))
  end
  local ok, why = identity.free(number)
  if ok then return add("local port", "ok", ("%d is free"):format(number)) end
  return add("local port", "problem", ("%d is in use by another program (%s)"):format(number, why),
    "end that, or continueplz config set LOCAL_PORT to another")
end

local function guest(add)
  local program, why = assets.guest()
  if program then
    return add("guest", "ok",
      ("the program for the machine is built in, %d bytes compressed"):format(#program))
  end
  return add("guest", "problem", "the program for the machine is not built in: " .. tostring(why),
    "build with musl-gcc installed")
end

-- Loads each of the user's scripts of a room once; the world notes what it had to pass over.
-- → how many there are
local function load_room(add, room)
  local count = 0
  for _, name in ipairs(files.list(files.join(config.home(), room)) or {}) do
    local module = name:match("^([%w_-]+)%.lua$")
    if module then
      count = count + 1
      fail.try(world.require_safe, room .. "." .. module)
    elseif room == "templates" then
      count = count + 1
      local text, why = world.text("templates/" .. name)
      if not text then add("scripts", "problem", why) end
    end
  end
  return count
end

local function scripts(add)
  if not world.user then
    return add("scripts", "ok", "those of the folder are ignored (--no-user)")
  end
  local count, before = 0, add.count()
  for _, room in ipairs(ROOMS) do count = count + load_room(add, room) end
  if files.exists(files.join(config.home(), "policy.lua")) then
    count = count + 1
    fail.try(world.require_safe, "policies.user")
  end
  if files.exists(files.join(config.home(), "reactions.lua")) then
    count = count + 1
    fail.try(world.run_home, "reactions.lua")
  end
  for _, problem in ipairs(world.problems) do
    if problem.module ~= "init.lua" then -- told among the settings
      local covered = problem.module ~= "policies.user" and select(2, fail.try(world.builtin, problem.module))
      add("scripts", "problem", problem.message, covered and "mend it; stop and the agent use "
        .. "the built-in one until then" or "mend it; what needs it does not work until then")
    end
  end
  if add.count() == before then
    add("scripts", "ok",
      count == 0 and "none of your own" or ("%d of your own, all can be loaded"):format(count))
  end
  return nil
end

local function read_df(dir)
  local said = subprocess.run({ "df", "-Pk", dir }, nil, { seconds = 5 })
  return said and math.tointeger(tonumber(said.out:match("\n%S+%s+%d+%s+%d+%s+(%d+)%s")))
end

local function disk(add)
  local dir = config.home()
  while not files.exists(dir) do dir = files.dirname(dir) end
  local ok, free = fail.try(read_df, dir)
  if not ok or not free then
    return add("disk", "warning", "the free space of " .. dir .. " could not be learned (df)")
  end
  local state = free < TOO_LITTLE_KB and "problem" or free < LITTLE_KB and "warning" or "ok"
  return add("disk", state, ("%d MB free in %s"):format(free // 1024, dir),
    state ~= "ok" and "make room: the records of what is rented are kept there" or nil)
end

--- Examines everything. wrong: the problems that config.effective found. → rows for ui.doctor
function doctor.examine(wrong)
  local rows = {}
  local add = setmetatable({ count = function() return #rows end },
    { __call = function(_, name, state, text, way)
      rows[#rows + 1] = { name = name, state = state, text = text, way = way }
    end })
  home(add)
  env_file(add, wrong)
  local results = cloud_keys(add)
  around(add)
  network(add)
  local agent_runs, tunnel = leftovers.agent(add)
  udp(add, tunnel)
  port(add, agent_runs)
  guest(add)
  scripts(add)
  leftovers.records(add)
  leftovers.machines(add, results)
  disk(add)
  return rows
end

return doctor
