-- SPDX-License-Identifier: MIT
-- The offer that a person named (`--offer=CLOUD/ID`): it is tried first, when policy and limits let it pass;
-- the others come after it in their order.
local fail = require "base.fail"
local config = require "config.effective"
local clouds = require "money.clouds"

local named = {}

--- What `--offer` says. → { provider, id, text }, or nil: nothing was said
-- @raise `usage` when it names no offer, or one of a cloud that is not asked; else as clouds.configured
function named.of(text, accept_no_guard)
  if not text then return nil end
  local cloud, id = text:match("^%s*([^/%s]+)/(%S+)%s*$")
  if not cloud then
    fail.raise("usage", ("--offer: '%s' names no offer; write CLOUD/ID, as "
      .. "`continueplz offers --all` shows it"):format(text))
  end
  local provider = clouds.configured(cloud, accept_no_guard)[1]
  local only = config.get("DEFAULT_PROVIDER")
  if only and clouds.configured(only, accept_no_guard)[1] ~= provider then
    fail.raise("usage", ("--offer names one of %s, and only %s is asked (%s); say one of them"):format(
      provider, only, config.origin("DEFAULT_PROVIDER")))
  end
  return { provider = provider, id = id, text = provider .. "/" .. id }
end

--- Is a candidate of the offer that was named? offer: of named.of
function named.is(candidate, offer)
  return offer ~= nil and candidate ~= nil and candidate.offer.provider == offer.provider
    and tostring(candidate.offer.id) == offer.id
end

-- Why it cannot be had. @raise `capacity`, or the failure of its cloud
local function explain(offer, rejected, want, results)
  for _, each in ipairs(rejected) do
    if named.is(each.candidate, offer) then
      fail.raise("capacity", ("the offer %s is not taken: %s"):format(offer.text, each.reason))
    end
  end
  for _, result in ipairs(results) do
    if result.name == offer.provider and not result.ok then
      fail.raise(result.error and result.error.kind or "config",
        ("the offer %s cannot be looked up: %s"):format(offer.text, result.message))
    end
    for _, each in ipairs(result.name == offer.provider and result.left or {}) do
      if each.id == offer.id then
        fail.raise("capacity", ("the offer %s is not taken: %s"):format(offer.text, each.reason))
      end
    end
  end
  fail.raise("capacity", ("%s offers no %s for %s, or not any more; `continueplz offers --all` shows what "
    .. "there is"):format(offer.provider, offer.id, want.model.name))
end

--- The candidates with those of the named offer in front, both in their order. want: offer (of named.of), or
-- nil: as they are. results: of start.offers.collect
-- @raise `capacity` when it is not among them, with the reason
function named.first(ordered, rejected, want, results)
  if not want.offer then return ordered end
  local first, others = {}, {}
  for _, candidate in ipairs(ordered) do
    local list = named.is(candidate, want.offer) and first or others
    list[#list + 1] = candidate
  end
  if #first == 0 then explain(want.offer, rejected, want, results) end
  return table.move(others, 1, #others, #first + 1, first)
end

return named
