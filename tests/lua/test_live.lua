-- SPDX-License-Identifier: MIT
-- The parts of `make live` that need no cloud: shapes of answers, names of requests, quoted marks.
local files = require "base.files"
local json = require "base.json"
local scripts = require "sandbox.world"
local shapes = require "live.shapes"
local watching = require "live.watching"

return function(t)
  local function shape(...)
    local made = {}
    for _, text in ipairs { ... } do
      shapes.add(made, assert(json.decode(text, true)), { ["$.map"] = true })
    end
    return made
  end

  local function differences(real, known)
    local list = {}
    for index, each in ipairs(shapes.compare(real, known)) do list[index] = each.what .. " " .. each.path end
    return table.concat(list, ", ")
  end

  t:case("a shape has kinds and no values; names that are data are left out", function()
    t:equal(shapes.told(shape '{"a":[{"n":1},{"n":null,"t":"x"}],"map":{"any":true},"u1234567":{},"l":[]}'), {
      ["$"] = "object", ["$.a"] = "list", ["$.a[]"] = "object", ["$.a[].n"] = "null or number",
      ["$.a[].t"] = "text", ["$.map"] = "object", ["$.map.*"] = "truth", ["$.*"] = "empty",
      ["$.l"] = "empty" })
  end)

  t:case("what differs: unknown, absent, another kind, null; an empty list differs in nothing", function()
    local known = shape('{"a":[{"n":1,"t":"x"}],"e":{"deep":1}}')
    t:equal(differences(shape '{"a":[{"n":1,"t":"x"}],"e":{"deep":2}}', known), "")
    t:equal(differences(shape '{"a":[],"e":null}', known), "null $.e")
    t:equal(differences(shape '{"a":[{"n":"1","t":null,"m":2}],"e":{"deep":1}}', known),
      "unknown $.a[].m, kind $.a[].n, null $.a[].t")
    t:equal(differences(shape '{"a":[{"n":1,"t":"x"}]}', known), "absent $.e")
    t:equal(differences(shape('{"a":[{"n":1}]}', '{"a":[{"t":"x"}],"e":{"deep":3,"new":{"x":1}}}'), known),
      "unknown $.e.new", "only the topmost of what is unknown")
  end)

  t:case("a request's name holds no id and nothing of its query but the names", function()
    t:equal(watching.name { method = "GET", path = "/api/v0/instances/30119482/",
      query = "owner=me&k=s3cret" }, "GET /api/v0/instances/*/ ?owner,k")
    t:equal(watching.name { method = "GET", path = "/v2/pods", query = "" }, "GET /v2/pods")
  end)

  t:case("each mark is quoted from the facts of its cloud", function()
    for _, name in ipairs(scripts.names "live/clouds") do
      local facts = assert(files.read(files.join(t.root, "..", "docs", "facts", name .. ".md")))
      local known = require("live.clouds." .. name)
      for _, mark in ipairs(known.marks) do
        t:ok(facts:find(mark.text, 1, true), name .. ": " .. mark.text)
      end
      t:ok(#known.marks > 0, name)
    end
  end)
end
