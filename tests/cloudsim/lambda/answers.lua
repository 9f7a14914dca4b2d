-- SPDX-License-Identifier: MIT
--- Shapes of Lambda's answers (facts/lambda.md §2.1, §2.2): {"data": …} or {"error": {code, message,
--- suggestion}}.
local reply = require "cloudsim.reply"

local answers = {}

local MESSAGES = {
  ["global/invalid-api-key"] = "API key was invalid, expired, or deleted.",
  ["global/account-inactive"] = "Your account is inactive.",
  ["global/invalid-address"] = "Your billing address is invalid.",
  ["global/forbidden"] = "You are not allowed to do this.",
  ["global/invalid-parameters"] = "Invalid request data.",
  ["global/object-does-not-exist"] = "Specified instance does not exist.",
  ["global/not-found"] = "Not found.",
  ["global/quota-exceeded"] = "Quota exceeded.",
  ["global/duplicate"] = "The name must be unique.",
  ["global/conflict"] = "The object is in a state that does not allow this.",
  ["global/internal-error"] = "An internal error occurred.",
  ["global/unknown"] = "Unknown error.",
  ["provider/internal-unavailable"] = "Provider unavailable",
  ["instance-operations/launch/insufficient-capacity"] = "Not enough capacity to fulfill launch request.",
  ["instance-operations/launch/file-system-in-wrong-region"] = "The file system is in another region.",
}
local SUGGESTIONS = {
  ["global/invalid-api-key"] = "Create a new API key in the console.",
  ["global/account-inactive"] = "Verify your email address and add a valid payment method.",
  ["global/quota-exceeded"] = "Contact Support to increase your quota.",
  ["instance-operations/launch/insufficient-capacity"] =
    "Choose an instance type with more availability, or try again later.",
}

--- A success; `more` adds top-level keys beside data.
function answers.ok(data, more)
  local body = { data = data }
  for key, value in pairs(more or {}) do -- order: free
    body[key] = value
  end
  return reply.json(200, body)
end

--- A failure; without `message` the usual one of the code.
function answers.fail(status, code, message)
  return reply.json(status, { error = { code = code, message = message or MESSAGES[code]
    or "Something went wrong.", suggestion = SUGGESTIONS[code] } })
end

function answers.invalid(message)
  return answers.fail(400, "global/invalid-parameters", message)
end

--- The 429 in one of its three shapes: "json", "empty" or "html" (facts/lambda.md §2.1; the documented API
--- names no body).
function answers.too_many(shape, retry_after)
  local response
  if shape == "empty" then
    response = { status = 429, headers = {}, body = "" }
  elseif shape == "html" then
    response = reply.text(429,
      "<!DOCTYPE html><html><head><title>Access denied</title></head><body><h1>Error 1015</h1>"
      .. "<p>The owner of this website has banned you temporarily from accessing it.</p></body></html>\n",
      "text/html; charset=UTF-8")
  else
    response = answers.fail(429, "global/too-many-requests", "Too many requests.")
  end
  if retry_after then
    response.headers["Retry-After"] = tostring(retry_after)
  end
  return response
end

return answers
