-- SPDX-License-Identifier: MIT
-- continueplz tests/bench/years.lua HOME [A-DAY], with CONTINUEPLZ_SCRIPTS=tests: gives a home that rented
-- once ten years of it, two sessions each working day: the records of its last session again and again, under
-- other names and times, as if each had been moved to the history when it ended. Prints the number of
-- sessions, and ends with 1 when the history does not read as what was meant.
local chain = require "home.chain"
local clock = require "base.clock"
local files = require "base.files"
local folder = require "home.folder"
local history = require "home.history"
local term = require "base.term"

local home, a_day = ...
local YEARS, A_DAY, DAY = 10, math.tointeger(tonumber(a_day or 2)), 86400
local path = files.join(home, "history")

local lines, last = {}, "continueplz history"
local function add(record) lines[#lines + 1], last = chain.line(last, record) end

local model, began = {}, nil
for _, record in ipairs(chain.read(assert(files.read(path)), nil).records) do
  if record.kind == "intent" then model, began = {}, record.t end
  if record.token then model[#model + 1] = record end
end
assert(#model > 5, "the home has no session in its history")

local function again(number, start)
  local token, last_t = ("%s%06x"):format(model[1].token:match("^(.*%-)%x+$"), number), nil
  for _, record in ipairs(model) do
    local copy = {}
    for name, value in require("base.sorted")(record) do copy[name] = value end
    copy.token, copy.t, copy.id = token, start + (record.t - began), copy.id and tostring(1000000 + number)
    copy.ended = copy.ended and start + (record.ended - began)
    last_t = copy.t
    add(copy)
  end
  add { kind = "moved", records = #model, journal = ("0"):rep(32), version = 1, t = last_t }
end

local now, number = clock.wall(), 0
add { kind = "history", version = 1, t = now - YEARS * 365 * DAY }
for day = YEARS * 365, 2, -1 do
  local start = now - day * DAY
  local weekday = (start // DAY + 4) % 7 -- 0: Sunday
  for part = 1, weekday > 0 and weekday < 6 and A_DAY or 0 do
    number = number + 1
    again(number, start + part * 4 * 3600)
  end
end
assert(files.write(path, table.concat(lines)))
local state = ('{"fingerprint":"%s","instance":null,"version":1}\n'):format(folder.fingerprint(home))
assert(files.write(files.join(home, ".continueplz.state"), state))
local all = assert(history.all(home))
local closed = 0
for _, session in ipairs(all.sessions) do closed = closed + (session.closed and 1 or 0) end
term.out(("%d sessions, %d bytes\n"):format(closed, #table.concat(lines)))
return closed == number and #all.damaged == 0 and 0 or 1
