-- SPDX-License-Identifier: MIT
-- The report of `make live`: what is in it, and what never is.
local clean = require "base.clean"
local clock = require "base.clock"
local files = require "base.files"
local json = require "base.json"
local log = require "base.log"
local process = require "base.process"
local sorted = require "base.sorted"
local version = require "base.version"

local report = {}

local ABOUT = "Made by make live of continueplz: which requests were made, of which kinds the fields of the "
  .. "answers were (no values), and what was timed. Read it before you send it."

local function calls_of(calls)
  local list = {}
  for name, seen in sorted(calls) do
    list[#list + 1] = { call = name, ok = seen.ok, told = seen.told,
      kind = seen.problem and seen.problem.kind or nil }
  end
  return json.array(list)
end

local function hundredths(seconds) return seconds and math.floor(seconds * 100 + 0.5) / 100 end

local function rounded(seconds)
  local list = json.object {}
  for name, value in sorted(seconds) do list[name] = hundredths(value) end
  return list
end

-- What may be said of a rent: neither ids nor addresses.
local function rent_of(rent)
  return { outcome = rent.outcome, ready = rent.ready, problem = rent.problem, carrier = rent.carrier,
    cost = rent.cost, cost_source = rent.cost_source, skipped = rent.skipped,
    tokens_per_second = rent.ping, seconds = rent.seconds and rounded(rent.seconds),
    machine = rent.plan and rent.plan.gpu, region = rent.plan and rent.plan.region,
    type = rent.plan and rent.plan.kind, hourly = rent.plan and rent.plan.hourly,
    most = rent.plan and rent.plan.most, charge_seconds = hundredths(rent.charge and rent.charge.seconds),
    after = rent.after and json.array(rent.after), calls = rent.watched and calls_of(rent.watched),
    answers = rent.answers }
end

--- A cloud's part. seen: of live.look; answers, marks: of live.look; rent: of live.rent, or { skipped = }
function report.cloud(seen, answers, marks, rent)
  return { name = seen.name, calls = calls_of(seen.calls), answers = json.array(answers),
    marks = json.array(marks), rent = rent_of(rent) }
end

-- Addresses of people and of computers, wherever they come from (an error's own words).
local function anonymous(text)
  text = text:gsub("[%w._%%+-]+@[%w-]+%.[%w.-]+", "(address)")
  return (text:gsub("%f[%d]%d+%.%d+%.%d+%.%d+%f[%D]", "(address)"))
end

--- Writes the report. → path. limit: dollars or nil; simulated: is some address on this computer?
-- @raise when it cannot be written
function report.write(dir, list, limit, spent, simulated)
  local text = json.encode({ about = ABOUT, continueplz = version, made = clock.iso(), simulated = simulated,
    platform = process.platform, limit = limit or json.null, spent_at_most = spent,
    clouds = json.array(list) }, 2)
  local path = files.join(dir, "report-" .. clock.iso():gsub("[:Z]", "") .. ".json")
  assert(files.write(path, anonymous(log.redact(clean.text(text, true))) .. "\n", 384))
  return path
end

return report
