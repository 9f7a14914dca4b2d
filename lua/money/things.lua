-- SPDX-License-Identifier: MIT
-- Removes what lies around machines (volumes, keys) by its provider's `remove`, and proves it: two complete
-- lists without it, from the account that was asked to remove it. What bills is in the journal before the
-- removal is asked for, and stays told until it is proven gone, or until `ack` (DESIGN §1.3, §1.4).
local fail = require "base.fail"
local log = require "base.log"
local task = require "base.task"
local alert = require "home.alert"
local inventory = require "money.inventory"
local look = require "money.look"
local provider_of = require "money.provider_of"
local timing = require "home.timing"

local ABSENCES, TRIES = 2, 6 -- complete lists without a thing, one after the other; and how many at most

local things = {}

local function record(journal, kind, row, fields)
  if not row.bills then return end
  fields.thing, fields.id, fields.provider = row.kind, row.id, row.cloud
  journal:try_append(kind, nil, fields)
end

-- One look at a complete list: what is still there is asked to go again. → are all gone for certain?
local function looked(provider, rows, own)
  local there, all = {}, true
  for _, row in ipairs(inventory.things(provider.name, own)) do there[row.kind .. " " .. row.id] = row end
  for _, row in ipairs(rows) do
    local seen = there[row.kind .. " " .. row.id]
    row.absences = not seen and (row.absences or 0) + 1 or 0
    if seen and seen.token == row.token then
      local ok, problem = fail.try(provider.remove, seen.thing)
      row.doubt = not ok and fail.message(problem) or "it is still listed"
    elseif seen then
      row.doubt = "something of another name is listed by its number"
    end
    all = all and row.absences >= ABSENCES
  end
  return all
end

-- Absence seen from another account proves nothing.
local function same_account(provider, rows)
  local account = tostring(look.patiently(provider.account).id)
  for _, row in ipairs(rows) do
    if row.account and tostring(row.account) ~= account then
      fail.raise("auth", ("the key in use belongs to account %s, and its removal was asked for in account %s")
        :format(account, tostring(row.account)))
    end
  end
end

local function remove(name, rows, own, tries)
  local provider = provider_of.provider(name)
  same_account(provider, rows)
  for try = 1, tries do
    local ok, all = fail.try(looked, provider, rows, own)
    if ok and all then break end
    for _, row in ipairs(ok and {} or rows) do row.absences, row.doubt = 0, fail.message(all) end
    if try < tries then task.sleep(timing.of(provider, "proof_gap")) end
  end
end

local function judge(journal, row, ui)
  row.outcome = (row.absences or 0) >= ABSENCES and "proven" or "unproven"
  local what = ("%s %s at %s (%s)"):format(row.kind, row.id, row.cloud, row.token)
  if row.outcome == "proven" then
    row.doubt = nil
    record(journal, "removed", row, { outcome = "proven" })
    log.info("Removed", { thing = row.kind, id = row.id, provider = row.cloud, token = row.token })
    return ui:done("Removed " .. what)
  end
  row.doubt = row.doubt or "it was not seen to be gone twice"
  ui:fail(("%s could not be proven removed: %s"):format(what, row.doubt))
  if row.bills then
    record(journal, "unremoved", row, { reason = row.doubt })
    alert.critical("What lies around a machine could not be proven removed, and it bills",
      { id = row.id, provider = row.cloud, reason = row.doubt }, "thing " .. row.cloud .. row.id)
  end
end

--- Removes rows of money.inventory that are all at one cloud (the caller holds home.lock). Each gets its
-- `outcome` ("proven", "unproven") and `doubt`. own: the prefix of this home's tokens, or nil
function things.remove(journal, name, rows, own, ui, tries)
  for _, row in ipairs(rows) do
    record(journal, "removing", row, { name = row.token, account = row.account, hourly = row.hourly })
  end
  local ok, problem = fail.try(remove, name, rows, own, tries or TRIES)
  for _, row in ipairs(rows) do
    if not ok then row.absences, row.doubt = 0, fail.message(problem) end
    judge(journal, row, ui)
  end
end

--- Takes up again what was asked to go and is not proven gone (the caller holds home.lock). What a machine
-- that is open needs waits for it. Never raises for a cloud's failure. → rows
function things.rest(journal, ui, tries)
  local rows = {}
  for _, thing in ipairs(journal:things()) do
    local session = thing.token and journal:holds(thing.token)
    if not session or session.closed then
      rows[#rows + 1] = inventory.unlisted(thing)
      things.remove(journal, thing.provider, { rows[#rows] }, nil, ui, tries)
    end
  end
  return rows
end

return things
