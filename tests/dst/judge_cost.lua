-- SPDX-License-Identifier: MIT
-- S9, cost truth: what the product says that something cost, in text, in JSON, in its state file and in its
-- journal, is within one billing step of what the cloud's ledger says at that moment. What it says to be "at
-- most" may be more, but never less.
local json = require "base.json"

-- seconds: Lambda bills begun minutes; Vast bills seconds, but nobody looks more often than that
local STEP = 60
local CENT = 0.005       -- text is rounded to cents
local IMAGE = 3.5e9      -- bytes: the image is fetched by the host, perhaps for somebody else before

local cost = {}

local function now(self) return self.world.clock() + self.world.offset end

-- What a step of the token's machine and its address costs, with the traffic of its image, whose bill nobody
-- can know before.
local function tolerance(self, token)
  local dollars, address, traffic = 0, 0, 0
  for _, row in ipairs(self.world.ledger.rows) do
    if row.token == token and row.kind == "gpu" then dollars = math.max(dollars, row.rate * STEP / 3600) end
    if row.token == token and row.kind == "ip" then address = row.rate * STEP / 3600 end
    if row.token == token and row.kind == "bwd" then traffic = row.rate * IMAGE / 1e9 end
  end
  return dollars + address + traffic + 1e-4
end

--- Compares one sum that was said.
-- @param said dollars
-- @param most it is said to be "at most"
-- @param more what the words round away, in dollars
-- @param at seconds of the world's clock to which it refers; now when nil
function cost.said(self, token, said, where, most, more, at)
  if said == nil then return end -- it was said not to be known
  local truth, bound = self.world.ledger:total(token, at or now(self)), tolerance(self, token) + (more or 0)
  self.sums = self.sums + 1
  if most then
    self.vague = self.vague + 1
    self.play:trace(("%s says at most $%.4f, the cloud charges $%.4f"):format(where, said, truth))
  end
  if said < truth - bound or not most and said > truth + bound then
    self:broken("S9", ("%s says $%.4f of %s, and the cloud charges $%.4f, which is more than a "
      .. "billing step ($%.4f) away"):format(where, said, token, truth, bound))
  end
end

-- The newest token of ours that was bound, which is what status speaks of.
local function current(self)
  for i = #self.token_list, 1, -1 do
    for _, kind in ipairs(self:kinds(self.token_list[i])) do
      if kind == "bound" or kind == "found" then return self.token_list[i] end
    end
  end
end

-- Sums in a JSON answer.
local function in_json(self, object, where)
  local token = current(self)
  if type(object.cost) == "table" and type(object.cost.current) == "number" and token then
    cost.said(self, token, object.cost.current, where .. " in JSON", object.cost.at_most)
  end
  for _, row in ipairs(type(object.sessions) == "table" and object.sessions or {}) do
    if type(row.cost) == "table" and type(row.token) == "string" then
      cost.said(self, row.token, row.cost.total, where .. " in JSON", row.cost.at_most)
    end
  end
end

local function in_text(self, text, where)
  local count, sum, vague, token = 0, nil, nil, current(self)
  for _, pattern in ipairs { "Cost so far:? +(%l*%s?%l*%s?)%$(%d+%.%d+)",
    "Session cost: +(%l*%s?%l*%s?)%$(%d+%.%d+)" } do
    for most, amount in text:gmatch(pattern) do
      count, sum, vague = count + 1, tonumber(amount), most == "at most "
    end
  end
  if count == 1 and #self.token_list == 1 and #self:intents() == 1 and token then
    cost.said(self, token, sum, where, vague, CENT)
  end
end

--- A command ended: its sums are compared.
function cost.ended(self, process)
  -- a stepped clock makes no sums; one that slept tells of before
  if self.sim.jumped or self.play.slept > process.slept then return end
  local where = "`" .. tostring(process.name) .. "`"
  local object = process.out:match("^%s*(%b{})%s*$")
  object = object and json.decode(object)
  if type(object) == "table" then return in_json(self, object, where) end
  in_text(self, process.out, where)
end

--- The state file, as it was last written.
function cost.state_file(self)
  local file = self.sim.disk[self.play.HOME .. "/.continueplz.state"]
  local state = file and json.decode(file.data)
  if self.sim.jumped or type(state) ~= "table" or type(state.instance) ~= "table" then
    return
  end
  local at = now(self) - (self.sim.now + self.sim.skew - file.mtime)
  cost.said(self, state.instance.token, state.cost.accumulated, "the state file", state.cost.at_most, 0, at)
end

--- A record of the journal says what a session cost.
function cost.record(self, record)
  if self.sim.jumped or type(record.cost) ~= "number" or record.outcome == "never" then
    return
  end
  cost.said(self, record.token, record.cost, "the journal", record.at_most)
end

return cost
