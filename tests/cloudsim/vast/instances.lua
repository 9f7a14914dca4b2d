-- SPDX-License-Identifier: MIT
--- Get, list, destroy (facts/vast.md §1.8, §1.9) and what may be wrong with them.
local ends = require "cloudsim.machine.ends"
local json = require "base.json"
local kinds = require "cloudsim.kinds"
local life = require "cloudsim.vast.life"
local paging = require "cloudsim.paging"
local reply = require "cloudsim.reply"
local search = require "cloudsim.vast.search"
local sorted = require "base.sorted"
local view = require "cloudsim.vast.view"

local instances = {}
local faults = kinds.of "vast"

-- Only what the contract itself stores can be asked for; prices are computed.
local STORED = {}
for name in ([[
  id label actual_status intended_status cur_state next_state gpu_name num_gpus gpu_ram verification
  machine_id host_id image_uuid image_runtype geolocation is_bid start_date end_date status_msg
  reliability2
]]):gmatch("%S+") do
  STORED[name] = true
end

--- The caller's machine of that number, or nil and the answer to give.
function instances.find(call)
  local id = tonumber(call.args[1])
  local instance = call.world.vast.instances[id]
  if instance and instance.account == call.account.id then return instance end
  return nil, reply.fail(404, "no_such_instance", "Instance " .. tostring(id) .. " not found")
end

-- Somebody looks at the machine: → whether it is still there.
local function looked(world, instance)
  ends.counted(world, instance, life.destroy)
  return not instance.destroyed
end

local function gone(world, id)
  local style = world.settings.gone
  if style == "null" then
    return reply.json(200, { instances = json.null })
  elseif style == "not_found" then
    return reply.fail(404, "not_found", "Instance not found")
  end
  return reply.fail(404, "no_such_instance", "No such instance " .. id)
end

-- The machine as it is shown when nothing of it is known but id and label.
local function unknown(world, instance)
  return view.instance(world, { id = instance.id, label = instance.label, created_at = instance.created_at,
    offer = { storage_cost = 0, end_date = 0 }, disk = 0, gpu_rate = 0, args = {}, env = {} })
end

local wrong_get = faults:first {
  { "get.500", "as named", function() return reply.text(500, "Internal Server Error") end },
  { "get.html", "as named", function() return reply.html(200) end },
  { "get.hang", "as named", function() return { hang = true } end },
  { "get.false_null", "`instances: null` although it lives", function()
    return reply.json(200, { instances = json.null })
  end },
  { "get.null_fields", "the id and label, everything else null", function(_, world, instance)
    return reply.json(200, { instances = unknown(world, instance) })
  end },
}
local UNKNOWN = faults:kind("get.unknown_status", "a status nobody knows")
local STOPPED = faults:kind("get.stopped", "said to be stopped although it is not")

function instances.get(call)
  local world, id = call.world, tonumber(call.args[1])
  local instance = instances.find(call)
  if not instance or not looked(world, instance) or (instance.hidden_get
    and world.time < instance.visible_at) then
    return gone(world, id)
  end
  local context = life.context(instance)
  local wrong = wrong_get(world, context, instance)
  if wrong then return wrong end
  local shown = view.instance(world, instance)
  if UNKNOWN:take(world, context) then
    shown.actual_status = "hibernating"
  end
  if STOPPED:take(world, context) then
    for _, name in ipairs({ "actual_status", "intended_status", "cur_state", "next_state" }) do
      shown[name] = "stopped"
    end
  end
  return reply.json(200, { instances = shown })
end

local function bad_column(name)
  return reply.fail(400, "invalid_request", "Error in query parameters: " .. tostring(name)
    .. " is not a valid search key")
end

-- → list of {name, op, value}, or nil and the answer.
local function read_filters(text)
  local list = {}
  if text == nil or text == "" then return list end
  local object = paging.object(text)
  if not object then
    return nil, reply.fail(400, "invalid_request",
      "Error in query parameters: select_filters is not a json object")
  end
  for name, ops in sorted(object) do
    if not STORED[name] or type(ops) ~= "table" then
      return nil, bad_column(name)
    end
    for op, value in sorted(ops) do
      if not search.ops[op] then
        return nil, bad_column(name .. "." .. tostring(op))
      end
      list[#list + 1] = { name = name, op = op, value = value }
    end
  end
  return list
end

local function read_order(text)
  local order = paging.object(text) or { { col = "id", dir = "asc" } }
  for _, key in ipairs(order) do
    if type(key) ~= "table" or not STORED[key.col] then
      return nil, bad_column(type(key) == "table" and key.col or key)
    end
  end
  return order
end

local STALE = faults:kind("list.stale", "the picture of `seconds` (60) ago")

-- Which machines a list shows: all visible ones, or the picture of some seconds ago.
local function visible(call)
  local world, list = call.world, {}
  local stale = STALE:take(world)
  local at = world.time - (stale and world:scaled(stale.seconds or 60) or 0)
  for _, instance in ipairs(stale and world.vast:ever(call.account.id) or world.vast:each(call.account.id)) do
    if instance.created_at <= at and instance.visible_at <= world.time
      and (not instance.destroyed or instance.destroyed_at > at)
      and (instance.destroyed or looked(world, instance)) then
      list[#list + 1] = instance
    end
  end
  return list
end

local function selected(rows, filters)
  local list = {}
  for _, row in ipairs(rows) do
    local fits = true
    for _, filter in ipairs(filters) do
      local value = row.view[filter.name]
      fits = fits and search.ops[filter.op](value ~= json.null and value or nil, filter.value)
    end
    if fits then
      list[#list + 1] = row
    end
  end
  return list
end

local function sort(rows, order)
  table.sort(rows, function(a, b)
    for _, key in ipairs(order) do
      local x, y = a.view[key.col], b.view[key.col]
      if x ~= y and type(x) == type(y) and (type(x) == "number" or type(x) == "string") then
        if key.dir == "desc" then return x > y end
        return x < y
      end
    end
    return a.view.id < b.view.id
  end)
end

local wrong_list = faults:first {
  { "list.html", "as named", function() return reply.html(200) end },
  { "list.500", "as named", function() return reply.text(500, "Internal Server Error") end },
  { "list.empty", "as named", function()
    return reply.json(200, { success = true, instances_found = 0, total_instances = 0,
      label_counts = json.object({}), next_token = json.null, instances = json.array({}) })
  end },
}
local PARTIAL = faults:kind("list.partial", "first page of `rows` (1) with a token, then 500")

-- The rows after the cursor. A cursor names the last machine shown, so a change elsewhere does not shift
-- pages.
local function after(rows, cursor)
  if cursor == nil or cursor == "" then return rows end
  local value = paging.open(cursor)
  if not value or type(value.id) ~= "number" then return nil end
  local start = 0
  for i, row in ipairs(rows) do
    if row.view.id == value.id or (value.plain and row.view.id < value.id) then
      start = i
    end
  end
  return table.move(rows, start + 1, #rows, 1, {})
end

local function page_size(text)
  local limit = text == nil and 25 or math.tointeger(tonumber(text))
  if limit and limit <= 0 then
    limit = 5
  end
  return limit and math.min(25, limit)
end

local function label_counts(list)
  local counts = {}
  for _, instance in ipairs(list) do
    if instance.label then
      counts[instance.label] = (counts[instance.label] or 0) + 1
    end
  end
  return json.object(counts)
end

local function shown(world, rows, columns)
  local list = {}
  for i, row in ipairs(rows) do
    list[i] = columns and view.instance(world, row.instance, columns) or row.view
  end
  return json.array(list)
end

-- What the query asks for. → {filters, order, limit, columns|nil}, or nil and the answer
local function question(query)
  local filters, refusal = read_filters(query.select_filters)
  local order, bad = read_order(query.order_by)
  local limit, columns = page_size(query.limit), paging.object(query.select_cols)
  if refusal or bad then
    return nil, refusal or bad
  elseif not limit then
    return nil, reply.fail(400, "invalid_request", "Error in query parameters: limit")
  elseif columns and (columns[1] == nil or columns[1] == "*") then
    columns = nil
  end
  return { filters = filters, order = order, limit = limit, columns = columns }
end

-- The rows that are asked for, in their order.
local function chosen(world, list, asked)
  local rows = {}
  for i, instance in ipairs(list) do
    rows[i] = { instance = instance, view = view.instance(world, instance) }
  end
  rows = selected(rows, asked.filters)
  sort(rows, asked.order)
  return rows
end

-- The first page of `rows`. → rows, its cursor or null
local function page_of(world, rows, asked, plain)
  local partial = PARTIAL:waits(world)
  local limit = partial and (partial.rows or 1) or asked.limit
  local page = table.move(rows, 1, math.min(limit, #rows), 1, {})
  if #rows <= limit and not partial then return page, json.null end
  local last = page[#page]
  return page, paging.token({ id = last and last.view.id or 0, plain = plain })
end

function instances.list(call)
  local world, query = call.world, call.query
  local asked, refusal = question(query)
  local wrong = refusal or wrong_list(world)
  if wrong then
    return wrong
  elseif query.after_token and query.after_token ~= "" and PARTIAL:waits(world) then
    PARTIAL:take(world)
    return reply.text(500, "Internal Server Error")
  end
  local all = visible(call)
  local rows = chosen(world, all, asked)
  local rest = after(rows, query.after_token)
  if not rest then
    return reply.fail(400, "invalid_token", "Invalid pagination token")
  end
  local page, cursor = page_of(world, rest, asked, query.order_by == nil)
  return reply.json(200, { success = true, instances_found = #page, total_instances = #rows,
    label_counts = label_counts(all), next_token = cursor, instances = shown(world, page, asked.columns) })
end

return instances
