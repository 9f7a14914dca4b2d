-- SPDX-License-Identifier: MIT
-- Is money running? The answer that stands in every JSON object, and the sentence for lines that were refused
-- before any command ran. Not in a room of the user's scripts: a broken screen must not
-- take the answer along.
local fail = require "base.fail"
local json = lazy "base.json"

local money = {}

--- Is money running for a home directory, by its journal? → true, false, or nil when that is not known
function money.running(home)
  local ok, journal = fail.try(function()
    return require("home.journal").open(home)
  end)
  if not ok then return nil end
  local shown, doubt = journal:shown(), #journal:things() > 0 or not require("home.folder").intact(home)
  for _, session in ipairs(shown) do
    local one = require("home.sessions").bills(session)
    if one then return true end
    doubt = doubt or one == nil
  end
  if doubt then return nil end
  return false
end

--- The answer of a stop that could not be recorded, or that leaves a doubt, goes before the journal's: into
-- its JSON object.
function money.after_stop(object, results, more)
  if more.doubt then
    object.money_running, object.status = json.null, #results == 0 and "unknown" or object.status
  elseif more.unrecorded then
    local failed = false
    for _, list in ipairs { results, more.things or {} } do
      for _, result in ipairs(list) do failed = failed or result.outcome ~= "proven" end
    end
    object.money_running = failed and json.null or false
  end
end

--- Puts `money_running` (true, false, null: not known) into the object of a JSON answer. → the object
function money.stamp(object, home)
  if type(object) == "table" and object.money_running == nil then -- a screen of the user's may give anything
    local running = nil
    if home then
      running = money.running(home)
    end
    object.money_running = running == nil and json.null or running
  end
  return object
end

--- The sentence for a home directory (nil: none was named), whatever state it is in.
function money.told(home)
  if not home then return "NOT KNOWN: no folder was named to look in" end
  local ok, text = fail.try(function()
    return require("ui.money").line(home)
  end)
  return ok and text or "NOT KNOWN: " .. fail.message(text)
end

return money
