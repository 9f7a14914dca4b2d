-- SPDX-License-Identifier: MIT
--- Who asks (bearer token, or client certificate by the headers of the front) and what he may do. Whoever has
--- the owner's token or the cluster's client certificate may do all that `coreweave_denied` does not take
--- away, a ServiceAccount what its roles say.
local accounts = require "cloudsim.coreweave.accounts"
local status = require "cloudsim.coreweave.status"

local access = {}

-- What the front found in the client's certificate, which it checked.
local function of_certificate(request)
  local name = request.headers["x-remote-user"]
  return name and { name = name, groups = { request.headers["x-remote-group"] or "system:authenticated" } }
end

--- Who asks. → user { name, groups, anonymous }, or nil: 401
function access.user(world, request)
  local header = request.headers.authorization
  if header then
    local text = header:match "^[Bb]earer%s+(%S+)%s*$" or ""
    local key = world:key_at("coreweave", text)
    if not key then return accounts.user(world, text) end
    return key.kind == "account" and { name = world.accounts[key.account].email,
      groups = { "system:masters", "system:authenticated" } } or nil
  end
  return of_certificate(request) or { name = "system:anonymous", groups = { "system:unauthenticated" },
    anonymous = true }
end

--- What anybody may ask.
access.OPEN = { ["/version"] = true, ["/healthz"] = true, ["/livez"] = true, ["/readyz"] = true }

--- May this user do that? ask: { verb, group, resource, subresource, namespace, name } or { verb, path }
function access.allowed(world, user, ask)
  if ask.path and access.OPEN[ask.path] then return true end
  if user.anonymous then return false end
  if user.account then return accounts.may(world, user.account, ask) end
  for verb, what in (world.settings.coreweave_denied or ""):gmatch "([%w*]+)%s+([%w*]+)" do
    if (verb == "*" or verb == ask.verb) and (what == "*" or what == ask.resource) then return false end
  end
  return true
end

local function sentence(user, ask)
  if ask.path then return ('User "%s" cannot %s path "%s"'):format(user.name, ask.verb, ask.path) end
  local named = ask.subresource and ask.resource .. "/" .. ask.subresource or ask.resource
  return ('User "%s" cannot %s resource "%s" in API group "%s" %s'):format(user.name, ask.verb, named,
    ask.group, ask.namespace and ('in the namespace "%s"'):format(ask.namespace) or "at the cluster scope")
end

--- Raises 403 unless he may.
function access.check(world, user, ask, resource)
  if access.allowed(world, user, ask) then return end
  if not resource then
    status.raise("Forbidden", "forbidden: " .. sentence(user, ask), {})
  end
  status.forbidden(resource, ask.name, sentence(user, ask))
end

return access
