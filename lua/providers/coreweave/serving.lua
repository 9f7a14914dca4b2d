-- SPDX-License-Identifier: MIT
-- The calls for what serves a model besides the pod of the tunnel (providers.coreweave.set). cluster: how the
-- provider asks: ask(method, path), ensure(path, object), found(path), every(path), delete(path),
-- namespace().
local fail = require "base.fail"
local parse = require "providers.coreweave.parse"
local set = require "providers.coreweave.set"

local serving = {}

--- All kinds, what makes pods first: { { path, name(token), optional = true }, … }. Who may not list them, or
-- has none of the kind in the cluster, never made one.
function serving.kinds(namespace)
  local list = {}
  for index, name in ipairs { "deployment", "group", "service", "policy" } do
    local kind = set.KINDS[name]
    list[index] = { kind.path(namespace), kind.name, optional = name ~= "service" }
  end
  return list
end

--- Is this the failure of a call for a kind that the cluster has not, or that this key may not see?
function serving.none_of(problem)
  return fail.is(problem) and (problem.native == "Forbidden" or problem.status == 404)
end

--- Makes all of it for an order; pod: the tunnel's, to which it belongs.
function serving.make(cluster, order, pod)
  local token, served, owner = order.token, order.served, parse.at(pod, "metadata", "uid")
  if type(owner) ~= "string" then fail.raise("broken", "CoreWeave's answer has a pod without a uid") end
  local function ensure(kind, object) cluster.ensure(kind.path(cluster.namespace()), object) end
  ensure(set.KINDS.policy, set.policy(token, served, owner))
  ensure(set.KINDS.service, set.service(token, served, owner))
  ensure(set.work(served.pods), set.maker(order, owner))
end

--- Is there something of the kind for this token?
function serving.there(cluster, token)
  local kind = set.KINDS.service
  local service = cluster.found(kind.path(cluster.namespace()) .. "/" .. kind.name(token))
  return service ~= nil and parse.ours(service)
end

--- Deletes what makes the pods.
function serving.remove(cluster, token)
  for _, name in ipairs { "deployment", "group" } do
    local kind = set.KINDS[name]
    local ok, why = fail.try(cluster.delete, kind.path(cluster.namespace()) .. "/" .. kind.name(token))
    if not ok and not serving.none_of(why) then error(why, 0) end
  end
end

--- Every pod of a session, that of the tunnel too. roles: only these
function serving.pods(cluster, token, roles)
  return cluster.every(("/api/v1/namespaces/%s/pods?limit=500&labelSelector=%s%%3D%s%s"):format(
    cluster.namespace(), parse.TOKEN:gsub("/", "%%2F"), token,
    roles and ("%%2C%s+in+(%s)"):format(parse.ROLE:gsub("/", "%%2F"), roles) or ""))
end

--- How many servers answer. → { ready=, wanted=, trouble = of set.trouble or nil }
function serving.state(cluster, session)
  local plan, token = session.plan, session.token
  local kind = set.work(plan.pods)
  local ready = set.ready(cluster.found(kind.path(cluster.namespace()) .. "/" .. kind.name(token)))
  return { ready = ready, wanted = plan.replicas, trouble = ready < plan.replicas
    and set.trouble(serving.pods(cluster, token, "engine,leader")) or nil }
end

local ABSENT = "larger than a node: %d of them take a LeaderWorkerSet, which the cluster has not installed; "
  .. "see https://lws.sigs.k8s.io/docs/installation/"

--- Has the cluster LeaderWorkerSets? Where not, those offers say so that take one.
function serving.has_groups(cluster, offers)
  local ok, why = fail.try(cluster.ask, "get", set.LWS)
  if ok then return true end
  if not serving.none_of(why) then error(why, 0) end
  for _, offer in ipairs(offers) do
    if (offer.pods or 1) > 1 then offer.unfit = offer.unfit or ABSENT:format(offer.pods) end
  end
  return false
end

return serving
