-- SPDX-License-Identifier: MIT
-- How an alert reaches a person beside the webhook: a notice on the desktop (notify-send), a command of the
-- user's own. Each is tried once, for a few seconds; what fails is a sentence for the log.
local fail = require "base.fail"
local json = require "base.json"
local process = require "base.process"
local subprocess = require "base.subprocess"
local config = require "config.effective"

local SECONDS = 10
-- What such a program may know of the environment: no setting, so no key (DESIGN §1.10).
local NAMES = { "HOME", "PATH", "LANG", "TZ", "DISPLAY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR",
  "DBUS_SESSION_BUS_ADDRESS" }
local URGENCY = { CRITICAL = "critical", ERROR = "normal", WARN = "normal" }

local notice = {}

local function environment()
  local env = {}
  for _, name in ipairs(NAMES) do
    local value = process.getenv(name)
    if value then env[#env + 1] = name .. "=" .. value end
  end
  return env
end

-- The words of ALERT_COMMAND, or nil.
local function words()
  local list = {}
  for word in (config.get("ALERT_COMMAND") or ""):gmatch "%S+" do list[#list + 1] = word end
  return #list > 0 and list or nil
end

local function desktop(text)
  local object = json.decode(text) or {}
  return { "notify-send", "--app-name=continueplz", "--urgency=" .. (URGENCY[object.level] or "low"),
    "continueplz: " .. tostring(object.level), tostring(object.message) }
end

--- The ways that are set. → array of "desktop", "command"
function notice.ways()
  local list = {}
  if config.get("ALERT_DESKTOP") then list[1] = "desktop" end
  if words() then list[#list + 1] = "command" end
  return list
end

--- Tells of an alert by one way. text: the alert as JSON, without secrets. → true, or nil and a sentence
function notice.tell(way, text)
  local argv = way == "desktop" and desktop(text) or words()
  local name = way == "desktop" and "notify-send" or "ALERT_COMMAND (" .. argv[1] .. ")"
  local ok, result = fail.settle(subprocess.run, argv, way == "command" and text .. "\n" or nil,
    { env = environment(), cwd = "/", seconds = SECONDS })
  if not ok then return nil, name .. ": " .. fail.message(result) end
  if not result then return nil, name .. ": there is no such program" end
  if result.code ~= 0 then return nil, name .. ": " .. subprocess.complaint(result) end
  return true
end

return notice
