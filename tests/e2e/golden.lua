-- SPDX-License-Identifier: MIT
-- What the program prints, kept as text in tests/golden/*.txt. GOLDEN=write in the environment writes the
-- files anew. Times, numbers of machines, ports, tokens and amounts that depend on time are replaced, by
-- words of the same width where columns matter.
local clients = require "ui.clients"
local expect = require "e2e.expect"
local files = require "base.files"
local host = require "sandbox.host"
local json = require "base.json"
local process = require "base.process"
local pty = require "e2e.pty"
local sorted = require "base.sorted"

local MODEL = "--model=qwen3-coder:30b"
local cases = {}

local DURATION = "%d+[dhms][dhms%d ]*[hms]"
local SHORT = "%d+s"

-- Line by line: a pattern and what stands for it. Boxes are as wide as the path of the log in them,
-- so they lose their right side.
local rules = {
  { "cplz%-%x+%-%x+", "TOKEN" }, { "%f[%d.]%d%d%d%d%d%d%d%d%f[%D]", "########" },
  { "127%.0%.0%.1:%d%d%d%d%d", "127.0.0.1:#####" },
  { "(handshake) [%d.]+ s old", "%1 # s old" }, { "last handshake .- ago", "last handshake # ago" },
  { "^(Running:%s+)" .. DURATION, "%1#" }, { "^(Running:%s+)" .. SHORT, "%1#" },
  { "^(Duration:%s+)" .. DURATION, "%1#" }, { "^(Duration:%s+)" .. SHORT, "%1#" },
  { "^(Running for:%s+)" .. DURATION, "%1#" }, { "^(Running for:%s+)" .. SHORT, "%1#" },
  { "^(Session cost:%s+)%$[%d.]+", "%1#" }, { "^(Cost so far:%s+)%$[%d.]+", "%1#" },
  { "^(Cost so far:%s+at most )%$[%d.]+", "%1#" },
  { "^(%s+)" .. DURATION .. " (without %a+)$", "%1# %2" },
  { "^(%s+)" .. DURATION .. " (at most)$", "%1# %2" },
  { "listen%-tcp %d+", "listen-tcp #####" },
  { "%-p 2%d%d%d%d:2%d%d%d%d", "-p #####:#####" }, { "%(%d+ bytes%)", "(# bytes)" },
  { "%f[%d]%d+ tokens/s", "# tokens/s" }, { "round trip [%d.]+ ms", "round trip # ms" },
  { "as of .- ago", "as of # ago" }, { "^╭.*╮$", "╭───╮" }, { "^╰.*╯$", "╰───╯" }, { "^(│.-)%s*│$", "%1" },
}

-- Lines of which any number may come, depending on how fast things go: only the first is kept.
local repeated = { "^      Booting%.%.%. %(", "^      Pulling %S+ %d+%%" }
local dropped = { "^      %- attempt [2-9] failed", "^      %- the guard on the machine was told to end it",
  "^      %- the guard on the machine could not be told to end it",
  "^      Waiting for the model server", "^      The cloud is ending the machine" }

local function drops(line)
  for _, pattern in ipairs(dropped) do
    if line:find(pattern) then return true end
  end
end

local function repeats(line)
  for _, pattern in ipairs(repeated) do
    if line:find(pattern) then return pattern end
  end
end

local function plain(r, text)
  local lines, before = {}, nil
  text = text:gsub(r.home:gsub("%p", "%%%0"), "HOME")
  for line in text:gmatch("([^\n]*)\n") do
    local kind = repeats(line)
    if not drops(line) and (not kind or kind ~= before) then
      for _, rule in ipairs(rules) do line = line:gsub(rule[1], rule[2]) end
      if kind then
        line = line:gsub("(Pulling %S+ )%d+%%.*", "%1#%% ..."):gsub("Booting%.%.%. %(.*", "Booting... (#)")
      end
      lines[#lines + 1] = line
    end
    before = kind
  end
  return (table.concat(lines, "\n") .. (#lines > 0 and "\n" or "")):gsub("│ Details:\n│ HOME",
    "│ Details: HOME")
end

-- Fields of JSON whose value depends on time.
local moving = {}
for name in ([[current running_seconds started_at remaining_seconds idle_remaining_seconds
  life_remaining_seconds handshake_age tokens_per_second duration_seconds at round_trip_ms
  port]]):gmatch("%S+") do
  moving[name] = true
end

-- The shape of a value: names, and the values that do not move. Of an array the first two.
local function shape(value, name, text)
  if type(value) == "table" then
    local empty_array = name and text:find(('"%s":[]'):format(name), 1, true)
    local copy = (#value > 0 or empty_array) and json.array {} or {}
    for key, item in sorted(value) do
      if type(key) ~= "number" or key <= 2 then
        copy[key] = shape(item, type(key) == "string" and key or name, text)
      end
    end
    return copy
  end
  if moving[name] or name == "total" and type(value) == "number" then
    return "#"
  end
  return value
end

local function shown(r, words, result)
  local parts = { "$ continueplz " .. table.concat(words, " ") .. "\n" }
  local object = result.out:find("^{") and json.decode(result.out)
  -- A client's configuration is JSON as well, but printed for people: it stays as it is.
  if object and object.status then
    parts[2] = (plain(r, json.encode(shape(object, nil, result.out), 2) .. "\n"))
  else
    parts[2] = (plain(r, result.out))
  end
  if result.err ~= "" then parts[3] = "--- stderr\n" .. plain(r, result.err) end
  parts[#parts + 1] = ("--- exit %s\n\n"):format(tostring(result.code))
  return table.concat(parts)
end

local function difference(got, wanted)
  local rest, number = wanted, 0
  for line in got:gmatch("([^\n]*)\n") do
    number = number + 1
    local other, after = rest:match("^([^\n]*)\n(.*)$")
    if other ~= line then return number, line, other or "(the end)" end
    rest = after
  end
  return number + 1, "(the end)", rest:match("^[^\n]*")
end

local function compare(name, text)
  local path = files.join(process.cwd(), "tests/golden", name .. ".txt")
  if process.getenv("GOLDEN") == "write" then
    return assert(files.write(path, text, 420))
  end
  local kept = assert(files.read(path))
  if kept == text then return end
  local number, got, wanted = difference(text, kept)
  error(("tests/golden/%s.txt:%d: printed is\n  %s\ninstead of\n  %s\n(GOLDEN=write accepts it)"):format(name,
    number, got, wanted), 0)
end

-- A case: `run(r, say)`, where say(...) runs the program and keeps what it printed.
local function case(name, run, options)
  cases[#cases + 1] = { name = name, options = options, run = function(r)
    local parts = {}
    run(r, function(...)
      local words = { ... }
      local result = expect.plain(r:run(...))
      expect.lacks(result, r.account_key)
      parts[#parts + 1] = shown(r, words, result)
      return result
    end)
    compare(name, table.concat(parts))
  end }
end

case("help", function(_, say)
  say("--help")
  say("help", "up")
  say("help", "stop")
  say("--version")
end)

case("help-all", function(_, say) say("help", "--all") end)

case("usage", function(_, say)
  for _, words in ipairs { { "--modle=x" }, { "statsu" }, { "up", "--timeout=soon" }, { "up", "--timeout=5" },
    { "status", "now" }, { "stop", "--gpu=h100" }, { "up", "--model=qwen3-codr:30b" },
    { "endpoint", "--for=emacs" }, { "up", "--output=xml" }, { "--spot", "--on-demand" } } do
    say(table.unpack(words))
  end
end)

case("nothing", function(_, say)
  for _, words in ipairs { { "status" }, { "stop" }, { "endpoint" }, { "ping" }, { "ack" },
    { "logs", "guard" } } do
    say(table.unpack(words))
  end
  for _, words in ipairs { { "status", "--output=json" }, { "stop", "--output=json" },
    { "endpoint", "--json" } } do
    say(table.unpack(words))
  end
end)

case("offers", function(_, say)
  say("offers", MODEL)
  say("up", MODEL, "--dry-run")
  say("up", MODEL, "--gpu=l4")
  say("up", MODEL, "--gpu=h100", "--on-demand", "-y")
  say("offers", MODEL, "--output=json")
end, { env = { MAX_PRICE = "1.50" } })

case("plan", function(_, say)
  say("up", MODEL, "--plan", "--on-demand")
  say("up", MODEL, "--plan", "--output=json")
  say("up", MODEL, "--plan", "--max-hours=off", "--max-price=0.21")
  say("up", MODEL, "--plan", "--wait")
end, { env = { MAX_PRICE = "0.15" } })

case("coreweave", function(_, say) say("up", MODEL, "--plan", "--on-demand") end, { cloud = "coreweave" })

case("models", function(_, say)
  for _, words in ipairs { {}, { "--tier=small", "--output=json" }, { "info", "qwen3-coder:30b" },
    { "info", "qwen2.5:72b", "--context=64k" }, { "fit", "--gpu=rtx4090", "--context=64k" },
    { "fit", "gpt-oss:20b", "qwen2.5:72b" }, { "fit", "--vram=1" }, { "info", "qwen2.5-coder:72b" },
    { "info", "gemma4:31b", "--output=json" }, { "qwen3-coder:30b" } } do
    say("models", table.unpack(words))
  end
  say("up", "--model=qwen2.5:72b", "--dry-run")
end)

case("session", function(r, say)
  say("--cheapest", MODEL)
  say("status")
  say("--cheapest", MODEL)
  say("endpoint")
  say("stop")
  expect.all_over(r)
end)

case("no-guard", function(r, say)
  say("offers", MODEL)
  say("--cheapest", MODEL)
  say("--cheapest", MODEL, "--accept-no-guard")
  say("status")
  say("status", "--output=json")
  say("stop")
  expect.all_over(r)
end, { cloud = "lambda", env = { GUARD_ACCOUNT_KEY = "no" } })

case("no-guard-paperspace", function(r, say)
  say("offers", MODEL)
  say("up", MODEL, "--plan", "--accept-no-guard")
  say("--cheapest", MODEL, "--accept-no-guard")
  say("status")
  say("stop")
  expect.nothing_bills(r)
end, { cloud = "paperspace", env = { GUARD_ACCOUNT_KEY = "no" } })

case("lambda", function(r, say)
  say("--cheapest", MODEL)
  say("status")
  say("stop")
  expect.all_over(r)
end, { cloud = "lambda" })

case("settings", function(_, say)
  for _, words in ipairs { { "config", "get", "MAX_PRICE" }, { "config", "set", "MAX_PRICE", "1.50" },
    { "config", "get", "MAX_PRICE", "--output=json" }, { "config", "set", "MAX_PRICE", "much" },
    { "config", "set", "MAX_PRIZE", "1" }, { "config", "set", "VAST_API_KEY", "abc" },
    { "config", "unset", "MAX_PRICE" }, { "config", "nonsense" }, { "init", "--key=abc" } } do
    say(table.unpack(words))
  end
end)

case("schedule", function(_, say)
  for _, words in ipairs { { "add", "--start=8:61", "--stop=17:00" },
    { "add", "--start=17:00", "--stop=08:30" }, { "add", "--start=08:30", "--stop=17:00", "--days=mon-fry" },
    { "add", "--stop" }, { "remove", "--cron" }, { "sometimes" } } do
    say("schedule", table.unpack(words))
  end
end, { env = { MAX_HOURS = "12" } })

case("clients", function(r, say)
  say("up", MODEL, "--on-demand", "--output=json")
  say("status", "--output=json")
  say("endpoint", "--json")
  say("endpoint", "--shell")
  for _, client in ipairs(clients.names) do say("endpoint", "--for", client) end
  say("stop", "--output=json")
  expect.all_over(r)
end)

case("unproven", function(r, say)
  expect.ends(r:run("--cheapest", MODEL), 0)
  r:fault { name = "api.down", sticky = true }
  expect.ends(say("stop"), 1)
  expect.ends(say("stop", "--output=json"), 1)
  r:heal()
  expect.ends(r:run("stop"), 0)
  expect.nothing_bills(r)
end)

-- Runs the program on a terminal of its own and types `answer` at the question.
local function on_terminal(r, answer, ...)
  return pty.run({ process.exe, "-C", r.home, ... }, { { "[y/N]", answer } }, { env = { "HOME=" .. r.dir } })
end

cases[#cases + 1] = { name = "a terminal is asked once, with the sum", run = function(r)
  if not files.exists("/usr/bin/script") or host.platform ~= "linux" then
    return "needs script of util-linux"
  end
  local result = expect.ends(on_terminal(r, "n\n", "up", MODEL), 8, "$1.70 for 8h 00m",
    "Nothing was rented.", "\27[32m✓")
  local _, times = result.out:gsub("Rent it for %$0%.207/h%? %[y/N%]", "")
  expect.that(times == 1, ("asked %d times"):format(times))
  expect.machines(r, 0)
  expect.ends(on_terminal(r, "y\n", "up", MODEL), 0, "READY", "Pulling qwen3-coder:30b", "\r\27[K")
  expect.machines(r, 1)
  expect.ends(on_terminal(r, "", "stop"), 0, "Confirmed", "Session cost")
  expect.all_over(r)
end }

return cases
