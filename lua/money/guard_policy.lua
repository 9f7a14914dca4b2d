-- SPDX-License-Identifier: MIT
-- With whose key a machine may end itself (DESIGN §1.10): the account's key goes on a machine only with GUARD_ACCOUNT_KEY=yes, and
-- a machine without any is rented only when that is accepted in so many words.
local config = require "config.effective"

local guarding = {}

--- How machines of `provider` will be guarded.
-- @param accept_none the user said --accept-no-guard
-- @return "scoped-key", "native", "account-key" or "none"; or nil and a sentence: not without consent
function guarding.kind(provider, accept_none)
  local kind = provider.capabilities.guard
  if kind == "scoped-key" or kind == "native" then return kind end
  if kind == "account-key" and config.get("GUARD_ACCOUNT_KEY") then return kind end
  if accept_none then return "none" end
  local title = provider.title or provider.name
  if kind == "account-key" then
    return nil, ("skipped: a machine at %s can end itself only with your account's key on it, which can do anything in your account; allow that with "
      .. "GUARD_ACCOUNT_KEY=yes, or rent without a guard with --accept-no-guard"):format(title)
  end
  return nil, ("skipped: a machine at %s cannot end itself; rent there all the same with --accept-no-guard"):format(title)
end

return guarding
