-- SPDX-License-Identifier: MIT
--- What can go wrong with a node pool, the thing that bills, when it is asked for, looked at and deleted.
--- Names are unique, so no create makes two.
local json = require "base.json"
local kinds = require "cloudsim.kinds"
local pools = require "cloudsim.coreweave.pools"
local reply = require "cloudsim.reply"
local resources = require "cloudsim.coreweave.resources"
local status = require "cloudsim.coreweave.status"

local wrong = {}
local faults = kinds.of "coreweave"

local function context(pool)
  return { label = pool.metadata.name, offer = pool.spec.instanceType, is_bid =
    pool.spec.computeClass == "spot" }
end

local function internal()
  return status.response("InternalError", "Internal error occurred: etcdserver: request timed out")
end

local before = faults:first {
  { "create.lost_before", "nothing created, no answer (`mode`)", function(order)
    return reply.lost(order.mode)
  end },
  { "create.forbidden", "403 Forbidden: exceeded quota", function(_, _, pool)
    return status.response("Forbidden", ('nodepools.compute.coreweave.com "%s" is forbidden: exceeded quota')
      :format(pool.metadata.name), { name = pool.metadata.name, kind = "nodepools",
      group = "compute.coreweave.com" })
  end },
}

--- The answer to a create that makes nothing, or nil.
function wrong.create(world, pool) return before(world, context(pool), pool) end

local STARVED = faults:kind("create.no_capacity", "made, and never gets a node: Capacity is False")

local SAID = {
  html = function() return reply.html(200) end,
  refused = function() return status.response("BadRequest", "admission webhook denied the request") end,
  gone = function(pool)
    return status.response("AlreadyExists", ('nodepools.compute.coreweave.com "%s" already exists')
      :format(pool.metadata.name), { name = pool.metadata.name, kind = "nodepools" })
  end,
}

local after = faults:first {
  { "create.answer_lost", "created, but no answer (`mode`)", function(order)
    return reply.lost(order.mode)
  end },
  { "create.error_but_created", "500; `html` (a web page with status 200), `refused` (400), `gone` (409)",
    function(order, _, pool) return (SAID[order.mode] or internal)(pool) end },
}

--- The answer to a create that made the pool, or nil when it is the ordinary one.
function wrong.created(world, pool)
  if STARVED:take(world, context(pool)) then world.coreweave.starved[pool.metadata.uid] = true end
  return after(world, context(pool), pool)
end

local looks = faults:first {
  { "get.500", "as named", internal },
  { "get.html", "as named", function() return reply.html(200) end },
  { "get.hang", "as named", function() return { hang = true } end },
  { "get.false_null", "404 NotFound although it lives", function(_, _, pool)
    return status.response("NotFound", ('nodepools.compute.coreweave.com "%s" not found')
      :format(pool.metadata.name), { name = pool.metadata.name, kind = "nodepools" })
  end },
  { "get.null_fields", "name and labels, everything else empty", function(_, _, pool)
    return reply.json(200, { kind = "NodePool", apiVersion = resources.NodePool.api,
      metadata = { name = pool.metadata.name, labels = pool.metadata.labels }, spec = json.object {},
      status = json.object {} })
  end },
  { "get.unknown_status", "conditions that nobody knows", function(_, _, pool)
    local copy = json.decode(json.encode(pool))
    copy.status = { conditions = { { type = "Hibernating", status = "Maybe" } } }
    return reply.json(200, copy)
  end },
}

--- What a look at a pool says wrongly, or nil.
function wrong.get(world, pool) return looks(world, context(pool), pool) end

local lists = faults:first {
  { "list.500", "as named", internal },
  { "list.html", "as named", function() return reply.html(200) end },
  { "list.empty", "as named", function()
    return reply.json(200, { kind = "NodePoolList", apiVersion = resources.NodePool.api,
      metadata = { resourceVersion = "1" }, items = json.array {} })
  end },
}

--- What a list says wrongly, or nil.
function wrong.list(world) return lists(world, {}) end

local PARTIAL = faults:kind("list.partial", "a first page of `rows` (1), whose next one is a 500")
local STALE = faults:kind("list.stale", "the picture of `seconds` (60) ago")

--- The rows of a page that promises more than there will be, or nil. place: where the list is, marked then
function wrong.partial(world, place)
  if place.broken then
    status.raise("InternalError", "Internal error occurred: etcdserver: leader changed")
  end
  local order = place.from == 0 and PARTIAL:take(world, {})
  place.broken = order and true or nil
  return order and (order.rows or 1) or nil
end

--- The resourceVersion of an old picture, or nil.
function wrong.stale(world, store)
  local order = STALE:take(world, {})
  return order and store:version_at(world.time - world:scaled(order.seconds or 60)) or nil
end

-- A delete that fails, done or not.
local function failing(response)
  return function(order, _, finish)
    if order.done then finish() end
    return response()
  end
end

local deletes = faults:first {
  { "destroy.500", "fails (`done:true`: destroyed all the same)", failing(internal) },
  { "destroy.hang", "fails (`done:true`: destroyed all the same)",
    failing(function() return { hang = true } end) },
  { "destroy.429", "too frequent (`retry_after`)", function(order)
    return status.response("TooManyRequests", "the server has received too many requests and has asked us to "
      .. "try again later", { retryAfterSeconds = order.retry_after or 1 })
  end },
}

--- What a delete says wrongly, or nil. finish(): does it all the same
function wrong.delete(world, pool, finish) return deletes(world, context(pool), finish) end

local NOT_DONE = faults:kind("destroy.accepted_not_done",
  "success, but its nodes live and bill on for `polls` looks, or for ever; `released:true`: only the record "
  .. "stays")

--- The delete of this pool will not be done; another one that is asked for later will.
function wrong.not_done(world, pool)
  local order = NOT_DONE:take(world, context(pool))
  if not order then
    world.coreweave.zombies[pool.metadata.uid] = nil
    return
  end
  world.coreweave.zombies[pool.metadata.uid] = order.polls or math.huge
  for _, instance in ipairs(order.released and world.coreweave:each() or {}) do
    if instance.pool == pool.metadata.uid then pools.lose(world, instance) end
  end
end

return wrong
