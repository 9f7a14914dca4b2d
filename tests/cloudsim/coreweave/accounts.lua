-- SPDX-License-Identifier: MIT
--- ServiceAccounts: their tokens (a Secret of theirs is filled in by the cluster), and what roles and
--- bindings let them do. Without a binding they may do nothing.
local keys = require "base.keys"
local resources = require "cloudsim.coreweave.resources"

local accounts = { AUTHORITY = "# the simulated cluster is reached without TLS from inside\n" }

local KIND, OWNER = "kubernetes.io/service-account-token", "kubernetes.io/service-account.name"

-- The account that a Secret belongs to, or nil.
local function owner_of(store, secret)
  local name = secret.type == KIND and (secret.metadata.annotations or {})[OWNER]
  return name and store:get(resources.ServiceAccount, secret.metadata.namespace, name) or nil
end

--- A new Secret gets its account's token.
function accounts.fill(world, secret)
  local store = world.coreweave.store
  if not owner_of(store, secret) then return end
  secret.data = secret.data or {}
  secret.data.token = keys.base64("sa-" .. world.coreweave.random:hex(64))
  secret.data["ca.crt"] = keys.base64(accounts.AUTHORITY)
  secret.data.namespace = keys.base64(secret.metadata.namespace)
end

-- The user that an account is.
local function user_of(account)
  local meta = account.metadata
  return { name = ("system:serviceaccount:%s:%s"):format(meta.namespace, meta.name), account = meta,
    groups = { "system:serviceaccounts", "system:authenticated" } }
end

--- A token for a pod of this account, which is good as long as the account is there. → token, or nil: there
--- is no such account
function accounts.issue(world, namespace, name)
  local cluster = world.coreweave
  local account = cluster.store:get(resources.ServiceAccount, namespace, name)
  if not account then return nil end
  local token = "sa-" .. cluster.random:hex(64)
  cluster.issued[token] = account
  return token
end

--- Whose token that is, as long as its Secret and its account exist. → user, or nil
function accounts.user(world, text)
  local store, wanted = world.coreweave.store, keys.base64(text)
  local issued = world.coreweave.issued[text]
  if issued then
    local there = store:get(resources.ServiceAccount, issued.metadata.namespace, issued.metadata.name)
    return there and there.metadata.uid == issued.metadata.uid and user_of(there) or nil
  end
  for _, secret in ipairs(store:all(resources.Secret)) do
    local account = secret.data and secret.data.token == wanted and owner_of(store, secret)
    if account then return user_of(account) end
  end
end

local function has(list, value)
  for _, each in ipairs(list or {}) do
    if each == "*" or each == value then return true end
  end
  return false
end

local function rule_allows(rule, ask)
  return has(rule.verbs, ask.verb) and has(rule.apiGroups, ask.group or "")
    and has(rule.resources, ask.subresource and ask.resource .. "/" .. ask.subresource or ask.resource)
    and (not rule.resourceNames or #rule.resourceNames == 0 or has(rule.resourceNames, ask.name or ""))
end

local function binds(binding, account)
  for _, subject in ipairs(binding.subjects or {}) do
    if subject.kind == "ServiceAccount" and subject.name == account.name
      and (subject.namespace or binding.metadata.namespace) == account.namespace then
      return true
    end
  end
  return false
end

local function role_allows(store, binding, ask)
  local ref = binding.roleRef or {}
  local role = store:get(resources[ref.kind] or resources.Role, binding.metadata.namespace, ref.name or "")
  for _, rule in ipairs(role and role.rules or {}) do
    if rule_allows(rule, ask) then return true end
  end
  return false
end

--- May an account do that? ask: as of access.allowed
function accounts.may(world, account, ask)
  local store = world.coreweave.store
  if ask.resource and ask.resource:find "^selfsubject" then return true end
  for _, binding in ipairs(store:all(resources.ClusterRoleBinding)) do
    if binds(binding, account) and role_allows(store, binding, ask) then return true end
  end
  for _, binding in ipairs(ask.namespace and store:all(resources.RoleBinding, ask.namespace) or {}) do
    if binds(binding, account) and role_allows(store, binding, ask) then return true end
  end
  return false
end

return accounts
