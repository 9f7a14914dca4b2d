-- SPDX-License-Identifier: MIT
--- Kubernetes' answers that are no objects of a user's: `Status` (facts/coreweave.md §3.3). A refusal is
--- raised as such a response by whoever finds it, and becomes the answer in handler.lua.
local json = require "base.json"
local reply = require "cloudsim.reply"

local status = {}
status.__index = status

local CODES = { BadRequest = 400, Unauthorized = 401, Forbidden = 403, NotFound = 404, MethodNotAllowed = 405,
  NotAcceptable = 406, AlreadyExists = 409, Conflict = 409, Expired = 410, Gone = 410,
  RequestEntityTooLarge = 413, UnsupportedMediaType = 415, Invalid = 422, TooManyRequests = 429,
  InternalError = 500, ServiceUnavailable = 503, Timeout = 504 }

--- The object itself.
function status.failure(reason, message, details, code)
  return { kind = "Status", apiVersion = "v1", metadata = json.object {}, status = "Failure",
    message = message, reason = reason, details = details, code = code or CODES[reason] }
end

--- The response with that object.
function status.response(reason, message, details, code)
  local body = status.failure(reason, message, details, code)
  local response = reply.json(body.code, body)
  if details and details.retryAfterSeconds then
    response.headers["Retry-After"] = tostring(details.retryAfterSeconds)
  end
  return response
end

--- Ends the request with that answer.
function status.raise(reason, message, details, code)
  error(setmetatable({ response = status.response(reason, message, details, code) }, status), 0)
end

--- The answer that was raised, or nil when it is another error.
function status.raised(problem)
  return getmetatable(problem) == status and problem.response or nil
end

local function details_of(resource, name)
  return { name = name ~= "" and name or nil, group = resource.group ~= "" and resource.group or nil,
    kind = resource.plural }
end

local function full(resource)
  return resource.group == "" and resource.plural or resource.plural .. "." .. resource.group
end

function status.not_found(resource, name)
  status.raise("NotFound", ('%s "%s" not found'):format(full(resource), name), details_of(resource, name))
end

function status.exists(resource, name)
  status.raise("AlreadyExists", ('%s "%s" already exists'):format(full(resource), name),
    details_of(resource, name))
end

function status.conflict(resource, name, why)
  status.raise("Conflict", ('Operation cannot be fulfilled on %s "%s": %s'):format(full(resource), name,
    why or "the object has been modified; please apply your changes to the latest version and try again"),
    details_of(resource, name))
end

function status.forbidden(resource, name, why)
  status.raise("Forbidden", ('%s%s is forbidden: %s'):format(full(resource),
    name and name ~= "" and (' "%s"'):format(name) or "", why), details_of(resource, name))
end

--- The object is not the one that was meant. field: "uid", "resourceVersion"
function status.another(resource, object, field, wanted)
  local said = field == "uid" and "UID" or "ResourceVersion"
  local full_kind = resource.kind .. (resource.group ~= "" and "." .. resource.group or "")
  local details = details_of(resource, object.metadata.name)
  details.kind = resource.kind
  status.raise("Conflict", ('Operation cannot be fulfilled on %s "%s": the %s in the precondition (%s) does '
    .. "not match the %s in record (%s). The object might have been deleted and then recreated"):format(
    full_kind, object.metadata.name, said, wanted, said, object.metadata[field]), details)
end

--- causes: rows { field, message, reason }. The message names each.
function status.invalid(resource, name, causes)
  local said, list = {}, {}
  for i, cause in ipairs(causes) do
    said[i] = cause[1] .. ": " .. cause[2]
    list[i] = { reason = cause[3] or "FieldValueInvalid", message = cause[2], field = cause[1] }
  end
  local text = #said == 1 and said[1] or "[" .. table.concat(said, ", ") .. "]"
  local details = details_of(resource, name)
  details.kind, details.causes = resource.kind, list
  status.raise("Invalid", ('%s%s "%s" is invalid: %s'):format(resource.kind,
    resource.group ~= "" and "." .. resource.group or "", name, text), details)
end

--- What a delete that left nothing answers.
function status.deleted(resource, object)
  local details = details_of(resource, object.metadata.name)
  details.uid = object.metadata.uid
  return { kind = "Status", apiVersion = "v1", metadata = json.object {}, status = "Success",
    details = details }
end

return status
