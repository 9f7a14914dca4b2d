-- SPDX-License-Identifier: MIT
-- `.continueplz.state`: the PRD's §6.1 JSON, derived from the journal for people and scripts to read. Never
-- read back as truth, except for its version: a newer one means that a newer continueplz keeps this home.
local clock = lazy "base.clock"
local fail = require "base.fail"
local files = require "base.files"
local json = lazy "base.json"
local log = lazy "base.log"
local cost = lazy "home.cost"

local folder = require "home.folder"

local VERSION = folder.VERSION

local statefile = {}

local function path_of(home)
  return files.join(home, ".continueplz.state")
end

-- Nobody knows that a machine still ran that was not heard of for longer than this (seconds;
-- the agent asks every minute).
local HEARD = 90

local function describe(session, heartbeat)
  local plan, endpoint, now = session.plan or {}, session.endpoint or {}, clock.wall()
  local unheard = session.ready_at and not session.closed and now - (heartbeat or session.last) > HEARD
  return {
    version = VERSION,
    instance = {
      id = session.id, provider = session.provider, gpu = plan.gpu, region = plan.region,
      token = session.token,
      type = plan.spot and "spot" or "on-demand", public_ip = endpoint.host, wireguard_ip = "10.13.37.1",
      created_at = session.started and clock.iso(session.started) or nil, state = session.state,
    },
    model = { name = plan.model, status = session.ready_at and "ready" or "loading" },
    wireguard = { server_public_key = plan.server_public },
    cost = { hourly_rate = (session.hourly or 0) + (session.disk_hour or 0),
      accumulated = cost.reckonable(session) and cost.so_far(session, now) or nil,
      at_most = cost.at_most(session) or unheard or nil, currency = session.currency },
    deadman = { timeout_hours = plan.silence and plan.silence / 3600 or nil,
      last_heartbeat = heartbeat and clock.iso(heartbeat) or nil },
  }
end

--- Refuses (kind `config`) a home whose state was written by a newer version.
function statefile.check(home)
  local text = files.read(path_of(home))
  local state = text and json.decode(text)
  local version = type(state) == "table" and math.tointeger(state.version)
  if version and version > VERSION then
    fail.raise("config", ("%s is of version %d, written by a newer continueplz than this one (which knows "
      .. "version %d); use that one. Nothing was changed."):format(path_of(home), version, VERSION))
  end
end

local function replace(home, text, old)
  if text == old then return end
  local ok, message = files.write(path_of(home), text)
  if not ok then
    log.warn("the state file could not be written; the journal holds the truth", { error = message })
  end
end

local TRIES = 20000 -- some seconds: whoever writes needs as long as the disk takes

-- Calls write() while no other process replaces the state file, so that nobody puts back what another has
-- just replaced. Where no lock can be had (a full or read-only disk) it is called all the same, and after
-- `tries`, unless that is 1. No other task runs meanwhile.
local function in_turn(home, tries, write)
  local path, lock, code = files.join(home, "state.lock")
  for _ = 1, tries do
    local taken, _, why = files.lock(path, "state")
    lock, code = taken, why
    if code ~= "busy" then break end
  end
  if code == "busy" and tries == 1 then return end
  local ok, problem = fail.settle(write)
  if lock then lock:release() end
  if not ok then error(problem, 0) end
end

--- Writes the state of the current session, or of none. A failure is only logged: the journal, written
-- before, is the truth. The caller holds home.lock.
-- @param fingerprint of home.folder, or nil: the files are not as continueplz left them
function statefile.write(home, session, fingerprint)
  in_turn(home, TRIES, function()
    local state = session and describe(session) or { version = VERSION, instance = json.null }
    state.fingerprint = fingerprint
    replace(home, json.encode(state) .. "\n", files.read(path_of(home)))
  end)
end

--- Notes the last contact with the guard, for the agent, which does not hold home.lock: the fingerprint stays
-- as it is, and while another process writes, nothing is noted.
-- @param wall unix seconds
-- @param current function → the session that the records tell of at this moment, or nil
function statefile.heard(home, wall, current)
  in_turn(home, 1, function()
    local session, old = current(), files.read(path_of(home))
    if not session then return end
    local state = describe(session, wall)
    state.fingerprint = old and folder.noted(old)
    replace(home, json.encode(state) .. "\n", old)
  end)
end

return statefile
