-- SPDX-License-Identifier: MIT
-- One shortest rent at one cloud, by the program itself in a folder of its own: up, a question, stop, proof.
local clock = require "base.clock"
local fail = require "base.fail"
local files = require "base.files"
local json = require "base.json"
local process = require "base.process"
local task = require "base.task"
local term = require "base.term"
local config = require "config.effective"
local look = require "live.look"

local START, END = 3600, 1800 -- seconds for `up`, which gives up earlier by itself; for everything else
local AFTER, EVERY = 180, 10  -- how long what the cloud tells after the end is looked at, how often
local LIMITS = { "--hours=1", "--max-hours=1h", "--idle=20m", "--timeout=1h" }
local TRIES = 3  -- machines that a start takes at most, one after the other (docs/architecture.md)
local MORE = 1.1 -- what a machine may cost beside what was shown

local rent = {}

local function scaled(seconds) return seconds / config.get "TIME_SCALE" end

local function spawn(home, words)
  local argv = { "/usr/bin/env", "-u", "CONTINUEPLZ_SCRIPTS", process.exe, "-C", home, "--output=json",
    table.unpack(words) }
  return process.spawn { argv = argv, stdin = "null", stdout = "pipe", stderr = "inherit", cwd = "/",
    session = true }
end

-- It takes too long, or somebody typed Ctrl-C here: it undoes what it began.
local function undone(child)
  child:kill("INT", true)
  if not child:wait(scaled(END)) then child:kill("KILL", true) end
  child:wait()
end

--- Runs the program in that folder to its end. → exit code, its answer (an empty table when it gave none)
function rent.run(home, words, seconds)
  local child = spawn(home, words)
  local pieces = {}
  local reader = task.spawn(function()
    for piece in function() return child.stdout:read() end do pieces[#pieces + 1] = piece end
  end)
  local ok, exit = fail.settle(child.wait, child, scaled(seconds or END))
  if not ok or not exit then task.shield(undone, child) end
  if not ok then error(exit, 0) end
  task.await(reader)
  child:close()
  return child.exit.status or -1, json.decode(table.concat(pieces)) or {}
end

local function words_of(name, model, ...)
  local words = { "up", "--cheapest", "--provider=" .. name, "--model=" .. model, ... }
  return table.move(LIMITS, 1, #LIMITS, #words + 1, words)
end

local function failure_of(answer, code)
  return type(answer.error) == "table" and answer.error.message or ("it ended with code %d"):format(code)
end

--- What an hour of the cheapest machine costs. → { hourly=, most= (dollars), gpu=, region=, kind= }; or nil,
-- sentence
function rent.plan(home, name, model)
  local code, answer = rent.run(home, words_of(name, model, "--dry-run"))
  local offer = type(answer.offers) == "table" and answer.offers[1]
  if code ~= 0 or not offer then return nil, failure_of(answer, code) end
  local again = (TRIES - 1) * (offer.parts.download + offer.parts.minimum)
  return { hourly = offer.hourly, most = (offer.total + again) * MORE, gpu = offer.gpu,
    region = offer.native_region or offer.region, kind = offer.type }
end

local function records_of(home)
  local list = {}
  for _, name in ipairs { "history", "journal" } do
    for line in (files.read(files.join(home, name)) or ""):gmatch("[^\n]+") do
      list[#list + 1] = json.decode(line:match(" (.*)$") or "")
    end
  end
  return list
end

-- The last session: { token=, id=, carrier=, started=, at = { kind of record = seconds since its create was
-- sent } }
local function last_session(list)
  local session, token = { at = {} }, nil
  for _, record in ipairs(list) do token = record.kind == "intent" and record.token or token end
  for _, record in ipairs(list) do
    if token and record.token == token then
      if record.kind == "sent" then session.started = record.t end
      session.id = record.id or session.id
      session.carrier = record.endpoint and (record.endpoint.carrier or "udp") or session.carrier
      session.at[record.kind] = session.at[record.kind]
        or session.started and record.t - session.started or nil
    end
  end
  session.token = token
  return session
end

-- What all machines since then cost by this folder's record. → dollars, nil where one's is not known
local function cost_of(records, began)
  local sum = 0
  for _, record in ipairs(records) do
    if record.kind == "closed" and record.t >= began then
      if not record.cost and record.id then return nil end
      sum = sum + (record.cost or 0)
    end
  end
  return sum
end

-- What the cloud says of the machine once it is proven gone, and how long until its charge shows.
local function afterwards(provider, session, result)
  local until_ = clock.now() + scaled(AFTER)
  result.after = {}
  repeat
    local ok, instance = fail.try(provider.get, session.id)
    local said = ok and tostring(instance.native or instance.status) or fail.message(instance)
    local last = result.after[#result.after]
    if not last or last.said ~= said then
      result.after[#result.after + 1] = { said = said,
        seconds = clock.wall() - session.started - (session.at.stopping or 0) }
    end
    local paid, charges = fail.try(provider.charges or function() end, session)
    if paid and charges and charges.amount > 0 and not result.charge then
      result.charge = { amount = charges.amount, seconds = result.after[#result.after].seconds }
    end
    local gone = ok and instance.status == "gone"
    if gone and (result.charge or not provider.charges) then return end
    task.sleep(scaled(EVERY))
  until clock.now() > until_
end

-- Looks at the machine while it serves, by the provider's own calls.
local function watched(provider, id)
  return { get = look.call("get", provider.get, id), list = look.call("list", provider.list) }
end

local function give_back(home, result)
  result.outcome = "unproven"
  local code, answer = rent.run(home, { "stop" })
  result.outcome = code == 0 and answer.outcome or "unproven"
  local last = type(answer.sessions) == "table" and answer.sessions[#answer.sessions]
  result.cost_source = last and last.cost and last.cost.source or nil
  term.out(("The machine's end: %s\n"):format(result.outcome))
end

-- Rents, and asks the model once. What goes wrong is in result.problem.
local function served(home, provider, plan, model, result)
  local most = ("--max-price=%.4f"):format(plan.hourly * MORE)
  local words = words_of(provider.name, model, "-y", most, "--ready-within=40m")
  local code, answer = rent.run(home, words, START)
  result.ready = code == 0
  if code ~= 0 then
    result.problem = failure_of(answer, code)
    return
  end
  local asked, ping = rent.run(home, { "ping" })
  result.ping = asked == 0 and ping.tokens_per_second or nil
  result.watched = watched(provider, answer.instance.id)
end

--- Rents, asks, gives back, looks. Whatever goes wrong, also Ctrl-C, `stop` is run and its outcome told.
-- → { outcome = "proven", "unverifiable", "unproven" or "none" (a start that failed gave its
-- machine back itself), cost = dollars or nil: not known,
-- plan=, ready=, problem=, id=, carrier=, seconds = { record = seconds since the create }, after=, charge=,
-- watched = calls as of live.look }
function rent.once(home, provider, plan, model)
  local result, began = { plan = plan }, clock.wall()
  local ok, problem = fail.settle(served, home, provider, plan, model, result)
  local stopped, trouble = fail.settle(task.shield, give_back, home, result)
  if not ok then error(problem, 0) end
  if not stopped then result.problem = fail.message(trouble) end
  local records = records_of(home)
  local session = last_session(records)
  result.cost = result.outcome ~= "unproven" and cost_of(records, began) or nil
  result.id, result.seconds, result.carrier = session.id, session.at, session.carrier
  if session.id and session.started and session.started >= began and result.outcome ~= "unproven" then
    afterwards(provider, session, result)
  end
  return result
end

return rent
