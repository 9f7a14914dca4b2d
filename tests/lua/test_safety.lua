-- SPDX-License-Identifier: MIT
-- docs/safety.md says what the campaign plays and judges; it cannot rot.
local files = require "base.files"
local loader = require "sandbox.world"
local sorted = require "base.sorted"
local faults = require "cloudsim.faults"
local kinds = require "dst.safety_kinds"
local mistakes = require "dst.mistakes"
local bills = require "dst.safety_bills"

return function(t)
  local page = assert(files.read(files.join(files.dirname(files.dirname(files.absolute(loader.script))),
    "docs/safety.md")))

  t:case("the page holds the table of faults, line by line, as `make dst` prints it", function()
    local function plain(text) return (text:gsub("(| )%d+%f[ ]", "%1N")) end
    local lines = kinds.lines(function() return 0, 0 end)
    local wanted = plain(table.concat(lines, "\n"))
    t:ok(plain(page):find(wanted, 1, true) ~= nil, "docs/safety.md must hold:\n" .. wanted)
    t:ok(lines[1]:find("| RunPod |", 1, true) and lines[1]:find("| Paperspace |", 1, true), lines[1])
  end)

  t:case("each kind of the table happened, and no oftener than it was ordered", function()
    local rows = 0
    for name, ordered, cells in page:gmatch("\n| ([%w%._ ]+) | [^|\n]+ | (%d+) | ([%d|– ]+) | %u[%w ]* |") do
      local sum = 0
      for number in cells:gmatch("%d+") do sum = sum + tonumber(number) end
      t:ok(sum > 0 and sum <= tonumber(ordered), ("%s: %s ordered, %d happened"):format(name, ordered, sum))
      rows = rows + 1
    end
    t:equal(rows, #kinds.clouds + #kinds.own)
  end)

  t:case("every kind of the simulator is in it, or played elsewhere", function()
    local known = {}
    for _, row in ipairs(kinds.clouds) do known[row[1]] = true end
    for name in sorted(faults.names) do
      t:ok((known[name] ~= nil) ~= (kinds.elsewhere[name] ~= nil),
        name .. " is neither in the table nor said to be played elsewhere, or both")
    end
    for name in sorted(known) do t:ok(faults.names[name], name .. " is no fault of the simulator") end
  end)

  t:case("every judge is one that a planted mistake wakes, and the page tells of it", function()
    local known = {}
    for _, name in ipairs(mistakes.invariants) do known[name] = true end
    for _, list in ipairs { kinds.clouds, kinds.own } do
      for _, row in ipairs(list) do
        for name in row[3]:gmatch("%S+") do
          t:ok(known[name],
            ("%s is judged by %s, which no mistake shows to be able to fail"):format(row[1], name))
          t:ok(page:find("\n| " .. name .. " |", 1, true) ~= nil,
            "docs/safety.md does not say what " .. name .. " is")
        end
      end
    end
  end)

  t:case("the page has a line for every machine of the largest bills", function()
    t:ok(page:find("\n" .. bills.head() .. "\n" .. bills.rule() .. "\n", 1, true) ~= nil,
      "docs/safety.md must hold " .. bills.head())
    for _, machine in ipairs(bills.machines) do
      t:ok(page:find("\n| " .. machine[1] .. " |", 1, true) ~= nil,
        "docs/safety.md has no line for " .. machine[1])
    end
  end)
end
