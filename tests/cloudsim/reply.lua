-- SPDX-License-Identifier: MIT
--- Shapes of answers: a response is {status, headers, body}, {hang=true} (never answered) or {drop=true}
--- (closed without answer).
local json = require "base.json"

local reply = { null = json.null }

--- `value`, or an explicit JSON null.
function reply.maybe(value)
  if value == nil then return json.null end
  return value
end

function reply.json(status, value)
  return { status = status, headers = { ["Content-Type"] = "application/json" }, body = json.encode(value) }
end

function reply.text(status, text, kind)
  return { status = status, headers = { ["Content-Type"] = kind or "text/plain; charset=utf-8" },
    body = text }
end

--- The usual error body (facts/vast.md §1.4); `more` adds fields.
function reply.fail(status, code, message, more)
  local body = { success = false, error = code, msg = message }
  for key, value in pairs(more or {}) do -- order: free
    body[key] = value
  end
  return reply.json(status, body)
end

--- The same fields, all null.
function reply.nulls(object)
  local nulls = {}
  for name in pairs(object) do -- order: free
    nulls[name] = json.null
  end
  return nulls
end

function reply.html(status)
  return reply.text(status, "<!DOCTYPE html><html><head><title>Just a moment...</title></head>"
    .. "<body><h1>Checking your browser</h1></body></html>\n", "text/html; charset=UTF-8")
end

--- How an ordered loss of an answer looks: mode "hang", "drop", or a status number as text.
function reply.lost(mode)
  if mode == "drop" then
    return { drop = true }
  elseif mode == nil or mode == "hang" then
    return { hang = true }
  end
  return reply.html(tonumber(mode) or 502)
end

return reply
