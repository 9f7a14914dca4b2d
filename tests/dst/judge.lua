-- SPDX-License-Identifier: MIT
-- Watches one history (campaign §1.5). It compares what the product wrote, sent and said with the cloud's own
-- ledger. It knows nothing of the product's code, only of its files and words.
local clouds = require "dst.clouds"
local cost = require "dst.judge_cost"
local fence = require "dst.judge_fence"
local books = require "dst.books"
local json = require "base.json"
local sink = require "dst.sink"
local sorted = require "base.sorted"

local judge = {}
local records = books.records
judge.__index = judge

function judge.new(play)
  return setmetatable({ play = play, world = play.world, sim = play.sim, tokens = {}, token_list = {},
    written = books.new(), broken_list = {},
    creates = {}, around = {}, alerts = {}, critical = 0, sums = 0, vague = 0 }, judge)
end

--- What another judge saw being rented and made is this one's too, from now on.
function judge:shares(other)
  for _, token in ipairs(other.token_list) do
    if not self.tokens[token] then table.insert(self.token_list, token) end
    self.tokens[token], self.creates[token] = true, other.creates[token] or -math.huge
  end
  for token in sorted(other.around) do self.around[token] = true end
end

--- Notes a violation; the first one counts.
function judge:broken(what, sentence)
  local line = ("%s at %.1f: %s"):format(what, self.sim.now, sentence)
  self.broken_list[#self.broken_list + 1] = line
  self.play:trace("BROKEN " .. line)
end

--- The first violation, or nil.
function judge:verdict() return self.broken_list[1] end

local function path_of(self, name) return self.play.HOME .. "/" .. name end
local function journal_path(self) return path_of(self, "journal") end

local function data_of(self, name)
  local file = self.sim.disk[path_of(self, name)]
  return file and file.data or ""
end

-- The record: what was moved to the history, and the journal.
-- (Between two steps of a move something is in both.)
local function journal(self)
  local past = data_of(self, "history")
  return past:match("^(.*\n)[^\n]*$") and past:match("^(.*\n)") .. data_of(self, "journal")
    or data_of(self, "journal")
end
judge.journal = journal

--- The record was changed by somebody else: what stands there now is what must not be lost.
function judge:forgets()
  self.play:met "record lost"
  self.written = books.new()
  books.lost(self.written, data_of(self, "history"), data_of(self, "journal"))
end

--- Ledger rows that bill and carry a token of this home.
function judge:open()
  local rows = {}
  for _, row in ipairs(self.world.ledger.rows) do
    if not row.closed and row.token and self.tokens[row.token] then rows[#rows + 1] = row end
  end
  return rows
end

--- Tokens of this home with something that bills.
function judge:open_tokens()
  local seen, list = {}, {}
  for _, row in ipairs(self:open()) do
    if not seen[row.token] then
      seen[row.token] = true
      list[#list + 1] = row.token
    end
  end
  return list
end

local HOUR, MOST_IN_AN_HOUR = 3600, 6

-- One more create is about to leave: fewer than six of the last hour made a machine.
local function crowded(self)
  local made, count = {}, 0
  for _, row in ipairs(self.world.ledger.rows) do
    local left = row.token and self.creates[row.token]
    if left and not made[row.token] and self.sim.now - left < HOUR then
      made[row.token], count = true, count + 1
    end
  end
  if count >= MOST_IN_AN_HOUR then
    self:broken("S4", ("a create leaves after %d of the last hour made a machine"):format(count))
  end
end

local function create(self, token, bid)
  local intent, sent
  for _, record in ipairs(records(journal(self))) do
    if record.token == token then
      if record.kind == "intent" then intent = record end
      if record.kind == "sent" then sent = intent ~= nil end
    end
  end
  if not intent or not sent then
    self:broken("S1", ("a create left for %s without intent and sent on disk"):format(tostring(token)))
  elseif not intent.provider or not intent.account then
    self:broken("S1", "the intent names no provider or account")
  end
  if intent and bid and math.abs(bid - (intent.bid or intent.hourly)) > 1e-6 then
    self:broken("S5",
      ("%s bids $%.4f/h, and $%.4f/h was agreed"):format(token, bid, intent.bid or intent.hourly))
  end
  if self.creates[token] then self:broken("S1", "a create was sent twice with the token " .. token) end
  crowded(self)
  self.creates[token] = self.sim.now
  self.tokens[token] = true
  self.token_list[#self.token_list + 1] = token
  for _, other in ipairs(self:open_tokens()) do
    if other ~= token and not self.allow_two then
      self:broken("S4", ("a create left for %s while %s still bills"):format(token, other))
    end
  end
end

-- Something is made around a machine: the journal knows it before.
local function around(self, token)
  local known = false
  for _, record in ipairs(records(journal(self))) do
    known = known or record.token == token and record.kind == "preparing"
  end
  if not known then
    self:broken("S1", ("something was made around %s without a record on disk"):format(tostring(token)))
  end
  self.around[token] = true
end

--- Names of ours of what still exists around machines that are over.
function judge:leftovers()
  local list, open = {}, {}
  for _, record in ipairs(records(journal(self))) do
    if record.token then
      open[record.token] = record.kind == "intent" or record.kind ~= "closed" and open[record.token]
    end
  end
  for _, name in ipairs(self.play.cloud.leftovers(self.world)) do
    if self.around[name] and not open[name] then list[#list + 1] = name end
  end
  return list
end

--- A request that reaches a cloud.
function judge:request(face, request)
  local cloud = self.play.cloud
  if not clouds[face] then return self:foreign(request) end
  if request.url:find(self.play.KEY, 1, true) then self:broken("S6", "the account key is in an address") end
  if not cloud.may_hold_key(request) and (request.body or ""):find(self.play.KEY, 1, true) then
    self:broken("S6", "the account key is in a body: " .. request.path)
  end
  local meaning, what, bid = cloud.meaning(request, self.world)
  if meaning == "create" then return create(self, what, bid) end
  if meaning == "make" then return around(self, what) end
  if meaning == "other" then
    return self:broken("S3", "an unexpected change: " .. request.method .. " " .. request.path)
  end
  if meaning == "end" and what and not self.tokens[cloud.label(what) or ""] then
    self:broken("S3",
      ("%s was destroyed, whose label is %s"):format(tostring(what.id), tostring(cloud.label(what))))
  end
  if meaning == "end" and what then fence.destroy(self, cloud.label(what) or "") end
  if meaning == "remove" and what and not self.around[what] then
    self:broken("S3", "what is called " .. what .. " was removed")
  end
end

--- A request that the guard of a machine answered. taken: it did as it was told
function judge:control(instance, request, taken) fence.control(self, instance, request, taken) end

--- A request of a machine reaches its cloud.
function judge:by_machine(instance, request) fence.by_machine(self, instance, request) end

--- A request to anything but the cloud.
function judge:foreign(request)
  local text = json.encode { request.url, request.headers, request.body or "" }
  if text:find(self.play.KEY, 1, true) then
    self:broken("S6", "the account key was sent to " .. request.url)
  end
end

--- Called whenever the ledger may have changed.
function judge:billing()
  local list = self:open_tokens()
  if #list > 1 and not self.allow_two then
    self:broken("S4", ("%d machines bill at once: %s"):format(#list, table.concat(list, ", ")))
  end
end

-- A machine is ready: it costs what was agreed when it was rented.
local function priced(self, token)
  local agreed
  for _, record in ipairs(records(journal(self))) do
    if record.token == token and record.kind == "intent" then agreed = record.hourly end
  end
  for _, row in ipairs(self:open()) do
    if row.token == token and row.kind == "gpu" and row.rate > agreed * 1.021 then
      self:broken("S5", ("%s is ready at $%.3f/h, and $%.3f/h was agreed"):format(token, row.rate, agreed))
    end
  end
end

-- A machine is ready, and nothing hid what a create made: it is the only one of its token.
local function alone(self, token)
  local ids, count = {}, 0
  for _, row in ipairs(self:open()) do
    if row.token == token and not ids[row.id] then ids[row.id], count = true, count + 1 end
  end
  if self.sees_twins and count > 1 then
    self:broken("S4", ("%s is said to be ready while %d machines of it bill"):format(token, count))
  end
end

local function appending(self, data)
  local record = json.decode(data:match("^%x+ (.*)\n$") or "")
  if type(record) == "table" and record.kind == "ready" then
    alone(self, record.token)
    return priced(self, record.token)
  end
  if type(record) == "table" and record.token then fence.record(self, record) end
  if type(record) ~= "table" or record.kind ~= "closed" then return end
  cost.record(self, record)
  for _, row in ipairs(self:open()) do
    if row.token == record.token then
      return self:broken("S2",
        ("the journal closes %s as %s while its %s bills"):format(record.token, record.outcome, row.kind))
    end
  end
end

--- A primitive that changes something is about to run.
function judge:primitive(name, _, first, second)
  local path = journal_path(self)
  local lost = books.lost(self.written, data_of(self, "history"), data_of(self, "journal"))
  if lost then self:broken("S8", lost) end
  if name == "state.append" and first == path then appending(self, second) end
  if name == "process.spawn" and json.encode({ first.argv, first.env }):find(self.play.KEY, 1, true) then
    self:broken("S6", "the account key is in the arguments or environment of a child")
  end
end

-- Does what was said claim that nothing bills?
local function says_nothing(process, code)
  if process.out:find("Money: none is running", 1, true) then
    return "the line \"Money: none is running\""
  end
  if process.name == "stop" and (code == 0 or code == 7) then
    return "exit code " .. code .. " of stop"
  end
end

--- A command ended with this exit code.
function judge:ended(process, code)
  if process.state ~= "done" then
    self.lost_process = true
    return
  end
  cost.ended(self, process)
  cost.state_file(self)
  local claim = says_nothing(process, code)
  local open = self:open()
  if claim and #open > 0 then
    self:broken("S2", ("%s was said by `%s` while the %s of %s bills"):format(claim, process.name,
      open[1].kind, open[1].token))
  end
  local critical = (process.out .. process.err):find("CRITICAL", 1, true) or (process.out
    .. process.err):find("MAY STILL", 1, true) or (process.out .. process.err):find("NOT KNOWN", 1, true)
  if critical then self.critical = self.critical + 1 end
  local unresolved = (process.out .. process.err):find("was never answered", 1, true)
  local in_json = process.out:find('"money_running":true', 1, true)
    or process.out:find('"money_running":null', 1, true)
  if process.name == "stop" and code == 1 and not critical and not unresolved and not in_json then
    self:broken("S2", "stop failed without saying what may still bill: " .. process.err:sub(1, 300))
  end
  if code == 70 then
    self:broken("bug", ("`%s` ended as an internal error: %s"):format(process.name, process.err:sub(1, 400)))
  end
end

local function canary(self, where, text)
  if text:find(self.play.KEY, 1, true) then self:broken("S6", "the account key is in " .. where) end
end

--- The end of the history: files, words and machines are searched.
function judge:finish()
  self:primitive("end")
  for path, file in pairs(self.sim.disk) do -- order: free
    if file.data and not path:find("/%.env$") then canary(self, path, file.data) end
  end
  for _, process in ipairs(self.sim.processes) do
    canary(self, "the output of " .. tostring(process.name), process.out .. process.err)
  end
  for _, line in ipairs(self.sim.log) do
    canary(self, "the log", line.message .. table.concat(line.fields, " "))
  end
  local cloud = self.play.cloud
  for _, instance in ipairs(cloud.each(self.world)) do
    canary(self, "machine " .. instance.id, json.encode(cloud.texts(instance)))
  end
  for _, id in ipairs(self.play.foreign) do
    local _, lives = cloud.find(self.world, id)
    if not lives then self:broken("S3", "the foreign machine " .. id .. " is gone") end
  end
  sink.judged(self)
  for _, name in ipairs { "journal", "history" } do
    local wrong = books.unchained(data_of(self, name), name)
    if wrong then self:broken("S8", wrong) end
  end
end

--- Every kind of record of a token, in order.
function judge:kinds(token)
  local list = {}
  for _, record in ipairs(records(journal(self))) do
    if record.token == token then list[#list + 1] = record.kind end
  end
  return list
end

--- Every token that was to be rented with, also those whose create never left.
function judge:intents()
  local list = {}
  for _, record in ipairs(records(journal(self))) do
    if record.kind == "intent" then list[#list + 1] = record.token end
  end
  return list
end

--- Was work begun on the machine of this token, which its guard must be ready for?
function judge:relied_on(token)
  for _, kind in ipairs(self:kinds(token)) do
    if kind == "loading" or kind == "ready" then return true end
  end
  return false
end

--- Is the session of this token one that the user wants (ready, not being ended)?
function judge:wanted(token)
  local wanted = false
  for _, kind in ipairs(self:kinds(token)) do
    if kind == "ready" or kind == "found" then wanted = true end -- what was found may be in use
    if kind == "stopping" or kind == "closed" then wanted = false end
  end
  return wanted
end

return judge
