-- SPDX-License-Identifier: MIT
-- The one place that says which clouds may be rented from without a guard, and with whose key a machine may
-- end itself (DESIGN §1.10): the account's key goes on a machine only with GUARD_ACCOUNT_KEY=yes, and a
-- machine without any is rented only when that is accepted in so many words.
local config = require "config.effective"
local fail = require "base.fail"

local NEEDS_KEY = "skipped: a machine at %s can end itself only with your account's key on it, which can do "
  .. "anything in your account; allow that with GUARD_ACCOUNT_KEY=yes, or rent without a guard with "
  .. "--accept-no-guard"
local NO_GUARD = "skipped: a machine at %s cannot end itself; rent there all the same with --accept-no-guard"
local SWITCHES_OFF = ", where it switches itself off at a limit and its disk bills on"

local guard_policy = {}

local function key_allowed()
  return config.get("GUARD_ACCOUNT_KEY")
end

--- How machines of `provider` will be guarded.
-- @param accept_none the user said --accept-no-guard
-- @return "scoped-key", "native", "account-key" or "none"; or nil and a sentence: not without consent
function guard_policy.kind(provider, accept_none)
  local kind = provider.capabilities.guard
  if kind == "scoped-key" or kind == "native" then return kind end
  if kind == "account-key" and key_allowed() then return kind end
  if accept_none then return "none" end
  local sentence = kind == "account-key" and NEEDS_KEY or NO_GUARD
  return nil, sentence:format(provider.title or provider.name)
    .. (provider.capabilities.switches_off and SWITCHES_OFF or "")
end

--- The same for a create. @raise `config`: not without consent
function guard_policy.demand(provider, accept_none)
  local kind, why = guard_policy.kind(provider, accept_none)
  return kind or fail.raise("config", (provider.title or provider.name) .. ": " .. why)
end

--- Do machines of `provider` need the account's key to end themselves, and is that not allowed?
function guard_policy.key_missing(provider)
  return provider.capabilities.guard == "account-key" and not key_allowed()
end

--- The account's key, for the guard of a machine that is guarded in this way. → nil: it gets none
-- @param kind as guard_policy.kind said when the machine was rented (plan.guard)
function guard_policy.account_key(provider, kind)
  return kind == "account-key" and key_allowed() and config.secret(provider.key_setting) or nil
end

return guard_policy
