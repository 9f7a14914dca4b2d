-- SPDX-License-Identifier: MIT
-- What doctor says about things that earlier runs left: the agent, records, machines in the accounts.
-- Changes nothing.
local clock = require "base.clock"
local fail = require "base.fail"
local files = require "base.files"
local world = require "sandbox.world"
local config = require "config.effective"
local folder = require "home.folder"
local agent_client = require "home.agent_client"
local history = require "home.history"
local sessions = require "home.sessions"

local leftovers = {}

local function open_journal()
  local ok, journal = fail.try(require("home.journal").open, config.home())
  if ok then return journal end
  return nil, fail.message(journal)
end

local function stale_files(add)
  local dir = config.home()
  for _, name in ipairs { "agent.sock", "guest.sock", "engine.sock" } do
    if files.exists(files.join(dir, name)) then
      add("agent", "warning", name .. " is left from an agent that is gone",
        "harmless: the next start replaces it")
    end
  end
  for _, name in ipairs(files.list(dir) or {}) do
    if name:find("^%..*%.tmp$") then
      add("folder", "warning", name .. " is left from a write that was cut off", "it can be removed")
    end
  end
end

--- The agent. → whether one runs, its tunnel's state or nil
function leftovers.agent(add)
  local pid = agent_client.pid()
  local journal = open_journal()
  local current = journal and journal:current()
  if not pid then
    stale_files(add)
    if current then
      add("agent", "problem", ("none runs, and machine %s does"):format(current.id),
        "continueplz endpoint starts it")
    else
      add("agent", "ok", "none runs, and none is needed")
    end
    return false
  end
  local status, why = agent_client.status()
  if not status then
    add("agent", "warning", ("process %d holds its lock and does not answer: %s"):format(pid, why),
      current and "continueplz endpoint replaces it" or "end it: kill " .. pid)
    return true
  end
  if status.problem then
    add("agent", "problem", status.problem)
  else
    add("agent", "ok", ("process %d answers"):format(pid))
  end
  return true, status.tunnel
end

local function name_of(session)
  return ("%s on %s"):format(session.id or session.token, session.provider or "?")
end

local function one_record(add, session)
  if session.unproven then
    return add("records", "problem", name_of(session) .. " could not be proven ended and may bill",
      "continueplz stop")
  end
  if session.forgotten then
    return add("records", "warning", name_of(session) .. " was forgotten at your word, not proven ended",
      "look in the console, then continueplz ack")
  end
  if session.unverifiable then
    return add("records", "warning", name_of(session) .. " is gone without proof that billing ended",
      "look in the console, then continueplz ack")
  end
  if sessions.never_sent(session) then
    return add("records", "warning", ("the create of %s was never sent; nothing exists")
      :format(session.token), "the next start or stop closes the record")
  end
  if not session.id then
    return add("records", "problem",
      ("the create of %s has no known end; a machine may exist"):format(session.token), "continueplz stop")
  end
  if session.ready_at and not session.stopping then
    return add("records", "ok", name_of(session) .. " is running")
  end
  return add("records", "warning", name_of(session) .. " is " .. (session.stopping and "being ended"
    or session.kept and "kept after a failed start" or "starting, or was left by a start that broke"),
    "continueplz stop, unless another continueplz is at work")
end

-- The history: whole, and the one that the journal goes on from? → number of its sessions
local function history_of(add, journal)
  local over, why = history.all(journal.home)
  if not over then
    add("records", "problem", "the history cannot be read: " .. why)
    return 0
  end
  local path, after = files.join(journal.home, "history"), journal.records[1] and journal.records[1].after
  if #over.damaged > 0 then
    add("records", "problem", ("%s: the checksum of line %s is wrong; something else changed the file")
      :format(path, table.concat(over.damaged, ", ")), "compare with the clouds' consoles")
  elseif after and not over.sums[after] then
    add("records", "problem", path .. " lacks records that the journal goes on from; "
      .. "something else changed the file", "compare with the clouds' consoles")
  end
  return #over.sessions
end

--- The journal and the sessions that are not over.
function leftovers.records(add)
  local journal, why = open_journal()
  if not journal then return add("records", "problem", why) end
  if #journal.damaged > 0 then
    add("records", "problem",("%s: the checksum of line %s is wrong; something else changed the file")
      :format(journal.path, table.concat(journal.damaged, ", ")), "compare with the clouds' consoles")
  end
  local over = history_of(add, journal)
  if not folder.intact(journal.home) then
    add("records", "warning",
      "journal and history are not the files that continueplz left (copied, restored, edited or removed)",
      "continueplz status asks the clouds whether anything runs")
  end
  if journal.torn then
    add("records", "warning", "the journal ends in half a record, as after a crash",
      "the next command that writes sets it aside")
  end
  local shown = journal:shown()
  for _, session in ipairs(shown) do one_record(add, session) end
  if #shown == 0 then
    local any = #journal:sessions() + over > 0
    add("records", "ok",
      any and "every session is over and closed" or "nothing was rented from this folder yet")
  end
  return nil
end

-- What the journal makes of a machine that carries a token of ours. → state, text;
-- or nil when all is as it should be
local function judge(instance, known, prefix)
  local session = known[instance.token]
  if session and not session.closed then
    if not session.id or session.id == instance.id then return nil end
    return "problem", ("%s carries the token of %s: it was created twice"):format(instance.id, session.id)
  end
  if session then
    return "problem", instance.id .. " is in the account though its record says that it is over"
  end
  if prefix and instance.token:sub(1, #prefix) == prefix then
    return "problem", instance.id .. " carries this folder's token and the journal does not know it"
  end
  return "warning",
    ("%s was started from another folder or computer (%s)"):format(instance.id, instance.token)
end

local function machines_of(add, result, known, prefix)
  local provider = world.require_safe("providers." .. result.cloud.name)
  local counted, before = 0, add.count()
  for _, instance in ipairs(result.machines) do
    if type(instance.token) == "string" and instance.token:find("^cplz%-") then
      counted = counted + 1
      local state, text = judge(instance, known, prefix)
      if state then
        local since = instance.started and clock.iso(instance.started) or "its start"
        add("machines", state, ("%s: machine %s; it may bill since %s"):format(result.title, text, since),
          (state == "problem" and "look at %s and destroy it there"
            or "end it where it was started, or at %s"):format(tostring(provider.console)))
      end
    end
  end
  if add.count() == before then
    add("machines", "ok", ("%s: %s"):format(result.title,
      counted == 0 and "none that continueplz started" or "only what the records know"))
  end
end

--- Machines in the accounts that carry our tokens, against the records. results: of admin.account.
function leftovers.machines(add, results)
  local journal = open_journal()
  local known = {}
  local over = history.all(config.home())
  for _, list in ipairs { over and over.sessions or {}, journal and journal:sessions() or {} } do
    for _, session in ipairs(list) do known[session.token] = session end
  end
  local id = (files.read(files.join(config.home(), "home.id")) or ""):match("^(%x+)%s*$")
  for _, result in ipairs(results) do
    if result.machines then machines_of(add, result, known, id and "cplz-" .. id .. "-") end
  end
end

return leftovers
