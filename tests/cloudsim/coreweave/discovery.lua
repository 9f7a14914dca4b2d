-- SPDX-License-Identifier: MIT
--- What the API server tells about itself: version, groups, resources, OpenAPI (in its three forms, with the
--- kinds and without their fields, so that nothing is checked at the client).
local json = require "base.json"
local reply = require "cloudsim.reply"
local resources = require "cloudsim.coreweave.resources"

local discovery = {}

local VERSION = { major = "1", minor = "32", gitVersion = "v1.32.4", gitCommit = "59526cd4867447956156",
  gitTreeState = "clean", buildDate = "2026-04-22T16:08:41Z", goVersion = "go1.23.6", compiler = "gc",
  platform = "linux/amd64" }

local function group_row(group)
  local version = { groupVersion = group.api, version = group.version }
  return { name = group.name, versions = { version }, preferredVersion = version }
end

local function groups(world)
  local list = {}
  for _, group in ipairs(resources.groups) do
    list[#list + 1] = group.name ~= "" and resources.installed(world, group) and group_row(group) or nil
  end
  return { kind = "APIGroupList", apiVersion = "v1", groups = list }
end

local function definition_name(resource)
  return ("io.k8s.api.%s.%s.%s"):format(resource.group == "" and "core" or resource.group, resource.version,
    resource.kind)
end

local function definition(resource)
  return { type = "object", description = resource.kind, ["x-kubernetes-preserve-unknown-fields"] = true,
    ["x-kubernetes-group-version-kind"] = { { group = resource.group, version = resource.version,
      kind = resource.kind } } }
end

local function path_of(resource)
  local base = (resource.group == "" and "/api/" or "/apis/") .. resource.api
  return base .. (resource.namespaced and "/namespaces/{namespace}/" or "/") .. resource.plural .. "/{name}"
end

local QUERY = {}
for i, name in ipairs { "dryRun", "fieldManager", "fieldValidation", "force" } do
  QUERY[i] = name
end

-- The paths of OpenAPI: which writes know which parameters is what kubectl reads of them.
local function paths_of(test, three)
  local paths = json.object {}
  for _, resource in ipairs(resources.list) do
    if not resource.review and test(resource) then
      local parameters = {}
      for i, name in ipairs(QUERY) do
        parameters[i] = { name = name, ["in"] = "query", schema = three and { type = "string" } or nil,
          type = not three and "string" or nil }
      end
      local operation = { parameters = parameters, responses = { ["200"] = { description = "OK" } },
        ["x-kubernetes-action"] = "patch", ["x-kubernetes-group-version-kind"] = { group = resource.group,
          version = resource.version, kind = resource.kind } }
      paths[path_of(resource)] = { patch = operation }
    end
  end
  return paths
end

local INFO = { title = "Kubernetes", version = VERSION.gitVersion }

local function open_two()
  local definitions = {}
  for _, resource in ipairs(resources.list) do
    definitions[definition_name(resource)] = definition(resource)
  end
  return reply.json(200, { swagger = "2.0", info = INFO, definitions = definitions,
    paths = paths_of(function() return true end, false) })
end

local function open_three(group)
  local schemas = json.object {}
  for _, resource in ipairs(resources.list) do
    if resource.group == group.name then schemas[definition_name(resource)] = definition(resource) end
  end
  return reply.json(200, { openapi = "3.0.0", info = INFO, components = { schemas = schemas },
    paths = paths_of(function(resource) return resource.group == group.name end, true) })
end

local function prefix_of(group)
  return (group.name == "" and "api/" or "apis/") .. group.api
end

local function open_three_root()
  local paths = {}
  for _, group in ipairs(resources.groups) do
    paths[prefix_of(group)] = { serverRelativeURL = "/openapi/v3/" .. prefix_of(group) .. "?hash=1" }
  end
  return reply.json(200, { paths = paths })
end

-- An older kubectl wants version 2 as protobuf; a message without fields knows no kinds, and so it looks at
-- none.
local PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"

local function openapi(path, request)
  if path == "/openapi/v2" then
    local accept = request.headers.accept or ""
    if accept:find("protobuf", 1, true) and not accept:find("application/json", 1, true) then
      return { status = 200, headers = { ["Content-Type"] = PROTOBUF }, body = "" }
    end
    return open_two()
  elseif path == "/openapi/v3" then
    return open_three_root()
  end
  for _, group in ipairs(resources.groups) do
    if path == "/openapi/v3/" .. prefix_of(group) then return open_three(group) end
  end
end

local function group_answer(world, path)
  local name, version = path:match "^/apis/([^/]+)/?([^/]*)$"
  if not name or not resources.has_group(name, version ~= "" and version or nil) then return nil end
  for _, group in ipairs(resources.groups) do
    if group.name == name and not resources.installed(world, group) then return nil end
    if group.name == name and version ~= "" then return reply.json(200, resources.list_of(name)) end
    if group.name == name then
      local row = group_row(group)
      row.kind, row.apiVersion = "APIGroup", "v1"
      return reply.json(200, row)
    end
  end
end

local PLAIN = {
  ["/version"] = function() return reply.json(200, VERSION) end,
  ["/healthz"] = function() return reply.text(200, "ok") end,
  ["/livez"] = function() return reply.text(200, "ok") end,
  ["/readyz"] = function() return reply.text(200, "ok") end,
  ["/api"] = function(request)
    return reply.json(200, { kind = "APIVersions", versions = { "v1" }, serverAddressByClientCIDRs = {
      { clientCIDR = "0.0.0.0/0", serverAddress = request.headers.host or "kubernetes" } } })
  end,
  ["/apis"] = function(_, world) return reply.json(200, groups(world)) end,
  ["/api/v1"] = function() return reply.json(200, resources.list_of "") end,
  ["/"] = function() return reply.json(200, { paths = { "/api", "/api/v1", "/apis", "/version" } }) end,
}

--- The answer to a path that is no resource, or nil.
function discovery.answer(world, path, request)
  path = #path > 1 and path:gsub("/$", "") or path
  local play = PLAIN[path]
  if play then return play(request, world) end
  return path:find "^/openapi/" and openapi(path, request) or group_answer(world, path)
end

return discovery
