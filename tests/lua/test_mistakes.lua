-- SPDX-License-Identifier: MIT
-- Every mistake that the campaign or the guest's tests must notice can still be planted: its text stands in the source
-- exactly once.
local fail = require "base.fail"
local files = require "base.files"
local in_guest = require "guest.mistakes"
local mistakes = require "dst.mistakes"
local plant = require "dst.plant"

return function(t)
  local root = files.dirname(t.root)

  local function problem_of(change, below)
    local text = assert(files.read(files.join(root, below, change.file)))
    local ok, result = fail.try(plant, text, change)
    return not ok and fail.message(result) or nil
  end

  t:case("each can be planted in exactly one place", function()
    local problems = {}
    for _, mistake in ipairs(mistakes.list) do
      for _, change in ipairs { mistake, mistake.also } do
        local problem = problem_of(change, "lua")
        if problem then problems[#problems + 1] = mistake.name .. ": " .. problem end
      end
    end
    t:equal(problems, {})
  end)

  t:case("so can each of the guest, whose test has the case that must fail", function()
    local problems, names = {}, {}
    for _, mistake in ipairs(in_guest) do
      local where = mistake.test:find("^test_") and "c/" .. mistake.test .. ".c" or "guest/" .. mistake.test .. ".py"
      local text = files.read(files.join(t.root, where)) or ""
      local problem = problem_of(mistake, "src") or names[mistake.name] and "has its name twice"
        or not text:find(mistake.case, 1, true) and where .. " has no case " .. mistake.case
      if problem then problems[#problems + 1] = mistake.name .. ": " .. problem end
      names[mistake.name] = true
    end
    t:equal(problems, {})
    t:ok(#in_guest >= 25, "the guest's C code has its own 25")
  end)

  t:case("each is described once, changes something, and names who must notice it", function()
    local seen, problems = {}, {}
    for _, mistake in ipairs(mistakes.list) do
      local name = mistake.name
      if seen[name] then problems[#problems + 1] = name .. ": twice" end
      if mistake.find == mistake.replace then problems[#problems + 1] = name .. ": changes nothing" end
      if mistake.by and not mistake.tests or not mistake.by and not mistake.expects then problems[#problems + 1] = name .. ": who notices it?" end
      for file in mistake.by == "lua" and mistake.tests:gmatch("%S+") or function() end do
        if not files.exists(files.join(t.root, "lua/test_" .. file .. ".lua")) then problems[#problems + 1] = name .. ": no test " .. file end
      end
      seen[name] = true
    end
    t:equal(problems, {})
    t:ok(#mistakes.list >= 150, "issue 7 wants 150 of them, not " .. #mistakes.list)
  end)

  t:case("a text that is gone, or is there twice, is noticed", function()
    t:equal(plant("a b c", { file = "x", find = "b", replace = "B" }), "a B c")
    local gone, twice = { file = "x", find = "z", replace = "" }, { file = "x", find = "a", replace = "" }
    t:raises("does not hold", function() plant("a b c", gone) end)
    t:raises("twice", function() plant("a b a", twice) end)
    t:raises("broken file", function() plant("return 1", { file = "x.lua", find = "1", replace = "(" }) end)
  end)
end
