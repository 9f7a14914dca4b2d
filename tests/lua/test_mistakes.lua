-- SPDX-License-Identifier: MIT
-- Every mistake that the campaign or the guest's tests must notice can still be planted: its text stands in
-- the source exactly once.
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
      local where = mistake.test:find("^test_") and "c/" .. mistake.test .. ".c"
        or "guest/" .. mistake.test .. ".py"
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
      if mistake.by and not mistake.tests or not mistake.by and not mistake.expects then
        problems[#problems + 1] = name .. ": who notices it?"
      end
      for file in mistake.by == "lua" and mistake.tests:gmatch("%S+") or function() end do
        if not files.exists(files.join(t.root, "lua/test_" .. file .. ".lua")) then
          problems[#problems + 1] = name .. ": no test " .. file
        end
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

  -- What comes of `text` when `find` becomes X in it.
  local function planted(text, find) return plant(text, { file = "x", find = find, replace = "X" }) end

  t:case("how lines are broken and indented does not matter, and nothing but "
    .. "what was found is replaced", function()
    t:equal(planted("f(a,\n    b)  -- c", "f(a, b)"), "X  -- c")
    t:equal(planted("if a then return b end", "if a then\n  return b\nend"), "X")
    t:equal(planted("if a\n  and b then", " and b"), "if a\n X then")
    t:equal(planted("  a = 1\n  b = 2\n", "  a = 1\n"), "X  b = 2\n")
    t:equal(planted("    a = 1\n", "\n  a = 1"), "  X\n")
    t:equal(planted("x = {a, b}", "{ a, b }"), "x = X")
    t:raises("does not hold", function() planted("localx = 1", "local x = 1") end)
    t:raises("does not hold", function() planted("local x = 1", "localx = 1") end)
    t:raises("does not hold", function() planted("f(a)", "f( ") end)
  end)

  t:case("neither does a string that is split, nor the comma before a brace", function()
    t:equal(planted('f("one " .. "two")', '"one two"'), "f(X)")
    t:equal(planted('f("one "\n  .. "two")', "two"), 'f("one "\n  .. "X")')
    t:equal(planted('f("one two")', '"one " .. "two"'), "f(X)")
    t:equal(planted("f('one ' ..\n  'two')", "ne two'"), "f('oX)")
    t:equal(planted('f "one \\z\n  two"', "one two"), 'f "X"')
    t:equal(planted("{ a,\n  b,\n}", "{ a, b }"), "X")
    t:equal(planted("{ a, b }", "b,\n}"), "{ a, X")
    t:equal(planted("{ a, b, }", "b,"), "{ a, X }")
    t:raises("does not hold", function() planted('f("one" .. "two")', '"one two"') end)
    t:raises("does not hold", function() planted("{ a, b }", "a }") end)
  end)

  t:case("twice is twice also where one of the two is broken differently, unless only "
    .. "one is a line as was said", function()
    t:raises("twice", function() planted("f(a, b) f(a,\n  b)", "f(a, b)") end)
    t:raises("twice", function() planted("  f()\n    f()\n", "  f()\n") end)
    t:equal(planted("function  f()\n  f()\nend", "  f()\n"), "function  f()\nXend")
    t:raises("twice", function() planted("aaa", "a") end)
  end)
end
