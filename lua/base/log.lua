-- SPDX-License-Identifier: MIT
-- The log, one line per record: "2026-02-02T08:32:15.123Z INFO  words key=value key="a value"", fields
-- sorted, without secrets. A file for each day; those of seven days are kept.

local host = ...

local clean = lazy "base.clean"
local clock = require "base.clock"
local files = lazy "base.files"

local log = {}

local NAME = "continueplz.log"
local DAYS_KEPT = 7
local LEVELS = { DEBUG = 1, INFO = 2, WARN = 3, ERROR = 4 }
local SHORT = { ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t", ['"'] = '\\"', ["\\"] = "\\\\" }

local directory
local echoed = math.huge -- the least level that is shown on stderr as well

-- So that it stays on one line, moves no cursor and shows no secret.
local function printable(text, special)
  if text:find("[\128-\255]") then text = clean.visible(clean.bytes(text)) end
  return (host.log.redact(text):gsub(special or "%c", function(character)
    return SHORT[character] or ("\\x%02x"):format(character:byte())
  end))
end

local function value_of(text)
  if text ~= "" and not text:find('[%c "=]') then return printable(text) end
  return '"' .. printable(text, '[%c"\\]') .. '"'
end

local function line_of(level, message, fields)
  local now = clock.wall()
  local time = clock.iso(now):gsub("Z$", (".%03dZ"):format(math.floor(now % 1 * 1000)))
  local words = { time, ("%-5s"):format(level), printable(message) }
  for key, value in require("base.sorted")(fields or {}) do
    words[#words + 1] = printable(tostring(key)) .. "=" .. value_of(tostring(value))
  end
  return table.concat(words, " ") .. "\n"
end

-- Removes all but the newest files of days.
local function remove_old()
  local days = {}
  for _, name in ipairs(files.list(directory) or {}) do
    if name:find("^continueplz%.log%.%d%d%d%d%-%d%d%-%d%d$") then days[#days + 1] = name end
  end
  for i = 1, #days - DAYS_KEPT do files.remove(files.join(directory, days[i])) end
end

local function write(level, message, fields)
  local line = line_of(level, message, fields)
  if LEVELS[level] >= echoed then host.terminal.write("err", line) end
  if host.log.write(line) == "rotated" then remove_old() end
end

function log.debug(message, fields) write("DEBUG", message, fields) end
function log.info(message, fields) write("INFO", message, fields) end
function log.warn(message, fields) write("WARN", message, fields) end
function log.error(message, fields) write("ERROR", message, fields) end

--- Registers a secret: it never appears in the log, in redacted texts or in failures of base.http.
function log.hide(secret)
  if type(secret) == "string" and secret ~= "" then host.log.hide(secret) end
end

--- The text with every hidden value as [hidden].
function log.redact(text) return host.log.redact(text) end

--- Starts the log file in `dir`. → true, or nil, sentence, code
function log.open(dir)
  directory = dir
  return host.log.open(files.join(dir, NAME))
end

--- Shows records of `level` and above on stderr as well; nil: none.
function log.echo(level) echoed = level and LEVELS[level:upper()] or math.huge end

return log
