-- SPDX-License-Identifier: MIT
-- What end-to-end cases expect, said in words.
local fail = require "base.fail"
local json = require "base.json"

local expect = {}

local function shorten(text)
  return #text > 3000 and "…" .. text:sub(-3000) or text
end

local function wrong(result, what)
  error(("%s\n--- code %s, signal %s\n--- out\n%s\n--- err\n%s"):format(what, tostring(result.code),
    tostring(result.signal), shorten(result.out), shorten(result.err)), 0)
end

--- The command ended with `code` and printed every pattern (plain text) on stdout or stderr.
function expect.ends(result, code, ...)
  if result.code ~= code then wrong(result, ("expected exit code %d"):format(code)) end
  for _, text in ipairs { ... } do
    if not result.out:find(text, 1, true) and not result.err:find(text, 1, true) then
      wrong(result, ("expected to read %q"):format(text))
    end
  end
  return result
end

--- These texts were printed, wherever their lines are broken.
function expect.wrapped(result, ...)
  local said = (result.out .. " " .. result.err):gsub("%s+", " ")
  for _, text in ipairs { ... } do
    if not said:find(text, 1, true) then wrong(result, ("expected to read %q"):format(text)) end
  end
  return result
end

--- None of these texts was printed.
function expect.lacks(result, ...)
  for _, text in ipairs { ... } do
    if result.out:find(text, 1, true) or result.err:find(text, 1, true) then
      wrong(result, ("did not expect to read %q"):format(text))
    end
  end
  return result
end

--- Without a terminal there are no escapes.
function expect.plain(result)
  if result.out:find("\27", 1, true) or result.err:find("\27", 1, true) then
    wrong(result, "escape sequences without a terminal")
  end
  return result
end

--- The cloud's own ledger: nothing bills.
function expect.nothing_bills(r)
  local open = r:billing()
  if #open > 0 then
    error("the ledger says that something bills: " .. json.encode(open), 0)
  end
end

--- Exactly `n` machines bill.
function expect.machines(r, n)
  local ids, count = {}, 0
  for _, row in ipairs(r:billing()) do
    if row.kind ~= "ip" and not ids[row.id] then
      ids[row.id] = true
      count = count + 1
    end
  end
  if count ~= n then
    error(("expected %d billing machines, the ledger has %d: %s"):format(n, count,
      json.encode(r:billing())), 0)
  end
end

--- Decodes the one JSON object a command printed.
function expect.json(result)
  local value, message = json.decode(result.out)
  if type(value) ~= "table" then wrong(result, "no JSON: " .. tostring(message)) end
  return value
end

--- Nothing that was made around machines is left.
function expect.nothing_left(r)
  local left = r:leftovers()
  local count = #left.ssh_keys + #left.rulesets + #left.startup_scripts + #left.public_ips + #left.snapshots
    + #left.network_volumes + #left.templates + #left.objects
  if count > 0 or left.rules_changed then
    error("left behind: " .. json.encode(left), 0)
  end
end

--- No agent is left.
function expect.no_agent(r)
  if r:agent() then error("an agent is left running: " .. r:agent(), 0) end
end

--- The home's journal tells nothing open, the ledger neither, no agent lives.
function expect.all_over(r)
  expect.nothing_bills(r)
  expect.nothing_left(r)
  expect.no_agent(r)
end

function expect.that(condition, what)
  if not condition then fail.raise("internal", what) end
end

return expect
