-- SPDX-License-Identifier: MIT
--- Which request goes where: handler(request, env) → response. env holds everything that is not pure: store,
--- sleep, now, …
local json = require "base.json"
local native = require "cloudsim.machine.ollama.native"
local reply = require "cloudsim.reply"
local v1 = require "cloudsim.machine.ollama.v1"

local api = {}

local function root()
  return reply.text(200, "Ollama is running")
end

local ROUTES = {
  { "GET", "^/$", root }, { "GET", "^/api/version$", native.version }, { "GET", "^/api/tags$", native.tags },
  { "GET", "^/api/ps$", native.ps }, { "POST", "^/api/show$", native.show }, { "POST", "^/api/pull$",
    native.pull },
  { "DELETE", "^/api/delete$", native.delete }, { "POST", "^/api/copy$", native.copy },
  { "POST", "^/api/create$", native.create }, { "POST", "^/api/embed$", native.embed },
  { "POST", "^/api/embeddings$", native.embedding },
  { "POST", "^/api/generate$", native.generate }, { "POST", "^/api/chat$", native.chat },
  { "GET", "^/v1/models$", v1.models }, { "GET", "^/v1/models/(.+)$", v1.model },
  { "POST", "^/v1/chat/completions$", v1.chat }, { "POST", "^/v1/completions$", v1.completions },
  { "POST", "^/v1/responses$", v1.responses }, { "POST", "^/v1/messages$", v1.messages },
  { "POST", "^/v1/embeddings$", v1.embeddings },
}

-- Listening on loopback, it takes only host names that cannot be somebody else's (facts/serving.md §1.1).
local function host_allowed(header)
  local host = (header or ""):gsub(":%d+$", ""):lower()
  if host == "" or host == "localhost" or host:find("%.localhost$") or host:find("%.local$")
    or host:find("%.internal$") then
    return true
  elseif host == "::1" or host == "[::1]" or host:find("^127%.") or host:find("^10%.")
    or host:find("^192%.168%.") then
    return true
  end
  local second = tonumber(host:match("^172%.(%d+)%.%d+%.%d+$"))
  return second ~= nil and second >= 16 and second <= 31
end

function api.handler(request, env)
  if env.loopback and not host_allowed(request.headers.host) then
    return { status = 403, headers = {}, body = "" }
  end
  local method = request.method == "HEAD" and "GET" or request.method
  local other = false
  for _, route in ipairs(ROUTES) do
    local args = { request.path:match(route[2]) }
    if args[1] and route[1] == method then
      local body = {}
      if request.body and request.body ~= "" then
        local sentence
        body, sentence = json.decode(request.body)
        if type(body) ~= "table" then
          return reply.json(400, { error = sentence or "the body must be an object" })
        end
      elseif method == "POST" then
        return reply.json(400, { error = "missing request body" })
      end
      return route[3]({ env = env, request = request, body = body, args = args })
    end
    other = other or args[1] ~= nil
  end
  return reply.text(other and 405 or 404, other and "405 method not allowed" or "404 page not found")
end

return api
