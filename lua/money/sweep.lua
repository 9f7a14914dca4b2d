-- SPDX-License-Identifier: MIT
-- Ends what money.inventory found: machines as a stop does, through this home's journal; what lies around
-- them by money.things. Nothing foreign is ever chosen,
-- and nothing that a machine which stays still needs (DESIGN §1.8).
local http = require "base.http"
local look = require "money.look"
local provider_of = require "money.provider_of"
local stop = require "money.stop"
local things = require "money.things"

local sweep = {}

-- Machines that stay: by cloud and token.
local function staying(found, covered)
  local set = {}
  for _, row in ipairs(found.rows) do
    local stays = row.kind == "machine" and row.token and not covered(row)
    if stays then set[row.cloud .. " " .. row.token] = true end
  end
  return set
end

-- Does something that stays need it? A machine that is shown, or one that the record tells of and no list
-- shows.
local function needed(journal, row, stays, ending)
  if row.kind == "machine" then return false end
  if stays[row.cloud .. " " .. row.token] then return true end
  local session = journal:holds(row.token)
  return session ~= nil and not session.closed and not ending[row.token]
end

--- The rows that may be ended. covered: function(row) → does a yes cover it? Foreign ones never are.
function sweep.chosen(journal, found, covered)
  local function ours(row) return row.whose ~= "foreign" and covered(row) end
  local stays, ending, list = staying(found, ours), {}, {}
  for _, row in ipairs(found.rows) do
    if row.kind == "machine" and ours(row) then ending[row.token] = true end
  end
  for _, row in ipairs(found.rows) do
    if ours(row) and not needed(journal, row, stays, ending) then list[#list + 1] = row end
  end
  return list
end

--- Does any machine of the list bear this home's name?
function sweep.any_here(found)
  for _, row in ipairs(found.rows) do
    if row.kind == "machine" and row.whose == "this" then return true end
  end
  return false
end

--- Machines of this home that its record does not know to be running are taken into it: nothing says "none"
-- that was seen. The caller holds home.lock.
function sweep.remember(journal, found, ui)
  local accounts = {}
  for _, cloud in ipairs(found.clouds) do accounts[cloud.name] = cloud.account end
  for _, row in ipairs(found.rows) do
    if row.kind == "machine" and row.whose == "this" then
      look.adopt(journal, row.cloud, accounts[row.cloud], row.instance, ui)
    end
  end
end

-- The session by which a machine is ended; one of another home gets its record in this one, in which it says
-- at once that a person wants it ended.
local function session_of(journal, row, accounts, ui)
  look.adopt(journal, row.cloud, accounts[row.cloud], row.instance, ui,
    { by = "user", ending = "sweep", from = row.whose == "other" and row.home or nil })
  return journal:session(row.token)
end

local function end_machines(journal, found, rows, ui)
  local accounts, list, by_token = {}, {}, {}
  for _, cloud in ipairs(found.clouds) do accounts[cloud.name] = cloud.account end
  for _, row in ipairs(rows) do
    if row.kind == "machine" and not by_token[row.token] then
      by_token[row.token] = { outcome = "unproven", doubt = "its record was closed meanwhile" }
      list[#list + 1] = session_of(journal, row, accounts, ui)
    end
  end
  local results = stop.all(journal, list, "sweep", ui)
  for _, result in ipairs(results) do by_token[result.session.token] = result end
  for _, row in ipairs(rows) do
    local result = row.kind == "machine" and by_token[row.token]
    if result then row.outcome, row.doubt = result.outcome, result.doubt end
  end
  return results
end

local function end_things(journal, found, rows, ui)
  local kept = {}
  for _, row in ipairs(rows) do -- what a machine needs that is not proven gone stays
    if row.kind == "machine" and row.outcome == "unproven" then kept[row.token] = true end
  end
  for _, cloud in ipairs(found.clouds) do
    local list = {}
    for _, row in ipairs(rows) do
      local here = row.kind ~= "machine" and row.cloud == cloud.name
      if here and not kept[row.token] then list[#list + 1] = row end
    end
    for _, row in ipairs(list) do row.account = row.account or cloud.account end
    if #list > 0 then things.remove(journal, cloud.name, list, found.prefix, ui) end
  end
end

--- Ends the rows that were chosen (the caller holds home.lock). Each gets its `outcome` ("proven",
-- "unverifiable", "unproven"; nil: left, for the sake of a machine that could not be ended) and `doubt`.
-- → results of money.stop for the machines
function sweep.run(journal, found, rows, ui)
  local results = end_machines(journal, found, rows, ui)
  end_things(journal, found, rows, ui)
  return results
end

--- The requests by which a row would be ended, without sending them. → array as of http.rehearse
function sweep.rehearse(row)
  if row.unlisted then return {} end -- it only remains to be proven
  local provider = provider_of.provider(row.cloud)
  return http.rehearse(function()
    if row.kind == "machine" then return provider.destroy(row.id) end
    provider.remove(row.thing)
  end)
end

return sweep
