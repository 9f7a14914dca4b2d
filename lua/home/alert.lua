-- SPDX-License-Identifier: MIT
-- Alerts: the log always, the webhook when one is set (PRD §8), and what home.notice tells besides. A webhook
-- that fails never stops the work: what it did not take is kept in the folder `alerts` of the home, MOST at
-- most, and posted again by the agent and by later commands until it is taken. A CRITICAL is posted once per
-- cause within CAUSE_SECONDS, over all processes of the home, and not again while one of its cause is still
-- kept.
local clock = require "base.clock"
local fail = require "base.fail"
local files = require "base.files"
local http = lazy "base.http"
local json = lazy "base.json"
local keys = lazy "base.keys"
local log = require "base.log"
local task = lazy "base.task"
local config = require "config.effective"
local notice = lazy "home.notice"
local timing = lazy "home.timing"

local CAUSE_SECONDS = 900
local MOST = 100                     -- alerts that are kept
local POST_SECONDS = 10              -- for one post
-- alerts that a webhook may refuse in a row of posts: one of them may be what it does not like
local REFUSALS = 3
local LOCK_TRIES, LOCK_PAUSE = 50, 0.02
local STALE_SECONDS = 86400          -- after which it is forgotten when a cause was told

local alert = {}

local told = false  -- a CRITICAL alert went out
local lately = {}   -- cause → when it was told, for a home that cannot be written

local function folder() return files.join(config.home(), "alerts") end

local function hook()
  local url = config.secret("ALERT_WEBHOOK_URL")
  return url and url ~= "" and url or nil
end

-- Two processes of a home do not count or post at once. → lock or nil (nobody waits for long: an alert is
-- worth more than its order)
local function locked(name, tries)
  for try = 1, tries do
    local lock = files.lock(files.join(folder(), name), "alert")
    if lock or try == tries then return lock end
    task.sleep(LOCK_PAUSE)
  end
end

-- The kept alerts, oldest first: names are <time>-<level>-<cause>-<random>.alert
local function kept()
  local names = {}
  for _, name in ipairs(files.list(folder()) or {}) do
    if name:match("%.alert$") then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

local function cause_path(cause) return files.join(folder(), "told-" .. cause) end

-- Was a CRITICAL of this cause told a moment ago, or is one kept?
local function told_lately(cause)
  local at = tonumber((files.read(cause_path(cause), 64))) or lately[cause]
  local age = at and clock.wall() - at
  if age and age >= 0 and age < timing.seconds(CAUSE_SECONDS) then
    return true
  end
  for _, name in ipairs(kept()) do
    if name:find("-" .. cause .. "-", 1, true) then return true end
  end
  return false
end

-- Room for one more: what is least worth goes first.
local function make_room()
  local names = kept()
  if #names < MOST then return end
  local victim = names[1]
  for _, name in ipairs(names) do
    if not name:find("-CRITICAL-", 1, true) then
      victim = name
      break
    end
  end
  log.error("too many alerts wait for the webhook; one was given up",
    { alert = (files.read(files.join(folder(), victim), 4096)) })
  files.remove(files.join(folder(), victim))
end

local function post(text, seconds)
  local base, path = hook():match("^(https?://[^/?#]+)(.*)$")
  local client = http.client { base = base, timeout = seconds, writes = { "POST ^/" } }
  client:post(path:sub(1, 1) == "/" and path or "/" .. path, { max_bytes = 65536, json = json.decode(text) })
end

--- Posts what is kept, oldest first, until the webhook takes no more. Never raises for the webhook's failure.
function alert.deliver()
  local names = hook() and kept() or {}
  if #names == 0 then return end
  local lock, refused = locked("deliver.lock", 1), 0
  if not lock then return end -- another process is at it
  for _, name in ipairs(names) do
    local path = files.join(folder(), name)
    local text = files.read(path)
    local ok, problem = fail.settle(function() return not text or post(text, POST_SECONDS) end)
    if ok then
      files.remove(path)
    else
      log.warn("the alert webhook did not take an alert; it is kept and posted again",
        { error = fail.message(problem), kept = #kept() })
      refused = refused + 1
      if not fail.is(problem, "refused") or refused == REFUSALS then break end
    end
  end
  lock:release()
end

-- Keeps it on the disk. → true when it is there
local function keep(level, text, cause)
  make_room()
  local name = ("%017.3f-%s-%s-%s.alert"):format(clock.wall(), level, cause or "none", keys.random_hex(4))
  return (files.write(files.join(folder(), name), text))
end

local function mark(cause)
  lately[cause] = clock.wall()
  files.write(cause_path(cause), ("%.0f\n"):format(clock.wall()))
  for _, name in ipairs(files.list(folder()) or {}) do
    local at = name:match("^told%-") and tonumber((files.read(files.join(folder(), name), 64)))
    if at and math.abs(clock.wall() - at) > STALE_SECONDS then files.remove(files.join(folder(), name)) end
  end
end

-- By the other ways, once; what fails is only logged.
local function tell_besides(text)
  for _, way in ipairs(notice.ways()) do
    local ok, why = notice.tell(way, text)
    if not ok then log.warn("an alert was not told", { way = way, error = why }) end
  end
end

local function json_of(level, message, context)
  return log.redact(json.encode { level = level, message = message, timestamp = clock.iso(),
    context = context })
end

local function send(level, message, context, cause)
  if not hook() and #notice.ways() == 0 then return end
  files.mkdir(folder())
  local lock = files.exists(folder()) and locked("alerts.lock", LOCK_TRIES)
  local again = cause and told_lately(cause)
  local text = json_of(level, message, context)
  local stored = not again and hook() and keep(level, text, cause)
  if cause and not again then mark(cause) end
  if lock then lock:release() end
  if again then return end
  tell_besides(text)
  if not hook() then return end
  if stored then return alert.deliver() end
  local ok, problem = fail.settle(post, text, POST_SECONDS)
  if not ok then
    log.error("the alert webhook did not take the alert, and it cannot be kept",
      { error = fail.message(problem) })
  end
end

--- Sends a harmless alert by every way that is set, waiting for each. → array of { way = "webhook" |
-- "desktop" | "command", ok =, error = sentence|nil }
function alert.test()
  local rows = {}
  local text = json_of("INFO", "This is a test of continueplz's alerts; nothing is wrong",
    { action = "alert test", home = config.home() })
  if hook() then
    local ok, problem = fail.settle(post, text, POST_SECONDS)
    rows[1] = { way = "webhook", ok = ok, error = not ok and fail.message(problem) or nil }
  end
  for _, way in ipairs(notice.ways()) do
    local ok, why = notice.tell(way, text)
    rows[#rows + 1] = { way = way, ok = ok == true, error = why }
  end
  return rows
end

--- Money may be running: ERROR in the log and the webhook.
-- @param context table of plain values: instance_id, provider, action, …
-- @param cause text: what of the same cause comes within a quarter of an hour is only logged;
-- default: the message and the machine
function alert.critical(message, context, cause)
  told = true
  log.error("CRITICAL: " .. message, context)
  cause = cause or ("%s %s"):format(message, tostring(context.instance_id or context.token))
  fail.settle(send, "CRITICAL", message, context, keys.sha256_hex(cause):sub(1, 12))
end

--- An unattended run did not do what it was to do; nothing bills unknown.
function alert.error(message, context)
  log.error(message, context)
  fail.settle(send, "ERROR", message, context)
end

--- A run that nobody watched ended with an exit code. Silent when a CRITICAL alert of this run said it
-- already; a stop that failed is CRITICAL, for the machine may run on.
function alert.run_failed(command, code, sentence, home)
  if told then return end
  local tell = command == "stop" and alert.critical or alert.error
  tell(("continueplz %s failed: %s"):format(command, sentence),
    { action = command, exit_code = code, home = home }, "run " .. command)
end

--- Something changed that the user should know, but nothing bills unknown.
function alert.warn(message, context)
  log.warn(message, context)
  fail.settle(send, "WARN", message, context)
end

return alert
