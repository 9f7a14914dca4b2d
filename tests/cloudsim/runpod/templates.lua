-- SPDX-License-Identifier: MIT
--- Templates (facts/runpod.md §2.16): settings of containers kept under a name. They cost nothing and stay
--- until they are deleted; one that a pod was made from cannot be.
local answers = require "cloudsim.runpod.answers"
local create = require "cloudsim.runpod.create"
local json = require "base.json"
local shape = require "cloudsim.runpod.shape"
local sorted = require "base.sorted"

local templates = {}

local FLAG = { "boolean" }
local FIELDS = {
  category = { "enum", of = { "NVIDIA", "AMD", "CPU" } }, public = FLAG, serverless = FLAG, startSsh = FLAG,
  startJupyter = FLAG, allowedCudaVersions = { "array", of = { "string", pattern = "^%d+%.%d+$" } },
}
for name, form in pairs(create.CONTAINER) do -- order: free
  if name ~= "templateId" and name ~= "globalNetworking" then
    FIELDS[name] = form
  end
end
local MAKE = { "object", needs = { "name", "image" }, fields = FIELDS }
local CHANGE = { "object", some = true, fields = FIELDS }

local function view(row)
  local body = row.body
  local function told(name, otherwise) return body[name] == nil and otherwise or body[name] end
  return { id = row.id, name = body.name, image = body.image, args = told("args", ""),
    disk = told("disk", 20), mounts = json.object(body.mounts or {}), ports = json.array(body.ports or {}),
    env = json.object(body.env or {}), registry = told("registry", json.null),
    serverless = body.serverless == true, public = body.public == true, category = told("category", "NVIDIA"),
    startSsh = body.startSsh ~= false, startJupyter = body.startJupyter ~= false,
    allowedCudaVersions = json.array(body.allowedCudaVersions or {}) }
end

-- What is wrong with a body. → answer or nil
local function refusal(call, form)
  local errors = shape.errors(call.body == nil and json.null or call.body, form)
  if #errors > 0 then return answers.invalid(errors) end
  local sentence = create.conflict(call.body)
  return type(sentence) == "string" and answers.problem(400, sentence) or nil
end

function templates.list(call)
  local list = {}
  for _, row in ipairs(call.state.templates) do
    list[#list + 1] = row.account == call.account.id and view(row) or nil
  end
  return answers.ok { templates = json.array(list) }
end

function templates.add(call)
  local wrong = refusal(call, MAKE)
  if wrong then return wrong end
  local row = { id = call.state:fresh_id(8), account = call.account.id, body = call.body }
  table.insert(call.state.templates, row)
  return answers.ok(view(row), 201)
end

local function with_template(fn)
  return function(call)
    local row, at = call.state:template(call.args[1], call.account.id)
    if not row then return answers.problem(404, "template not found") end
    return fn(call, row, at)
  end
end

templates.get = with_template(function(_, row) return answers.ok(view(row)) end)

templates.change = with_template(function(call, row)
  local wrong = refusal(call, CHANGE)
  if wrong then return wrong end
  for name, value in sorted(call.body) do row.body[name] = value end
  return answers.ok(view(row))
end)

templates.remove = with_template(function(call, row, at)
  for _, instance in ipairs(call.state:each()) do
    if instance.template == row.id then
      return answers.problem(400, "template is in use by a pod and cannot be deleted")
    end
  end
  table.remove(call.state.templates, at)
  return answers.nothing()
end)

return templates
