-- SPDX-License-Identifier: MIT
--- What must be so; raises what is not.
local fail = require "base.fail"
local json = require "base.json"
local sorted = require "base.sorted"

local expect = {}

function expect.that(value, sentence)
  if not value then fail.raise("broken", sentence) end
end

local function text(value) return value == nil and "nothing" or json.encode(value) end

--- Both are the same JSON.
function expect.same(got, wanted, what)
  expect.that(text(got) == text(wanted), ("%sthere is %s, and should be %s"):format(what and what .. ": "
    or "", text(got), text(wanted)))
end

--- All that was sent is in what was made of it. A Secret's texts are not shown again.
function expect.within(sent, made, at)
  if type(sent) ~= "table" then return expect.same(made, sent, at) end
  expect.that(type(made) == "table", at .. " is not there")
  for name, value in sorted(sent) do
    if name ~= "stringData" then expect.within(value, made[name], ("%s.%s"):format(at, name)) end
  end
end

return expect
