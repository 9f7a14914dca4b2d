-- SPDX-License-Identifier: MIT
-- What the accounts hold, and what became of it. Model: { found = of money.inventory, home = directory, now =
-- unix seconds, used = token of the machine in use or nil } → lines; `object` → the JSON object. Pure.
local clock = require "base.clock"
local clean = require "base.clean"
local json = require "base.json"
local format = require "ui.format"

local M = {}

local NAME = 60 -- columns of a name that somebody else gave

local function add(lines, text, hang)
  for _, line in ipairs(format.wrap(text, format.width(), hang)) do lines[#lines + 1] = line end
end

local function titles(found)
  local set = {}
  for _, cloud in ipairs(found.clouds) do set[cloud.name] = cloud.title end
  return set
end

local function age(row, now)
  if not row.since then return "" end
  local seconds = math.max(0, now - row.since)
  return (", since %s (%s)"):format(clock.iso(math.floor(row.since)), clock.duration(seconds))
end

local function rate(row)
  if not row.bills then return ", costs nothing" end
  return row.hourly and ", " .. format.hourly(row.hourly) or ", bills at a rate that its cloud does not tell"
end

--- One row in words: "machine 30119482 at TITLE, running, since …, $0.207/h".
function M.words(row, title, now)
  return ("%s %s at %s%s%s%s"):format(row.kind, row.id, title, row.status and ", " .. row.status or "",
    age(row, now), rate(row))
end

local function add_row(lines, row, model, names)
  local used = row.kind == "machine" and row.token ~= nil and row.token == model.used
  add(lines, "  " .. M.words(row, names[row.cloud], model.now) .. (used and ", in use here" or ""), "    ")
  local name = row.token or row.name
  if name then lines[#lines + 1] = "    " .. clean.line(name, NAME) end
end

local HEADS = {
  this = function(row) return ("This folder's (cplz-%s):"):format(row.home) end,
  other = function(row) return ("Another folder's of yours (cplz-%s):"):format(row.home) end,
  foreign = function() return "Not made by continueplz, never touched:" end,
}

-- Foreign things that cost nothing are only counted.
local function add_counts(lines, rows, names)
  local counts, order = {}, {}
  for _, row in ipairs(rows) do
    local what = row.whose == "foreign" and not row.bills and ("%s at %s"):format(row.kind, names[row.cloud])
    if what and not counts[what] then counts[what], order[#order + 1] = 0, what end
    if what then counts[what] = counts[what] + 1 end
  end
  for _, what in ipairs(order) do
    add(lines, ("  %d × %s, %s nothing"):format(counts[what], what, counts[what] == 1 and "costs" or "cost"),
      "    ")
  end
end

--- The lines of a list.
function M.lines(model)
  local lines, head, names = {}, nil, titles(model.found)
  for _, cloud in ipairs(model.found.clouds) do
    if cloud.problem then
      add(lines, ("%s: NOT KNOWN, it gave no complete list: %s"):format(cloud.title, cloud.problem), "  ")
    end
  end
  for _, row in ipairs(model.found.rows) do
    local here = HEADS[row.whose](row)
    if here ~= head then
      if #lines > 0 then lines[#lines + 1] = "" end
      lines[#lines + 1], head = here, here
    end
    if row.whose ~= "foreign" or row.bills then add_row(lines, row, model, names) end
  end
  add_counts(lines, model.found.rows, names)
  local asked = {}
  for index, cloud in ipairs(model.found.clouds) do asked[index] = cloud.title end
  if #model.found.rows == 0 then
    add(lines, ("Nothing was found at %s."):format(table.concat(asked, ", ")))
  end
  return lines
end

-- One row for JSON.
local function thing(row)
  return { provider = row.cloud, kind = row.kind, id = row.id, name = row.name and clean.line(row.name, 200),
    token = row.token, home = row.home, whose = row.whose, state = row.status,
    since = row.since and clock.iso(math.floor(row.since)), hourly = format.rounded(row.hourly, 5),
    bills = row.bills, outcome = row.outcome, reason = row.doubt, requests = row.requests }
end

--- The JSON object. status: what became of it
function M.object(found, status)
  local things, clouds = {}, {}
  for index, row in ipairs(found.rows) do things[index] = thing(row) end
  for index, cloud in ipairs(found.clouds) do
    clouds[index] = { name = cloud.name, title = cloud.title, account = cloud.account,
      complete = cloud.problem == nil, problem = cloud.problem }
  end
  return { status = status, clouds = json.array(clouds), things = json.array(things) }
end

return M
