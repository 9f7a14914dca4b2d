-- SPDX-License-Identifier: MIT
-- The shapes of the JSON answers that the commands' tables tell. What commands really answer is compared
-- wherever a test has them answer: here what is kept in tests/golden, in test_hostile.lua, and in all of
-- tests/e2e.
local answers = require "answers"
local commands = require "commands"
local files = require "base.files"
local json = require "base.json"
local sorted = require "base.sorted"
local source = require "source"

return function(t)
  t:case("a shape is read and compared", function()
    local shape = answers.parse "a, b: text; c: { d: integer; e: [number?] }; =status"
    t:equal(sorted.keys(answers.names(shape)), { "a", "b", "c", "d", "e" })
    t:equal(shape.also, { "status" })
    for _, text in ipairs { "a", "a: ", "a: {b: text", "a: [text", "a: text; 7" } do
      t:equal((pcall(answers.parse, text)), false, text)
    end
    t:equal(answers.problems("ack",
      { status = "acknowledged", id = "x", token = "y", money_running = false }), {})
    t:equal(answers.problems("ack", { status = "x", id = 7, more = true }), { ".id is no text but 7",
      ".more is not in the shape" })
    t:equal(answers.problems("doctor", { checks = { { name = "a", way = "b" } } }),
      { ".checks[1].way is not in the shape" })
    t:equal(answers.problems("status", { model = json.null, context = 1.5 }),
      { ".context is no integer but 1.5", ".model is null" })
    t:equal(answers.problems("up", { cost = { hourly = 1 }, offers = { { id = "1", bid = 0.5 } } }), {})
    t:equal(pcall(answers.check, { "ack", "--output=json" },
      '{"status":"x","other":1,"money_running":false}'), false)
    t:equal(answers.check({ "ack", "--output=json" }, "no object"), true)
  end)

  t:case("every shape can be read, and each name in it is one that the program says", function()
    local texts = {}
    for path, text in sorted(source.lua()) do
      local said = text:gsub("answer = %[%[.-%]%]", ""):gsub('answer = "[^"]*"', "")
      texts[#texts + 1] = path:find("^commands/") and said or text
    end
    local all = table.concat(texts, "\n")
    for _, name in ipairs(require("sandbox.world").names "commands") do
      local ok, shape = pcall(answers.shape, name)
      t:ok(ok, name .. ": " .. tostring(shape))
      for field in sorted(answers.names(shape)) do
        t:ok(all:find("%f[%w_]" .. field .. "%f[^%w_]"), ("%s is said to answer %s"):format(name, field))
      end
    end
  end)

  -- What stands in a golden file for a value that moves.
  local function without_marks(value)
    if type(value) ~= "table" then return value end
    local copy = #value > 0 and json.array {} or {}
    for key, each in sorted(value) do
      if each ~= "#" then
        copy[key] = without_marks(each)
      end
    end
    return copy
  end

  t:case("what is kept in tests/golden is as the tables tell", function()
    local seen = {}
    for path, text in sorted(source.tree(files.join(t.root, "golden"), ".txt")) do
      for line, block in text:gmatch("%$ continueplz ([^\n]*)\n({\n.-\n}\n)") do
        local words = {}
        for word in line:gmatch("%S+") do
          words[#words + 1] = word
        end
        local ok, object = pcall(json.decode, block)
        local name = answers.command_of(words)
        if ok and name and object.status then
          t:equal(answers.problems(name, without_marks(object)), {}, path .. ": " .. line)
          seen[name] = true
        end
      end
    end
    for _, name in ipairs { "offers", "models", "up", "status", "stop", "endpoint", "config" } do
      t:ok(seen[name], "an answer of " .. name)
    end
  end)

  t:case("no command answers without a shape", function()
    for _, name in ipairs(commands.names()) do
      t:ok(commands.own(name).answer, name)
    end
  end)
end
