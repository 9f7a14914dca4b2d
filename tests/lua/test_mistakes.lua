-- SPDX-License-Identifier: MIT
-- Every mistake that the campaign must notice can still be planted: its text stands in the source exactly once.
local fail = require "base.fail"
local files = require "base.files"
local mistakes = require "dst.mistakes"
local plant = require "dst.plant"

return function(t)
  local root = files.dirname(t.root)

  local function problem_of(change)
    local ok, result = fail.try(function() return plant(assert(files.read(files.join(root, "lua", change.file))), change) end)
    return not ok and fail.message(result) or nil
  end

  t:case("each can be planted in exactly one place", function()
    local problems = {}
    for _, mistake in ipairs(mistakes.list) do
      for _, change in ipairs { mistake, mistake.also } do
        local problem = problem_of(change)
        if problem then problems[#problems + 1] = mistake.name .. ": " .. problem end
      end
    end
    t:equal(problems, {})
  end)

  t:case("a text that is gone, or is there twice, is noticed", function()
    t:equal(plant("a b c", { file = "x", find = "b", replace = "B" }), "a B c")
    local gone, twice = { file = "x", find = "z", replace = "" }, { file = "x", find = "a", replace = "" }
    t:raises("does not hold", function() plant("a b c", gone) end)
    t:raises("twice", function() plant("a b a", twice) end)
  end)
end
