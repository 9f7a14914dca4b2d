-- SPDX-License-Identifier: MIT
-- Alerts: the log always, the webhook when one is set (PRD §8). A webhook that fails never stops the work.
local clock = require "base.clock"
local fail = require "base.fail"
local http = require "base.http"
local log = require "base.log"
local config = require "facts.config"

local alert = {}

local told = false -- a CRITICAL alert went out

local function webhook(level, message, context)
  local url = config.secret("ALERT_WEBHOOK_URL")
  if not url or url == "" then return end
  local base, path = url:match("^(https?://[^/?#]+)(.*)$")
  local ok, problem = fail.try(function()
    local client = http.client { base = base, timeout = 10, writes = { "POST ^/" } }
    client:post(path:sub(1, 1) == "/" and path or "/" .. path, { max_bytes = 65536,
      json = { level = level, message = message, timestamp = clock.iso(), context = context } })
  end)
  if not ok then log.warn("the alert webhook did not take the alert", { error = fail.message(problem) }) end
end

--- Money may be running: ERROR in the log and the webhook.
-- @param context table of plain values: instance_id, provider, action, …
function alert.critical(message, context)
  told = true
  log.error("CRITICAL: " .. message, context)
  webhook("CRITICAL", message, context)
end

--- An unattended run did not do what it was to do; nothing bills unknown.
function alert.error(message, context)
  log.error(message, context)
  webhook("ERROR", message, context)
end

--- A run that nobody watched ended with an exit code. Silent when a CRITICAL alert of this run said it already; a stop that failed
-- is CRITICAL, for the machine may run on.
function alert.run_failed(command, code, sentence, home)
  if told then return end
  local tell = command == "stop" and alert.critical or alert.error
  tell(("continueplz %s failed: %s"):format(command, sentence), { action = command, exit_code = code, home = home })
end

--- Something changed that the user should know, but nothing bills unknown.
function alert.warn(message, context)
  log.warn(message, context)
  webhook("WARN", message, context)
end

return alert
