-- SPDX-License-Identifier: MIT
-- Settings: the file, the authorities, and what is said about every bad value.
local dotenv = require "config.dotenv"
local files = require "base.files"
local settings = require "config.settings"

local HOME = "/home/user/.continueplz"

return function(t)
  local fake = t:load("fakehost")

  -- Loads the settings in a replaced world. → config, problems as an array of sentences, sim
  local function load(text, options)
    options = options or {}
    local s = fake.new { env = options.env or { HOME = "/home/user" } }
    if text then
      s.disk[HOME .. "/.env"] = { data = text, mode = options.mode or 384, mtime = 0 }
    end
    local world = s:world()
    local config = world.require "config.effective"
    local problems = config.load(HOME, { flags = options.flags, init = options.init })
    local sentences = {}
    for index, problem in ipairs(problems) do
      sentences[index] = problem.message
    end
    return config, sentences, s, problems
  end

  t:case("the file's grammar", function()
    local entries, problems = dotenv.parse('A=1\n# c\n\nexport B = "two # words" # c\nC=\'x\'\nD=a#b # c\n'
      .. 'E=\nF="open\nG="x" y\nnonsense\nA=2\n' .. "H=# nothing\r\n")
    local found = {}
    for _, entry in ipairs(entries) do
      found[#found + 1] = ("%d %s=%s"):format(entry.line, entry.name, entry.value)
    end
    t:equal(found, { "1 A=1", "4 B=two # words", "5 C=x", "6 D=a#b", "7 E=", "12 H=" })
    local lines = {}
    for index, problem in ipairs(problems) do
      lines[index] = problem.line
    end
    t:equal(lines, { 8, 9, 10, 11 })
  end)

  t:case("authority: built-in, init.lua, .env, environment, flags", function()
    local config = load()
    t:equal({ config.get "MAX_HOURS", config.origin "MAX_HOURS" }, { 12, "built-in" })
    config = load(nil, { init = { MAX_HOURS = 11 } })
    t:equal({ config.get "MAX_HOURS", config.origin "MAX_HOURS" }, { 11, "init.lua" })
    config = load("MAX_HOURS=9\n", { init = { MAX_HOURS = 11 } })
    t:equal({ config.get "MAX_HOURS", config.origin "MAX_HOURS" }, { 9, HOME .. "/.env line 1" })
    config = load("MAX_HOURS=9\n", { env = { MAX_HOURS = "8" } })
    t:equal({ config.get "MAX_HOURS", config.origin "MAX_HOURS" }, { 8, "environment" })
    config = load("MAX_HOURS=9\n",
      { env = { MAX_HOURS = "8" }, flags = { MAX_HOURS = { text = "90m", flag = "--max-hours" } } })
    t:equal({ config.get "MAX_HOURS", config.origin "MAX_HOURS", config.limit "MAX_HOURS" },
      { 1.5, "--max-hours", 5400.0 })
    t:equal(config.home(), HOME)
  end)

  t:case("limits: off must be typed, units are those of the name or of the value", function()
    local config, problems = load("MAX_HOURS=off\nIDLE_MINUTES=1h30m\nDEADMAN_TIMEOUT_HOURS=45m\n"
      .. "MAX_PRICE=OFF\nMAX_HOURS2=\n")
    t:equal(#problems, 1)
    t:equal({ config.get "MAX_HOURS", config.limit "MAX_HOURS", config.get "IDLE_MINUTES",
      config.limit "IDLE_MINUTES", config.limit "DEADMAN_TIMEOUT_HOURS", config.get "MAX_PRICE" },
      { false, nil, 90.0, 5400.0, 2700.0, false })
    config = load("MAX_HOURS=\n")
    t:equal(config.get "MAX_HOURS", 12)
  end)

  t:case("every bad value is one sentence with file, line and setting", function()
    local rows = {
      "MAX_HOURS=soon", "MAX_HOURS=0", "MAX_HOURS=-1", "MAX_HOURS=9999", "IDLE_MINUTES=nan",
      "PREFER_SPOT=maybe",
      "DEFAULT_TIER=huge",
      "DEFAULT_GPU=h10", "DEFAULT_REGION=eu-wst", "DEFAULT_MODEL=a b", "DEFAULT_MODEL=../x",
      "VAST_API_KEY=\"a b\"",
      "LOCAL_PORT=70000",
      "LOCAL_PORT=1.5", "CONTEXT_LENGTH=12", "CONTEXT_LENGTH=64m", "MAX_PRICE=cheap", "EUR_RATE=0.9",
      "VAST_BASE_URL=http://example.org",
      "VAST_BASE_URL=ftp://x", "VAST_BASE_URL=https://user:pw@example.org", "ALERT_WEBHOOK_URL=nonsense",
      "BID_MARGIN=-0.1",
      "OLLAMA_VERSION=latest;rm", "WIREGUARD_PRIVATE_KEY=short", "DAY_HOURS=off", "GPUS=0", "TIME_SCALE=0",
      "CA_FILE=relative.pem",
      "MIN_RELIABILITY=2", "DATACENTER_ONLY=off2",
    }
    for _, row in ipairs(rows) do
      local name = row:match("^[%w_]+")
      local config, problems = load("# first\n" .. row .. "\n")
      t:equal(#problems, 1, row)
      t:ok(problems[1]:find(HOME .. "/.env line 2: " .. name .. ": ", 1, true), problems[1])
      t:ok(not problems[1]:find("\n"), "one sentence")
      for _, setting in ipairs(settings) do
        if setting.name == name then
          t:equal(config.get(name), setting.default, name .. " falls back")
        end
      end
    end
  end)

  t:case("good values of every type", function()
    local config, problems = load("CONTEXT_LENGTH=64k\nPREFER_SPOT=no\nDEFAULT_TIER=Large\n"
      .. "DEFAULT_GPU=a100-80\nDEFAULT_REGION=eu\n" .. "DEFAULT_MODEL=someone/model-1:q4_K_M\n"
      .. "VAST_BASE_URL=http://127.0.0.1:99/\nREGISTRY_URL=http://[::1]:5\nTIME_SCALE=20\nMAX_PRICE=.5\n"
      .. "EUR_RATE=0.92@2026-11-19\nLOCAL_PORT=12000\n")
    t:equal(problems, {})
    t:equal({ config.get "CONTEXT_LENGTH", config.get "PREFER_SPOT", config.get "DEFAULT_TIER",
      config.get "VAST_BASE_URL", config.get "MAX_PRICE",
      config.get "LOCAL_PORT", config.rate().per_dollar, config.get "DEFAULT_MODEL" },
      { 65536, false, "large", "http://127.0.0.1:99", 0.5, 12000, 0.92, "someone/model-1:q4_K_M" })
    t:equal(config.get "TIME_SCALE", 20)
  end)

  t:case("waits are divided only when every address is on this computer", function()
    t:equal(load("TIME_SCALE=20\n").get "TIME_SCALE", 1)
    t:equal(load("TIME_SCALE=20\nVAST_BASE_URL=http://127.0.0.1:9\n").get "TIME_SCALE", 1)
    t:equal(load("TIME_SCALE=20\nVAST_BASE_URL=http://127.0.0.1:9\n"
      .. "REGISTRY_URL=http://localhost:8\n").get "TIME_SCALE", 20)
    local lambda = "TIME_SCALE=20\nREGISTRY_URL=http://localhost:8\nLAMBDA_API_KEY=l1\n"
      .. "LAMBDA_BASE_URL=http://127.0.0.1:7\n"
    t:equal(load(lambda).get "TIME_SCALE", 1, "Ollama would be fetched from elsewhere")
    t:equal(load(lambda .. "OLLAMA_DOWNLOAD_URL=http://127.0.0.1:6\n").get "TIME_SCALE", 20)
    t:equal(load("TIME_SCALE=20\nREGISTRY_URL=http://localhost:8\nCOREWEAVE_API_KEY=c1\n").get "TIME_SCALE",
      1, "where that cluster is is not set")
    local lent = load "TIME_SCALE=20\nREGISTRY_URL=http://localhost:8\n"
    t:equal(lent.get "TIME_SCALE", 20, "an address without a key is not asked")
    lent.borrow("LAMBDA_API_KEY=l1\n")
    t:equal(lent.get "TIME_SCALE", 1, "a key that is lent later")
    t:equal(load("TIME_SCALE=20\nVAST_BASE_URL=http://127.0.0.1:9\n"
      .. "REGISTRY_URL=https://localhost.evil.example\n").get "TIME_SCALE", 1)
  end)

  t:case("a file that others can read is refused, with what to type", function()
    for _, mode in ipairs { 420, 416, 388, 438, 386 } do
      local config, problems = load("VAST_API_KEY=abcdef\n", { mode = mode })
      t:equal(#problems, 1)
      t:ok(problems[1]:find("chmod 600 " .. HOME .. "/.env", 1, true), problems[1])
      t:equal(config.secret "VAST_API_KEY", nil)
    end
    t:equal(load("VAST_API_KEY=abcdef\n", { mode = 256 }).secret "VAST_API_KEY", "abcdef")
  end)

  t:case("unknown settings, double ones, half lines; in the order of the file", function()
    local _, problems = load("MAX_HUORS=3\nnonsense\nVAST_API_KEY=a\nVAST_API_KEY=b\n")
    t:equal(#problems, 3)
    t:ok(problems[1]:find("line 1", 1, true) and problems[1]:find("did you mean MAX_HOURS?", 1, true),
      problems[1])
    t:ok(problems[2]:find("line 2", 1, true), problems[2])
    t:ok(problems[3]:find("line 4", 1, true) and problems[3]:find("line 3", 1, true), problems[3])
  end)

  t:case("secrets are hidden from the moment they are read, and never told in a problem", function()
    local _, _, sim = load("VAST_API_KEY=canary-123456\n"
      .. "ALERT_WEBHOOK_URL=https://hooks.example/T0/canary-9\n")
    local hidden = {}
    for _, secret in ipairs(sim.secrets) do
      hidden[secret] = true
    end
    t:ok(hidden["canary-123456"] and hidden["https://hooks.example/T0/canary-9"], "both")
    local _, problems = load('VAST_API_KEY="canary 123456"\nALERT_WEBHOOK_URL=canary-7\n')
    t:ok(not table.concat(problems):find("canary"), table.concat(problems))
  end)

  t:case("the public key must be that of the private one", function()
    local key = require("base.keys").fresh()
    local private, public = key:secret(), key:public()
    local _, problems = load(("WIREGUARD_PRIVATE_KEY=%s\nWIREGUARD_PUBLIC_KEY=%s\n"):format(private, public))
    t:equal(problems, {})
    local other = require("base.keys").fresh():public()
    _, problems = load(("WIREGUARD_PRIVATE_KEY=%s\nWIREGUARD_PUBLIC_KEY=%s\n"):format(private, other))
    t:equal(#problems, 1)
    t:ok(problems[1]:find("line 2: WIREGUARD_PUBLIC_KEY", 1, true) and not problems[1]:find(private, 1, true),
      problems[1])
  end)

  t:case("a wrong flag is a usage problem, said with the flag", function()
    local _, _, _, problems = load(nil, { flags = { DEFAULT_GPU = { text = "h10", flag = "--gpu" } } })
    t:equal({ problems[1].usage, problems[1].message },
      { true, "--gpu: 'h10' is not a card we know; did you mean h100?" })
    for _, each in ipairs { { "DEFAULT_GPU", "rtx4090" }, { "DEFAULT_REGION", "eu-west" } } do
      local _, _, _, far = load(nil, { flags = { [each[1]] = { text = "xyzzyxyzzy", flag = "--x" } } })
      t:ok(far[1].message:find("we know; there are .*" .. each[2]:gsub("%-", "%%-")), far[1].message)
    end
  end)

  t:case(".example.env names every setting, and nothing else, with the built-in values", function()
    local text = assert(files.read(files.join(files.dirname(t.root), ".example.env")))
    local entries, problems = dotenv.parse(text)
    t:equal(problems, {})
    local named = {}
    for _, entry in ipairs(entries) do
      named[entry.name] = entry.value
    end
    for _, row in ipairs(settings) do
      if row.name then
        t:ok(named[row.name], row.name .. " is in .example.env")
        named[row.name] = nil
      end
    end
    t:equal(named, {})
    local config, sentences = load(text)
    t:equal(sentences, {})
    for _, row in ipairs(settings) do
      if row.name then
        t:equal(config.get(row.name), row.default, row.name)
      end
    end
  end)
end
