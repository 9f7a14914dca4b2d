-- SPDX-License-Identifier: MIT
-- Changing the text of an .env file.
local dotenv = require "config.dotenv"
local keys = require "base.keys"

return function(t)
  t:case("merge: each shape of a line gets its value and keeps the rest", function()
    local rows = {
      { "A=1\n", "A=2\n" }, { "A=1", "A=2" }, { "  export A = 1   # c\r\n", "  export A = 2   # c\r\n" },
      { "A=\n", "A=2\n" }, { "A=       # c\n", "A=2      # c\n" }, { "A=# c\n", "A=2 # c\n" },
      { "A=long value    # c\n", "A=2             # c\n" },
      { "A='x y' # c\n", "A=2     # c\n" }, { 'A="open\n', "A=2\n" }, { "A=1\nA=3\n", "A=2\nA=3\n" },
      { "", "A=2\n" }, { "# A=1\n", "# A=1\nA=2\n" },
      { "B=1", "B=1\nA=2\n" }, { "AB=1\r\n", "AB=1\r\nA=2\r\n" }, { "nonsense\n\n", "nonsense\n\nA=2\n" },
      { "\239\187\191A=1\n", "\239\187\191A=2\n" },
    }
    for _, row in ipairs(rows) do
      t:equal(dotenv.merge(row[1], { { name = "A", value = "2" } }), row[2], row[1])
    end
    t:equal(dotenv.merge("A=1 # c\nB=2\n", { { name = "A", value = "" }, { name = "C", value = "" } }),
      "A=  # c\nB=2\n")
    t:equal(dotenv.merge("", { { name = "A", value = "/a b/c" }, { name = "B", value = "#x" },
      { name = "C", value = [["q" x]] } }), "A=\"/a b/c\"\nB=\"#x\"\nC='\"q\" x'\n")
    t:equal({ dotenv.merge("A=1\n", { { name = "A", value = "x\ny" } }) },
      { nil, "A: a value of .env cannot hold a line break" })
    t:equal((dotenv.merge("A=1\n", { { name = "A", value = [[' "]] } })), nil)
  end)

  t:case("merge: no text loses a line, and what was put in is read back", function()
    local bits = { "A", "B", "=", " ", "#", '"', "'", "\t", "x", "\r", "export ", "\n", "\n",
      "A=", "B=1 # c" }
    local values = { "", "v", "v w", "#v", "'v", [["v]], "v#", "v # w" }
    for _ = 1, 3000 do
      local pieces = {}
      for index = 1, keys.random_int(0, 24) do pieces[index] = bits[keys.random_int(1, #bits)] end
      local text = table.concat(pieces)
      local value = values[keys.random_int(1, #values)]
      local merged = assert(dotenv.merge(text, { { name = "A", value = value } }))
      local before, after = {}, {}
      for line in (text .. (text:sub(-1) ~= "\n" and text ~= "" and "\n" or "")):gmatch("([^\n]*)\n") do
        before[#before + 1] = line
      end
      for line in merged:gmatch("([^\n]*)\n?") do after[#after + 1] = line end
      local changed = 0
      for index, line in ipairs(before) do
        if after[index]:gsub("\r$", "") ~= line:gsub("\r$", "") then
          changed = changed + 1
          t:ok(line:find("A", 1, true), ("line %q of %q became %q"):format(line, text, after[index]))
        end
      end
      t:ok(changed <= 1, text)
      local found
      for _, entry in ipairs((dotenv.parse(merged))) do
        if entry.name == "A" then found = entry.value end
      end
      t:equal(found or "", value, ("%q with %q is %q"):format(text, value, merged))
    end
  end)
end
