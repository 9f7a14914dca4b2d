-- SPDX-License-Identifier: MIT
--- Shapes of RunPod's answers (facts/runpod.md §2.3): JSON when all is well, application/problem+json when
--- not, and from the edge in front of it a web page.
local json = require "base.json"
local reply = require "cloudsim.reply"

local answers = {
  CAPACITY = "There are no longer any instances available with the requested specifications. "
    .. "Please refresh and try again.",
}

local TITLES = { [400] = "Bad Request", [401] = "Unauthorized", [402] = "Payment Required",
  [403] = "Forbidden", [404] = "Not Found", [405] = "Method Not Allowed", [409] = "Conflict",
  [422] = "Unprocessable Entity", [429] = "Too Many Requests", [500] = "Internal Server Error",
  [502] = "Bad Gateway", [503] = "Service Unavailable" }

function answers.ok(body, status)
  return reply.json(status or 200, body)
end

--- Done, and nothing to say.
function answers.nothing()
  return { status = 204, headers = {}, body = "" }
end

--- A failure; errors: the single faults of a body that breaks the schema, or nil
function answers.problem(status, detail, errors)
  return { status = status, headers = { ["Content-Type"] = "application/problem+json" },
    body = json.encode { title = TITLES[status] or "Error", status = status, detail = detail,
      errors = errors and json.array(errors) } }
end

--- A body or parameter of another form than the schema says.
function answers.invalid(errors)
  return answers.problem(422, "Request validation failed.", errors)
end

--- One call too many. order: window ("minute"), retry_after (12 s)
function answers.too_many(order)
  local response = answers.problem(429, ("rate limit exceeded for the %s window"):format(order.window
    or "minute"))
  response.headers["Retry-After"] = tostring(order.retry_after or 12)
  return response
end

function answers.capacity()
  return answers.problem(400, answers.CAPACITY)
end

--- What the edge says to whom it takes for a machine: no word about the key.
function answers.edge()
  return reply.text(403, "<!DOCTYPE html><html><head><title>Attention Required! | Cloudflare</title></head>"
    .. "<body><h1>Sorry, you have been blocked</h1></body></html>\n", "text/html; charset=UTF-8")
end

return answers
