-- SPDX-License-Identifier: MIT
--- POST /v2/pods: the rule of every field (facts/runpod.md §2.7) and what may go wrong with the answer.
local answers = require "cloudsim.runpod.answers"
local json = require "base.json"
local kinds = require "cloudsim.kinds"
local life = require "cloudsim.runpod.life"
local reply = require "cloudsim.reply"
local shape = require "cloudsim.runpod.shape"
local sorted = require "base.sorted"
local view = require "cloudsim.runpod.view"

local create = {}
local faults = kinds.of "runpod"

local TEXT, FLAG, VERSION = { "string" }, { "boolean" }, { "string", pattern = "^%d+%.%d+$" }

--- The form of `mounts`, of a create and of a change.
create.MOUNTS = { "object", fields = {
  persistent = { "object", needs = { "size", "path" },
    fields = { size = { "integer", least = 10 }, path = TEXT } },
  network = { "array", most = 1, of = { "object", needs = { "volumeId", "path" },
    fields = { volumeId = TEXT, path = TEXT } } },
} }

--- The fields that a container has at its create and at a change.
create.CONTAINER = {
  args = TEXT, disk = { "integer", least = 1 }, env = { "map", of = TEXT }, image = TEXT,
  ports = { "array", of = TEXT }, registry = { "string", null = true }, mounts = create.MOUNTS,
  name = { "string", least = 1, most = 191 }, globalNetworking = FLAG, templateId = TEXT,
}

local FORM = { "object", needs = { "name" }, fields = {
  cloud = { "enum", of = { "SECURE", "COMMUNITY" } }, dataCenterIds = { "array", of = TEXT },
  gpu = { "object", needs = { "id" }, fields = { id = TEXT, count = { "integer", least = 1 },
    allowedCudaVersions = { "array", of = VERSION }, minCudaVersion = VERSION,
    minRamPerGpu = { "integer", least = 0 }, minVcpuCountPerGpu = { "integer", least = 0 } } },
  cpu = { "object", fields = { id = TEXT, vcpus = { "integer", least = 1 } } },
  startJupyter = FLAG, startSsh = FLAG,
} }
for name, form in pairs(create.CONTAINER) do -- order: free
  FORM.fields[name] = form
end

local MOST_ENV, MOST_HTTP, MOST_PORT = 50, 10, 70000 + 9999

--- Splits `ports`. → forwards (TCP), numbers of HTTP ports; or nil, sentence
function create.ports(texts)
  local forwards, http = {}, {}
  for _, text in ipairs(texts or {}) do
    local number, protocol = text:match("^(%d+)/(%a+)$")
    number = math.tointeger(tonumber(number))
    if protocol ~= "tcp" and protocol ~= "http" then
      return nil, ("invalid port '%s': the protocol must be tcp or http"):format(text)
    elseif number < 1 or number > (protocol == "tcp" and MOST_PORT or 65535)
      or number > 65535 and number < 70000 then
      return nil, ("invalid port '%s'"):format(text)
    elseif protocol == "http" then
      http[#http + 1] = number
    else
      forwards[#forwards + 1] = { port = number, protocol = "tcp", inside = number }
    end
  end
  if #http > MOST_HTTP then
    return nil, "at most 10 HTTP ports may be exposed"
  end
  return forwards, http
end

local function count_of(map)
  local count = 0
  for _ in pairs(map or {}) do count = count + 1 end -- order: free
  return count
end

--- Rules between fields (400), of a create and of a change. → sentence or nil
function create.conflict(body)
  local mounts = body.mounts or {}
  if mounts.persistent and mounts.network and #mounts.network > 0 then
    return "mounts.persistent and mounts.network are mutually exclusive"
  elseif count_of(body.env) > MOST_ENV then
    return "at most 50 environment variables are allowed"
  end
  return select(2, create.ports(body.ports)) or nil
end

local function gpu_conflict(call, gpu)
  local kind = call.state:type(gpu.id)
  local cloud = call.body.cloud or "SECURE"
  local most = kind and (cloud == "SECURE" and kind.most.secure or kind.most.community) or 0
  if #(gpu.allowedCudaVersions or {}) > 0 and gpu.minCudaVersion then
    return answers.problem(400, "gpu.allowedCudaVersions and gpu.minCudaVersion are mutually exclusive")
  elseif not kind then
    return answers.problem(404, "gpu type not found")
  elseif (gpu.count or 1) > most then
    return answers.problem(400, ("at most %d GPUs of this type can be in one pod"):format(most))
  end
end

-- What a good form may still have wrong. → answer or nil
local function refusal(call)
  local body = call.body
  if (body.gpu == nil) == (body.cpu == nil) then
    return answers.problem(400, "exactly one of 'gpu' or 'cpu' must be set")
  elseif body.templateId and not call.state:template(body.templateId, call.account.id) then
    return answers.problem(404, "template not found")
  elseif not body.image then
    return answers.invalid { "$: missing property 'image'" }
  end
  local sentence = create.conflict(body)
  if type(sentence) == "string" then return answers.problem(400, sentence) end
  for _, mount in ipairs(body.mounts and body.mounts.network or {}) do
    if not call.state:volume(mount.volumeId, call.account.id) then
      return answers.problem(404, "network volume not found")
    end
  end
  return body.gpu and gpu_conflict(call, body.gpu)
end

local function compare(a, b)
  local major, minor = a:match("^(%d+)%.(%d+)$")
  local other, least = b:match("^(%d+)%.(%d+)$")
  return tonumber(major) * 1000 + tonumber(minor) >= tonumber(other) * 1000 + tonumber(least)
end

--- Does a type have a host with such a CUDA version?
function create.has_cuda(kind, allowed, least)
  for _, version in ipairs(kind.cuda) do
    local named = #(allowed or {}) == 0
    for _, each in ipairs(allowed or {}) do
      named = named or each == version
    end
    if named and (least == nil or compare(version, least)) then return true end
  end
  return false
end

-- Where the cards are: a preferred place first, else any. → place or nil
local function place_for(call, kind, count)
  local body = call.body
  local places = call.state.places(kind, body.cloud or "SECURE")
  local gpu = body.gpu
  if not create.has_cuda(kind, gpu.allowedCudaVersions, gpu.minCudaVersion) then return nil end
  for _, id in ipairs(body.dataCenterIds or {}) do
    if (places[id] or 0) >= count then return id end
  end
  local firm = call.world.settings.runpod_centres == "enforced" and #(body.dataCenterIds or {}) > 0
  for id, free in sorted(firm and {} or places) do
    if free >= count then return id end
  end
  return nil
end

--- Splits a line as a shell does: quotes and backslashes, nothing more. → list of words
function create.words(text)
  local list, word, quote, i = {}, nil, nil, 1
  while i <= #text do
    local char = text:sub(i, i)
    if quote then
      if char == quote then
        quote = nil
      elseif char == "\\" and quote == '"' and text:find('^["\\$`]', i + 1) then
        i = i + 1
        word = word .. text:sub(i, i)
      else
        word = word .. char
      end
    elseif char == "'" or char == '"' then
      quote, word = char, word or ""
    elseif char == "\\" then
      i = i + 1
      word = (word or "") .. text:sub(i, i)
    elseif char:find("%s") then
      list[#list + 1], word = word, nil
    else
      word = (word or "") .. char
    end
    i = i + 1
  end
  list[#list + 1] = word
  return list
end

-- Everything by which a pod may be found again, for the ledger.
local function marks_of(body)
  local marks = {}
  for _, value in sorted(body.env or {}) do
    marks[value] = true
  end
  return marks
end

local function environment(body)
  local list = {}
  for name, value in sorted(body.env or {}) do
    list[#list + 1] = { name, value }
  end
  return list
end

local DEARER = faults:kind("create.price_changed", "the agreed price is `factor` (1.5) times what was shown")
local SLOW = faults:kind("create.slow_appear",
  "in lists only after `seconds` (30); `get:true`: in get as well")
local NO_KEY = faults:kind("create.no_key", "no key of its own in the environment")
local LOCKED = faults:kind("create.locked", "the pod comes locked: it cannot be stopped or terminated")

-- Makes the pod and starts its money.
local function make(call, found, context, stopped)
  local world, state, body = call.world, call.state, call.body
  local changed, slow = DEARER:take(world, context), SLOW:take(world, context)
  local forwards, http = create.ports(body.ports)
  local cloud = body.cloud or "SECURE"
  local price = cloud == "SECURE" and found.type.secure or found.type.community
  local instance = {
    cloud = "runpod", id = state:fresh_id(), account = call.account.id, name = body.name, type = found.type,
    count = found.count, cloud_type = cloud, place = found.place,
    centre = cloud == "SECURE" and found.place or nil, image = body.image, args_text = body.args or "",
    runtype = "args", args = create.words(body.args or ""), env = environment(body),
    variables = body.env or {}, port_texts = body.ports or {}, forwards = forwards, http_ports = http,
    disk = body.disk or 20, mounts = body.mounts or {}, registry = body.registry ~= json.null
      and body.registry or nil, global = body.globalNetworking == true, marks = marks_of(body),
    template = body.templateId,
    rate = price * found.count * (changed and (changed.factor or 1.5) or 1),
    locked = LOCKED:take(world, context) ~= nil, hidden_get = slow and slow.get,
    visible_at = world.time + (slow and world:scaled(slow.seconds or 30) or 0),
    public_key = body.startSsh and #state.ssh_keys > 0 and table.concat(state.ssh_keys, "\n") or nil,
  }
  if not NO_KEY:take(world, context) then
    instance.key = "rpa_" .. state.random:hex(40)
    world:add_key(call.account, instance.key, { kind = "instance", instance = instance.id, cloud = "runpod" })
  end
  state:add(instance)
  life.begin(world, instance, stopped)
  return instance
end

local LOST_BEFORE = faults:kind("create.lost_before", "nothing created, no answer (`mode`)")
local STOPPED = faults:kind("create.stopped", "created stopped: the disk bills")
local TWICE = faults:kind("create.twice", "two machines instead of one")

-- What is said by `mode` of create.error_but_created.
local ERRORS = {
  html = function() return reply.html(200) end,
  refused = function() return answers.invalid { "$: additional properties 'x' not allowed" } end,
  gone = answers.capacity,
  forbidden = answers.edge,
}

local wrong_answer = faults:first {
  { "create.answer_lost", "created, but no answer (`mode`)",
    function(order) return reply.lost(order.mode) end },
  { "create.error_but_created",
    "500 without an id; `html` (a web page with status 200), `refused` (422), `gone` (no capacity), "
      .. "`forbidden` (403, a web page)",
    function(order)
      return ERRORS[order.mode] and ERRORS[order.mode]() or answers.problem(500, "Something went wrong. "
        .. "Please try again later or contact support.")
    end },
}

local refused = faults:first {
  { "create.forbidden", "403 (`mode` `html`: a web page of the edge; `funds`: 402)", function(order)
    if order.mode == "funds" then return answers.problem(402, "insufficient balance") end
    return order.mode == "html" and answers.edge() or answers.problem(403, "access denied")
  end },
  { "create.no_capacity", "400 with the detail of no capacity, the place is empty",
    function(_, _, places, place)
      places[place] = 0 -- somebody else was faster
      return answers.capacity()
    end },
}

-- → the pod, or nil and the answer.
local function attempt(call, found)
  local world, kind = call.world, found.type
  local context = { label = call.body.name, offer = kind.id, gpu_name = kind.name, region = found.place,
    is_bid = false }
  local wrong = refused(world, context, call.state.places(kind, call.body.cloud or "SECURE"), found.place)
  if wrong then return nil, wrong end
  local before = LOST_BEFORE:take(world, context)
  if before then return nil, reply.lost(before.mode) end
  local stopped = STOPPED:take(world, context) ~= nil
  local instance = make(call, found, context, stopped)
  if TWICE:take(world, context) then
    make(call, found, context, stopped)
  end
  return instance, wrong_answer(world, context)
end

--- Deploys what a good body asks for, as REST and GraphQL do. → the pod, answer; nil, answer; the answer
--- stands before the pod
function create.deploy(call)
  local gpu = call.body.gpu
  local kind = gpu and call.state:type(gpu.id)
  local count = gpu and gpu.count or 1
  local place = kind and place_for(call, kind, count)
  if not place then return nil, answers.capacity() end
  local price = (call.body.cloud or "SECURE") == "SECURE" and kind.secure or kind.community
  if call.world:credit(call.account) < price * count * call.world.settings.runpod_least_hours then
    return nil, answers.problem(402, "insufficient balance")
  end
  return attempt(call, { type = kind, count = count, place = place })
end

-- What a template says stands where the body says nothing, once and for all (§2.7).
local function resolve(call)
  local row = call.state:template(call.body.templateId, call.account.id)
  for name, value in sorted(row and row.body or {}) do
    if call.body[name] == nil and FORM.fields[name] then
      call.body[name] = value
    end
  end
end

function create.handler(call)
  local errors = shape.errors(call.body == nil and json.null or call.body, FORM)
  if #errors > 0 then return answers.invalid(errors) end
  resolve(call)
  local wrong = refusal(call)
  if wrong then return wrong end
  local instance, answer = create.deploy(call)
  return answer or answers.ok(view.pod(call.world, instance), 201)
end

return create
