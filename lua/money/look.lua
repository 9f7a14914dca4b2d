-- SPDX-License-Identifier: MIT
-- A folder that rented before and whose record is not as continueplz left it (copied, rolled back, deleted,
-- unreadable) cannot say that nothing runs. The clouds are asked for machines of this folder; what is found
-- is taken into the journal. Only complete lists from the right accounts, twice, say that there is none
-- (DESIGN §1.3, §1.14).
local fail = require "base.fail"
local log = lazy "base.log"
local task = lazy "base.task"
local world = require "sandbox.world"
local clouds = lazy "money.clouds"
local folder = require "home.folder"
local timing = lazy "home.timing"
local history = lazy "home.history"
local provider_of = lazy "money.provider_of"

local LOOKS, TRIES, PAUSE = 2, 4, 5 -- complete lists; tries for one, seconds between two

local look = {}

--- Must the clouds be asked before anything can be said of this journal's home?
function look.needed(journal)
  if journal.lock then return not journal.intact or journal.trouble ~= nil end
  return journal.trouble ~= nil or not folder.intact(journal.home)
end

-- The accounts that this home is known to have rented from, the newest of each cloud. → { cloud = account }
local function accounts(journal)
  local known = {}
  for _, list in ipairs { (history.all(journal.home) or { sessions = {} }).sessions, journal:sessions() } do
    for _, session in ipairs(list) do
      if session.provider then
        known[session.provider] = session.account or known[session.provider] or false
      end
    end
  end
  return known
end

-- All clouds with a key, and those that were rented from.
local function askable(known)
  local names, seen = clouds.with_key(true), {}
  for _, name in ipairs(names) do seen[name] = true end
  for name in require("base.sorted")(known) do
    if not seen[name] then names[#names + 1] = name end
  end
  return names
end

--- Asks a cloud again that fails for a moment. → what call() returns
-- @raise the last failure
function look.patiently(call)
  for try = 1, TRIES do
    local ok, result = fail.try(call)
    if ok then return result end
    local passing = fail.is(result, "rate") or fail.is(result, "transient") or fail.is(result, "broken")
    if try == TRIES or not passing then error(result, 0) end
    task.sleep(timing.seconds(PAUSE))
  end
end

-- Machines of this home at one cloud: every one that a complete list shows.
-- → { account =, machines = {instances} }
local function ask(name, account, prefix)
  local provider = provider_of.provider(name)
  local own, machines = tostring(look.patiently(provider.account).id), {}
  for index = 1, LOOKS do
    for _, instance in ipairs(look.patiently(provider.list)) do
      if type(instance.token) == "string" and instance.token:sub(1, #prefix) == prefix then
        machines[#machines + 1] = instance
      end
    end
    if #machines > 0 then break end
    -- what is seen is ours whoever asks; that nothing is, only the account's own key can say
    if account and own ~= tostring(account) then
      fail.raise("auth", ("the key in use belongs to account %s, and this folder rented from account %s")
        :format(own, tostring(account)))
    end
    if index < LOOKS then task.sleep(timing.of(provider, "proof_gap")) end
  end
  return { account = own, machines = machines }
end

--- Takes one machine into the journal, unless an open session has it (its twin is ended with it).
-- @param more nil, or what else the record says when a person had it looked for (money.sweep): { by = "user",
-- from = id of the home that rented it, ending = why it is about to be ended }
function look.adopt(journal, name, account, instance, ui, more)
  local provider = provider_of.provider(name)
  local session = journal:session(instance.token)
  if session and session.forgotten and not more then return end -- told of until `ack`, and left alone
  if session and not session.closed and session.provider then
    if not session.id then
      journal:try_append("bound", session.token, { id = instance.id, adopted = true })
    end
    return
  end
  if not more then
    ui:warn(("found %s at %s, which this folder's record does not know to be running (%s)")
      :format(tostring(instance.id), name, instance.token))
    log.error("a machine of this folder was found that its record did not tell of",
      { instance_id = instance.id, provider = name, token = instance.token })
  end
  local plan = session and session.plan or {}
  -- In one record, for half of it would be a create that never left. around: what was made around it is
  -- looked for when it is gone.
  local record = { id = instance.id, started = instance.started, known = session ~= nil or nil,
    provider = name, account = account, gpu = instance.gpu or plan.gpu, spot = instance.spot,
    model = plan.model, hourly = instance.hourly or plan.hourly,
    disk_hour = instance.disk_hour or plan.disk_hour, around = provider.tidy ~= nil or nil }
  for field, value in require("base.sorted")(more or {}) do record[field] = value end
  journal:try_append("found", instance.token, record)
end

-- Where a person can look, for a sentence.
local function consoles(names)
  local list = {}
  for _, name in ipairs(names) do
    local _, console = provider_of.title(name)
    list[#list + 1] = console or name
  end
  return #list > 0 and table.concat(list, ", ") or "the consoles of your clouds"
end

--- Asks the clouds, and takes what they show into the journal (best held with home.lock;
-- without it only this process knows).
-- @param ui screen of base.null_screen's kind
-- @return true; or nil and a sentence: it is not known whether anything (else) runs
function look.run(journal, ui)
  local known = accounts(journal)
  local names, prefix = askable(known), journal:known_prefix()
  local function unknown(why) return nil, ("%s; look at %s"):format(why, consoles(names)) end
  if not prefix then
    return unknown "this folder has lost its name for machines (home.id)"
  end
  if #names == 0 then
    return unknown "this folder's record is not as it was left, and no cloud has a key to be asked with"
  end
  ui:note(("the record of this folder is not as continueplz left it; looking for its machines at %s")
    :format(table.concat(names, ", ")))
  local results = task.map(names, function(name) return ask(name, known[name] or nil, prefix) end)
  local doubts = {}
  for index, name in ipairs(names) do
    local result = results[index]
    if not result.ok then
      if fail.is(result.error, "interrupted") then error(result.error, 0) end
      doubts[#doubts + 1] = ("%s: %s"):format((provider_of.title(name)), fail.message(result.error))
    else
      for _, instance in ipairs(result.value.machines) do
        look.adopt(journal, name, result.value.account, instance, ui)
      end
    end
  end
  if #doubts > 0 then
    return unknown(("this folder's record is not as it was left, and not every cloud could be asked (%s)")
      :format(table.concat(doubts, "; ")))
  end
  -- one that may be in use is left alone until it is stopped
  local whole = not journal:doubtful() or #journal:open_sessions() == 0
  if journal.lock and not journal.trouble and whole then journal:heal() end
  return true
end

--- What commands say that do not ask the clouds.
function look.unasked(home)
  return ("the record of %s is not as continueplz left it; `continueplz status` asks the clouds")
    :format(world.home == home and "this folder" or home)
end

return look
