-- SPDX-License-Identifier: MIT
-- The log: one line per record, fields sorted, secrets hidden.

local host = ...


local log = {}

local function quote(value)
  local text = tostring(value)
  if text ~= "" and not text:find('[%c%s"=\\]') then return text end
  text = text:gsub('[%c"\\]', function(byte)
    if byte == "\n" then return "\\n" end
    if byte == '"' or byte == "\\" then return "\\" .. byte end
    return ("\\x%02x"):format(byte:byte())
  end)
  return '"' .. text .. '"'
end

local function write(level, message, fields)
  local list = {}
  for key, value in require("base.sorted")(fields or {}) do list[#list + 1] = key .. "=" .. quote(value) end
  host.log.write(level, message, list)
end

function log.debug(message, fields) write("DEBUG", message, fields) end
function log.info(message, fields) write("INFO", message, fields) end
function log.warn(message, fields) write("WARN", message, fields) end
function log.error(message, fields) write("ERROR", message, fields) end

-- Registers a secret: it never appears in the log, in redacted texts or in failures of base.http.
function log.hide(secret)
  if type(secret) == "string" and secret ~= "" then host.log.hide(secret) end
end

-- The text with every hidden value as [hidden].
function log.redact(text) return host.log.redact(text) end

-- Starts the log file in `dir`. → true, or nil, sentence, code
function log.open(dir) return host.log.open(dir) end

-- Shows records of `level` and above on stderr as well; nil: none.
function log.echo(level) return host.log.level(level and level:upper()) end

return log
