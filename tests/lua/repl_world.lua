-- SPDX-License-Identifier: MIT
-- Runs `continueplz repl` in a replaced world.
local load = ...

local fake = load("fakehost")
local json = require "base.json"

local M = { home = "/home/user/.continueplz" }

local TOY = [[
local fail = require "base.fail"
local task = require "base.task"
local toy = { name = "toy" }
local function rows(body)
  return body.rows.list
end
function toy.offers(want)
  local list = rows(want)
  return list
end
function toy.get() fail.raise("transient", "Toy answered 503", { status = 503 }) end
function toy.slow() task.sleep(600) return "slept" end
return toy
]]

-- A cloud that has nothing to offer.
function M.cloud(request)
  if request.path:find("^/v2/") then return { status = 503, body = "down" } end
  if request.path:find("users/current", 1, true) then
    return { json = { id = 7, username = "ada", credit = 5.5 } }
  end
  return { json = { success = true, offers = json.array {}, instances = json.array {} } }
end

-- `continueplz repl WORDS` with this standard input. options: tty, files, http, more(sim, process)
-- → exit code, out, err, sim
function M.run(input, options)
  options = options or {}
  local s = fake.new { env = { HOME = "/home/user", VAST_API_KEY = "key-of-a-test" },
    http = options.http or M.cloud }
  s.disk[M.home .. "/providers/toy.lua"] = { data = TOY, mode = 384, mtime = 0 }
  for path, file in pairs(options.files or {}) do -- order: free
    s.disk[M.home .. "/" .. path] = { data = file, mode = options.mode or 384, mtime = 0 }
  end
  local p = s:start(function(require)
    return require("cli").main { "repl", table.unpack(options.words or {}) }
  end, { bare = true, tty = options.tty, input = input })
  p.stdin = options.stdin and options.stdin(s)
  if options.more then
    options.more(s, p)
  end
  s:run()
  return p:result(), p.out, p.err, s
end

-- All these texts must be in the text.
function M.has(text, ...)
  for _, part in ipairs { ... } do
    if not text:find(part, 1, true) then
      error(("%q is not in %q"):format(part, text), 2)
    end
  end
end

return M
