-- SPDX-License-Identifier: MIT
--- GET /v2/billing/pods: what was billed, in buckets (facts/runpod.md §2.10), from the ledger itself.
local answers = require "cloudsim.runpod.answers"
local clock = require "base.clock"
local json = require "base.json"
local ledger = require "cloudsim.ledger"
local reply = require "cloudsim.reply"
local sorted = require "base.sorted"

local billing = {}

local SIZES = { hour = 3600, day = 86400, week = 7 * 86400 }
local DAYS_BEFORE = 30 -- when nothing is said
local MONDAY = 4 * 86400 -- 1970-01-05

-- Year and month of a moment, the month counted on; → the first moment of that month.
local function month_start(at, ahead, per)
  local year, month = clock.iso(at):match("^(%d+)-(%d+)")
  local count = (tonumber(year) * 12 + tonumber(month) - 1) // per * per + ahead * per
  return clock.days(count // 12, count % 12 + 1, 1) * 86400
end

-- The begin of the bucket in which `at` lies, or of one `ahead` of it.
local function edge(size, at, ahead)
  ahead = ahead or 0
  if size == "month" then return month_start(at, ahead, 1) end
  if size == "year" then return month_start(at, ahead, 12) end
  local offset = size == "week" and MONDAY or 0
  return ((at - offset) // SIZES[size] + ahead) * SIZES[size] + offset
end

local function moment(text)
  if text == nil then return nil end
  local at = clock.parse_iso(text)
  return at and at // 1, at == nil and "must be a date-time of RFC 3339" or nil
end

-- → { size, from, to }, or nil and the answer
local function window(query, now)
  local size, count = query.bucketSize or "day", query.lastN and math.tointeger(tonumber(query.lastN))
  local from, bad_from = moment(query.startTime)
  local to, bad_to = moment(query.endTime)
  if not (SIZES[size] or size == "month" or size == "year") then
    return nil, answers.invalid { "bucketSize: value must be one of 'hour', 'day', 'week', 'month', 'year'" }
  elseif query.lastN and (not count or count < 1) then
    return nil, answers.invalid { "lastN: minimum: want 1" }
  elseif bad_from or bad_to then
    return nil, answers.invalid { (bad_from and "startTime: " or "endTime: ") .. (bad_from or bad_to) }
  elseif count and (from or to) then
    return nil, answers.problem(400, "lastN and startTime/endTime are mutually exclusive")
  elseif count then
    return { size = size, from = edge(size, now, 1 - count), to = edge(size, now, 1) }
  end
  from, to = from or now - DAYS_BEFORE * 86400, to or now
  if from >= to then
    return nil, answers.problem(400, "startTime must be before endTime")
  end
  local last = edge(size, to)
  return { size = size, from = edge(size, from), to = last == to and last or edge(size, to, 1) }
end

local COLUMN = { gpu = "gpuAmount", disk = "diskAmount" }

local function nothing() return { totalAmount = 0.0, gpuAmount = 0.0, cpuAmount = 0.0, diskAmount = 0.0 } end

local function add(amounts, column, value)
  amounts[column] = amounts[column] + value
  amounts.totalAmount = amounts.totalAmount + value
end

-- What a row of the ledger costs from `first` up to `last`.
local function part(row, first, last)
  if row.opened >= last or row.closed and row.closed <= first then return 0.0 end
  return ledger.amount(row, last, math.max(first, row.opened))
end

-- The amounts of one bucket by pod. known: nothing after it is billed yet
local function bucket(call, first, last, known)
  local found, wanted = {}, call.query.podId
  for _, row in ipairs(call.world.ledger.rows) do
    local mine = row.provider == "runpod" and row.account == call.account.id and call.state:find(row.id)
      and (wanted == nil or row.id == wanted)
    local amount = mine and part(row, first, math.min(last, known)) or 0
    if amount > 0 then
      found[row.id] = found[row.id] or nothing()
      add(found[row.id], COLUMN[row.kind], amount)
    end
  end
  return found
end

function billing.pods(call)
  local world = call.world
  local asked, refusal = window(call.query, world.time // 1)
  if not asked then return refusal end
  local step = world:scaled(world.settings.runpod_billing_step)
  local told = world.time - world:scaled(world.settings.runpod_records_lag)
  local known = step > 0 and told // step * step or told
  local records, totals, seen, count = {}, nothing(), {}, 0
  local at = asked.from
  while at < asked.to do
    local following = edge(asked.size, at, 1)
    for id, amounts in sorted(bucket(call, at, following, known)) do
      for _, column in sorted(COLUMN) do add(totals, column, amounts[column]) end
      count = seen[id] and count or count + 1
      seen[id] = true
      amounts.podId, amounts.startTime, amounts.endTime = id, clock.iso(at), clock.iso(following)
      records[#records + 1] = amounts
    end
    at = following
  end
  return answers.ok { records = json.array(records), metadata = { recordCount = #records,
    uniquePodCount = count, totals = totals, query = { startTime = clock.iso(asked.from),
      endTime = clock.iso(asked.to), bucketSize = asked.size, podId = reply.maybe(call.query.podId) } } }
end

return billing
