-- SPDX-License-Identifier: MIT
-- Exit codes are said by name: their numbers stand in lua/facts/exitcodes.lua alone.
local exitcodes = require "facts.exitcodes"
local sorted = require "base.sorted"

-- How a number of an exit code would look in a line of code. (0, success, is the one that is said as it is.)
local PATTERNS = { "return (%d+)$", "return .+ and (%d+) or 0$", "%f[%a]code%s*[=~]?=%s*(%d+)",
  "exit_code = (%d+)", "[Ee]xit code (%d+)", "Exit (%d+)", "leave = (%d+)", "exit = (%d+)" }
-- Where what is returned is an exit code.
local PLACES = { "^commands/", "^cli/", "^repl/", "^agent/main%.lua$", "^[^/]+%.lua$", "^home/alert%.lua$",
  "^schedule/" }

return function(t)
  local source = require "source"

  local function is_code(text)
    for _, row in ipairs(exitcodes.list) do
      if row.code ~= 0 and row.code == tonumber(text) then return true end
    end
    return false
  end

  local function place(path)
    for _, pattern in ipairs(PLACES) do
      if path:find(pattern) then return true end
    end
    return false
  end

  local function numbers(line)
    for _, pattern in ipairs(PATTERNS) do
      local number = line:match(pattern)
      if number and is_code(number) then return number end
    end
    return nil
  end

  t:case("no number of an exit code outside their table", function()
    t:equal({ numbers "return 7", numbers "  return failed and 1 or 0", numbers "it ends with exit code 8",
      numbers "if code ~= 130 then" }, { "7", "1", "8", "130" })
    t:equal({ numbers "return 0", numbers "code == 27", numbers "return 2, ALT[second]" }, {})
    local problems, count = {}, 0
    for path, text in sorted(source.lua()) do
      if place(path) and path ~= "facts/exitcodes.lua" then
        count = count + 1
        for number, line in ipairs(source.lines(source.uncommented(text))) do
          if numbers(line:gsub("%s+$", "")) then
            problems[#problems + 1] = ("lua/%s:%d says %s"):format(path, number, line)
          end
        end
      end
    end
    t:ok(count > 50, count .. " files")
    t:equal(problems, {})
  end)

  t:case("what commands return by name is in the table", function()
    local seen = 0
    for path, text in sorted(source.lua()) do
      for name in (path:find("^commands/") and text or ""):gmatch("\n%s+return \"(%l+)\"\n") do
        t:ok(exitcodes.number(name), path .. " returns " .. name)
        seen = seen + 1
      end
    end
    t:ok(seen > 5, seen .. " names")
    t:equal({ exitcodes.number(0), exitcodes.number(255), exitcodes.number "limit" }, { 0, 255, 8 })
    for _, value in ipairs { -1, 256, 1.5, "none", "7", true, {} } do
      t:equal(exitcodes.number(value), nil, tostring(value))
    end
  end)
end
