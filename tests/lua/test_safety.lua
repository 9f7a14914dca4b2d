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

  t:case("the page holds the table of faults, line by line, as `make dst` "
    .. "prints it; each kind happened", function()
    local function plain(text) return (text:gsub("| %d+ | %d+ |", "| N | N |")) end
    local wanted = plain(table.concat(kinds.lines(function() return 0, 0 end), "\n"))
    t:ok(plain(page):find(wanted, 1, true) ~= nil, "docs/safety.md must hold:\n" .. wanted)
    for ordered, happened in page:gmatch("| (%d+) | (%d+) |") do
      t:ok(tonumber(happened) > 0 and tonumber(happened) <= tonumber(ordered),
        ("%s ordered, %s happened"):format(ordered, happened))
    end
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
