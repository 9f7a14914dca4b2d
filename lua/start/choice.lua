-- SPDX-License-Identifier: MIT
-- Asks the policy, the user's own or the built-in one, within bounds.
local fail = require "base.fail"
local cost = require "home.cost"
local world = require "sandbox.world"

local INSTRUCTIONS = 100000000 -- of Lua; a second or two

local choice = {}

local function policy_source()
  return world.source("policies.user") or "the policy"
end

local function copy_of(value, seen)
  if type(value) ~= "table" then return value end
  if not seen[value] then
    local copy, meta = {}, getmetatable(value)
    seen[value] = copy
    -- order: free
    for key, each in next, type(meta) == "table" and type(meta.__index) == "table" and meta.__index or {} do
      copy[key] = copy_of(each, seen)
    end
    for key, each in next, value do -- order: free
      copy[key] = copy_of(each, seen)
    end
  end
  return seen[value]
end

local function bounded(fn, ...)
  return world.bounded(INSTRUCTIONS,
    "it ran for much longer than any choice takes; is there a loop without an end?", fn, ...)
end

local function load_policy()
  local policy = world.require("policies.user")
  if type(policy) ~= "function" then
    fail.raise("config", ("%s must return a function(candidates, want, builtin), not a %s")
      :format(policy_source(), type(policy)))
  end
  return policy
end

-- fn(...), a policy's. → ordered, rejected
-- @raise `config` when it fails, or returns no lists
local function answer(fn, ...)
  local ok, ordered, rejected = fail.try(fn, ...)
  if not ok then
    fail.raise("config", ("the policy failed: %s: %s"):format(policy_source(), fail.message(ordered)),
      { trace = ordered.trace })
  end
  if type(ordered) ~= "table" or (rejected ~= nil and type(rejected) ~= "table") then
    fail.raise("config",
      ("%s must return the chosen candidates as a list, not a %s"):format(policy_source(), type(ordered)))
  end
  return ordered, rejected
end

-- What a policy said of copies, told of the originals, of each once.
-- @param given copy → original
local function originals(given, ordered, rejected)
  local chosen, refused, taken = {}, {}, {}
  for index = 1, rawlen(ordered) do -- raw, as metamethods of the policy's would run out of its bounds
    local candidate = given[rawget(ordered, index) or false] or fail.raise("config",
      ("%s returned something at place %d that is not one of the candidates it was given")
        :format(policy_source(), index))
    chosen[#chosen + 1] = not taken[candidate] and candidate or nil
    taken[candidate] = true
  end
  for index = 1, rejected and rawlen(rejected) or 0 do
    local each = rawget(rejected, index)
    local candidate = type(each) == "table" and given[rawget(each, "candidate") or false]
    if candidate then
      local reason = rawget(each, "reason")
      refused[#refused + 1] = { candidate = candidate,
        reason = type(reason) == "string" and reason or "refused by the policy" }
    end
  end
  return chosen, refused
end

local function add_untold(candidates, chosen, refused)
  local told = {}
  for _, candidate in ipairs(chosen) do
    told[candidate] = true
  end
  for _, each in ipairs(refused) do
    told[each.candidate] = true
  end
  for _, candidate in ipairs(candidates) do
    if not told[candidate] then
      refused[#refused + 1] = { candidate = candidate, reason = "the policy gave no reason" }
    end
  end
end

--- What the policy says. The user's own one is given copies: whatever it does to them, prices stay what they
-- were. What it neither returned nor refused is among the refused, without a reason. → chosen, refused =
-- {{candidate=, reason=}, …}
-- @raise `config` when the policy is broken or returns what it was not given
function choice.run(candidates, want)
  local policy = load_policy()
  if select(2, world.source("policies.user")) == "embedded" then return answer(policy, candidates, want) end
  for _, candidate in ipairs(candidates) do cost.whole(candidate) end
  local seen, given = {}, {}
  local copies, copied_want = copy_of(candidates, seen), copy_of(want, {})
  for _, candidate in ipairs(candidates) do
    given[seen[candidate]] = candidate
  end
  local chosen, refused = originals(given, answer(bounded, policy, copies, copied_want,
    world.builtin("policies.cheapest")))
  add_untold(candidates, chosen, refused)
  return chosen, refused
end

return choice
