-- SPDX-License-Identifier: MIT
-- The log: one line per record, fields sorted; the host quotes values and hides secrets.

local host = ...

local clean = lazy "base.clean"

local log = {}

-- Bytes above ASCII as text; control characters are the host's.
local function printable(text)
  return text:find("[\128-\255]") and clean.visible(clean.bytes(text)) or text
end

local function write(level, message, fields)
  local list = {}
  for key, value in require("base.sorted")(fields or {}) do
    list[#list + 1] = printable(key .. "=" .. tostring(value))
  end
  host.log.write(level, printable(message), list)
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
function log.open(dir) return host.log.open(dir) end

--- Shows records of `level` and above on stderr as well; nil: none.
function log.echo(level) return host.log.level(level and level:upper()) end

return log
