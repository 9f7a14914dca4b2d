-- SPDX-License-Identifier: MIT
-- What tests of init, config and doctor share: a Vast that knows one key, and the whole program
-- run in a replaced world.
local dotenv = require "config.dotenv"

local load = ...

local HOME = "/home/user/.continueplz"
local KEY = "good-key-0123456789abcdef"

return function(t)
  local fake = load("fakehost")

  local function bearer(request) return (request.headers.authorization or ""):match("^Bearer (.*)$") end

  -- A Vast that knows one key; answers: what else to say for a path.
  local function vast(answers)
    return function(request)
      if request.host ~= "console.vast.ai" then
        return { status = 503, body = "" }
      end
      for path, answer in pairs(answers or {}) do -- order: free
        if request.path:find(path) then return answer end
      end
      if bearer(request) ~= KEY then
        return { status = 404, json = { success = false, error = "auth_error", msg = "Invalid user key" } }
      end
      if request.path:find("users/current", 1, true) then
        return { json = { id = 7, username = "ada", credit = 12.5 } }
      end
      if request.path:find("instances", 1, true) then
        return { body = '{"success":true,"instances":[]}' }
      end
      return { status = 503, body = "" }
    end
  end

  local function words(line)
    local list = {}
    for word in line:gmatch("%S+") do list[#list + 1] = word end
    return list
  end

  -- Runs a command line in a replaced world. → exit code, stdout, stderr, sim
  local function run(line, options)
    options = options or {}
    local env = { HOME = "/home/user" }
    for key, value in pairs(options.env or {}) do env[key] = value end -- order: free
    local s = fake.new { env = env, http = options.http or vast() }
    for path, text in pairs(options.files or {}) do -- order: free
      s.disk[HOME .. "/" .. path] = { data = text, mode = 384, mtime = 0 }
    end
    local p = s:start(function(require) return require("cli").main(words(line)) end, { bare = true,
      tty = options.tty and { ["in"] = true, out = true, err = true } or {}, input = options.input })
    s:run()
    return p:result(), p.out, p.err, s
  end

  local function env_of(s)
    local file = s.disk[HOME .. "/.env"]
    if not file then return nil end
    t:equal(file.mode, 384, "mode of .env")
    local values, entries, problems = {}, dotenv.parse(file.data)
    t:equal(problems, {})
    for _, entry in ipairs(entries) do values[entry.name] = entry.value end
    return values, file.data
  end

  local function says(text, ...)
    local flat = text:gsub("\27%[%d*m", ""):gsub("%s+", " ")
    for _, part in ipairs { ... } do t:ok(flat:find(part, 1, true), ("%q in: %s"):format(part, flat)) end
  end

  return { vast = vast, words = words, run = run, env_of = env_of, says = says }
end
