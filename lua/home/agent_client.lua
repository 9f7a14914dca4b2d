-- SPDX-License-Identifier: MIT
-- How commands talk to this home's agent. What is on the other side of its tunnel: home.guest_client.
local clock = require "base.clock"
local fail = require "base.fail"
local files = require "base.files"
local http = require "base.http"
local log = require "base.log"
local process = require "base.process"
local surroundings = require "base.surroundings"
local task = require "base.task"
local config = require "config.effective"
local world = require "sandbox.world"

local START_SECONDS = 30
local LOOK_SECONDS, DEAF_SECONDS = 2, 7 -- for one answer; after which an agent that gave none is replaced
local TERMINATED_SECONDS = 5 -- that a stop waits for what the agent achieved; to terminate twice does no harm
local HEARD_SECONDS = 90 -- the agent asks the guard every minute
local RESPAWN_SECONDS = 3 -- an agent that was to start and holds no lock after this long is dead

--- SILENT_SECONDS: without a handshake for so long the tunnel is silent; WireGuard renews every two minutes
-- while anything is sent.
local agent_client = { SILENT_SECONDS = 180 }

--- Paths of the agent's sockets in this home.
function agent_client.socket(name)
  return files.join(config.home(), name .. ".sock")
end

local function call(method, path, timeout)
  return http.request { method = method, url = "http://agent" .. path, unix = agent_client.socket("agent"),
    timeout = timeout or 5, max_bytes = 1 << 20, quiet = method == "GET" }
end

local function lock_path() return files.join(config.home(), "agent.lock") end

--- The pid of the running agent, or nil.
function agent_client.pid()
  return (files.owner(lock_path()))
end

-- Are we the agent? (Another one's number may be the same as ours where a folder is shared.)
local function ourselves()
  local pid, _, stranger = files.owner(lock_path())
  return pid == process.pid() and not stranger
end

--- Lets an agent go on that was stopped (SIGSTOP, Ctrl-Z of its session): it could answer nothing.
function agent_client.wake() files.signal(lock_path(), "CONT") end

local function environment()
  local env = {}
  for _, name in ipairs { "CONTINUEPLZ_SCRIPTS", "HOME", "LANG", "PATH", "TZ", "TZDIR", "DISPLAY",
    "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS" } do
    local value = process.getenv(name)
    if value then env[#env + 1] = name .. "=" .. value end
  end
  for _, each in ipairs(surroundings.list()) do env[#env + 1] = each.name .. "=" .. each.value end
  for _, setting in ipairs(config.settings) do
    local value = not (setting.secret or setting.secret_url) and process.getenv(setting.name)
    if value then env[#env + 1] = setting.name .. "=" .. value end
  end
  return env
end

-- Keys that are only in our environment reach the agent through a pipe, never through its own environment.
local function spawn()
  local argv = world.self_argv()
  argv[#argv + 1] = "agent"
  local child = process.spawn { argv = argv, env = environment(), stdin = "pipe", stdout = "null",
    stderr = "file:" .. files.join(config.home(), "agent.err"), session = true, cwd = "/" }
  child.stdin:write(config.lendable(), 5)
  child:close()
end

-- An agent that holds its lock and cannot be reached is of no use; another one takes its place.
-- The machine is not touched.
local function replace(pid)
  local ok, why = files.signal(lock_path(), "KILL")
  if not ok and agent_client.pid() == pid then
    fail.raise("busy", ("the agent of this folder does not answer and cannot be replaced from here (%s); end "
      .. "it where it runs, or use another folder with -C DIR"):format(why))
  end
  log.warn("the agent does not answer and is replaced", { pid = pid })
end

--- Makes sure that the agent of this home runs and answers; starts it when not. Never touches the machine.
function agent_client.ensure()
  local began, until_, spawned, deaf = clock.now(), clock.now() + START_SECONDS, nil, agent_client.pid()
  repeat
    local patience = files.exists(agent_client.socket("agent")) and DEAF_SECONDS or RESPAWN_SECONDS
    if deaf and clock.now() - began > patience then
      if agent_client.pid() == deaf then replace(deaf) end
      deaf, until_ = nil, clock.now() + START_SECONDS
    end
    if not agent_client.pid() and (not spawned or clock.now() - spawned > RESPAWN_SECONDS) then
      spawn()
      spawned = clock.now()
    end
    local ok, answer = fail.try(call, "GET", "/status", LOOK_SECONDS)
    if ok then return answer.json() end
    task.sleep(0.02)
  until clock.now() > until_
  fail.raise("internal", ("the agent did not answer within %d s; see %s"):format(START_SECONDS,
    files.join(config.home(), "agent.err")), { exit = "failed" })
end

--- What the agent knows: { pid, session, tunnel = {…}, guest = {…}|nil, guest_age, problem }, or nil and a
-- sentence when none answers.
function agent_client.status()
  local ok, answer = fail.try(call, "GET", "/status")
  if not ok then return nil, fail.message(answer) end
  return answer.json()
end

--- Has the agent heard of the machine within the last minute or so? false too when no agent answers.
function agent_client.heard()
  local agent = agent_client.pid() and agent_client.status()
  return agent ~= nil and agent.heartbeat_age ~= nil and agent.heartbeat_age <= HEARD_SECONDS
end

--- Tells the agent to read the journal again. Silent when none runs.
function agent_client.reload() fail.settle(call, "POST", "/reload") end

--- Ends the agent and waits until it is gone. Returns true, or nil and a sentence.
-- The agent itself ends by its own watch.
function agent_client.quit()
  local pid = agent_client.pid()
  if not pid or ourselves() then return true end
  agent_client.wake()
  fail.settle(call, "POST", "/quit")
  local until_ = clock.now() + START_SECONDS
  while agent_client.pid() == pid and clock.now() < until_ do task.sleep(0.01) end
  if agent_client.pid() ~= pid then return true end
  local _, why = files.signal(lock_path(), "KILL")
  task.sleep(0.05)
  return not agent_client.pid() or nil, "the agent did not end" .. (why and ": " .. why or "")
end

--- What became of the terminate that the agent was asked for when `stop` began (agent.early_stop): true when
-- the cloud acknowledged it.
-- @param token the session that it must have been about
function agent_client.terminated(token)
  if not agent_client.pid() or ourselves() then return false end
  local ok, answer = fail.try(call, "GET", "/terminate", TERMINATED_SECONDS)
  local body = ok and answer.json()
  return body and body.session == token and body.acknowledged == true
end

return agent_client
