-- SPDX-License-Identifier: MIT
-- Failures: what the world refused, as a table {kind, message, …} that is raised and kept.

local _, tools = ...

local clean = lazy "base.clean"

local fail = {}

local NAME = "continueplz.failure"

fail.kinds = {
  "auth", "funds", "capacity", "quota", "rate", "transient", "refused", "broken",
  "usage", "config", "interrupted", "unproven", "internal", "busy", "limit", "nothing",
  "machine", -- one rented machine is of no use; another may be
}
local known = {}
for _, kind in ipairs(fail.kinds) do known[kind] = true end

local failure = { __name = NAME, __tostring = function(self) return self.message end }

--- A failure from its fields; kind and message are required. Whatever bytes somebody's words in the message
-- have, it is text.
function fail.new(fields)
  if not known[fields.kind] then
    error(("%q is no kind of failure"):format(tostring(fields.kind)), 2)
  end
  if type(fields.message) ~= "string" then
    error("a failure needs a message", 2)
  end
  if fields.message:find("[\0-\31\127-\255]") then fields.message = clean.text(fields.message) end
  return setmetatable(fields, failure)
end

--- Raises a failure; `extra` holds further fields.
function fail.raise(kind, message, extra)
  local fields = {}
  for key, value in pairs(extra or {}) do fields[key] = value end -- order: free
  fields.kind, fields.message = kind, message
  error(fail.new(fields), 0)
end

--- Whether x is a failure (of any world), of this kind if one is given.
function fail.is(x, kind)
  if type(x) ~= "table" then return false end
  local meta = getmetatable(x)
  if type(meta) ~= "table" or meta.__name ~= NAME then return false end
  return kind == nil or x.kind == kind
end

--- One sentence for any error value.
function fail.message(x)
  if type(x) == "table" and type(x.message) == "string" then
    return x.message
  end
  if type(x) == "string" then return x end
  return "an error that is a " .. type(x) .. ": " .. tostring(x)
end

--- The handler behind fail.try and tasks: failures stay, all else becomes kind `internal` with its `trace`.
function fail.bug(x)
  if fail.is(x) then return x end
  local trace = tools.traceback and tools.traceback(nil, 2) or nil
  return fail.new { kind = "internal", message = fail.message(x), trace = trace }
end

--- Calls f(...) and takes whatever comes of it, an interruption too: for what has to clean up, record or tell
-- before it goes on, and raises that itself then. → true, results…; or false, failure.
function fail.settle(f, ...)
  return xpcall(f, fail.bug, ...)
end

local function passing(ok, first, ...)
  if not ok and first.kind == "interrupted" then error(first, 0) end
  return ok, first, ...
end

--- Calls f(...). An interruption (a signal, a cancelled task) is nothing that one could try: it goes on its
-- way. → true, results…; or false, failure.
function fail.try(f, ...)
  return passing(xpcall(f, fail.bug, ...))
end

return fail
