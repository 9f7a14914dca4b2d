-- SPDX-License-Identifier: MIT
-- From nothing to a model and back as a newcomer types it; prompts that are left;
-- config and doctor against the simulated cloud.
local expect = require "e2e.expect"
local files = require "base.files"
local json = require "base.json"
local process = require "base.process"
local pty = require "e2e.pty"
local rig = require "e2e.rig"
local sorted = require "base.sorted"

local MODEL = "--model=qwen3-coder:30b"
local cases = {}

-- The simulator's addresses, as environment.
local function addresses(r)
  local env = { "TIME_SCALE=" .. r.scale, "HOME=" .. r.dir }
  for name, url in sorted(r.address) do
    if name == "registry" then
      env[#env + 1] = "REGISTRY_URL=" .. url
    elseif name ~= "control" then
      env[#env + 1] = name:upper() .. "_BASE_URL=" .. url
    end
  end
  return env
end

-- A case that begins without a home.
local function case(name, run)
  cases[#cases + 1] = { name = name, run = function(r)
    files.remove_tree(r.home)
    return run(r, addresses(r))
  end }
end

-- What a newcomer types; the first question comes only where there are several clouds.
local function answers(key, last)
  return { { "Numbers or names", "vast\r" }, { "API key (not shown", key }, { "Enter saves", last } }
end

-- Runs the program on a terminal in the rig's home.
local function typed(r, env, dialogue, ...)
  r:check_processes()
  local result = pty.run({ process.exe, "-C", r.home, ... }, dialogue, { env = env })
  return expect.lacks(result, r.account_key, "traceback", "attempt to")
end

-- Runs the program without a terminal, with an input and an environment.
local function piped(r, env, input, ...)
  local all = { "PATH=" .. process.getenv("PATH"), table.unpack(env) }
  local child = process.spawn { argv = { process.exe, "-C", r.home, ... }, env = all, stdin = "pipe",
    stdout = "pipe", stderr = "file:" .. files.join(r.dir, "piped.err"), cwd = "/", session = true }
  child.stdin:write(input)
  child.stdin:close()
  local pieces = {}
  for piece in function() return child.stdout:read() end do pieces[#pieces + 1] = piece end
  local result = { code = child:wait().status, out = table.concat(pieces),
    err = files.read(files.join(r.dir, "piped.err")) or "" }
  child:close()
  files.remove(files.join(r.dir, "piped.err"))
  return expect.lacks(expect.plain(result), r.account_key, "traceback", "attempt to")
end

case("a newcomer: init in three prompts at most, start, endpoint, stop", function(r, env)
  local first = expect.ends(typed(r, env, {}), 0, "continueplz init")
  expect.that(#first.typed == 0 and not files.exists(r.home), "the first screen asks or writes something")
  local set = expect.ends(typed(r, env, answers(r.account_key .. "\r", "\r"), "init"), 0, "key valid",
    "balance $", "Saved in", "* would be taken", "/h")
  expect.that(#set.typed <= 3, ("init asked %d times"):format(#set.typed))
  local stat = files.stat(files.join(r.home, ".env"))
  expect.that(stat and stat.mode == 384, ".env is not there, or not 0600")
  rig.settle_port(r.home)
  local up = expect.ends(typed(r, env, { { "[y/N]", "y\r" } }, "--cheapest", MODEL), 0, "READY")
  expect.that(#up.typed == 1, "--cheapest did not ask once")
  expect.machines(r, 1)
  expect.ends(typed(r, env, {}, "endpoint", "--for", "continue"), 0, "qwen3-coder:30b", "http://127.0.0.1:")
  expect.ends(typed(r, env, {}, "doctor"), 0, "proven: the tunnel's last handshake", "is running",
    "only what the records know", "kept by this folder's agent")
  expect.ends(typed(r, env, {}, "--stop"), 0, "Confirmed")
  expect.all_over(r)
end)

case("a prompt that is left: the terminal is as before, nothing is written", function(r, env)
  local line = ("trap : INT; '%s' -C '%s' init; echo code=$?; stty -a"):format(process.exe, r.home)
  for _, keys in ipairs { "\3", "\4", "half a key\3" } do
    local result = pty.run(line, { { "Numbers or names", "1\r" }, { "API key (not shown", keys } },
      { env = env, shell = true })
    expect.ends(result, 0, "code=130", "nothing was saved")
    expect.that(result.out:find("%sicanon%s") and result.out:find("%secho%s"),
      "the terminal was not put back: " .. result.out)
    expect.that(not files.exists(r.home), "something was written")
  end
  -- The rest of a paste answers no later question: the second Enter would have saved.
  local result = typed(r, env, answers(r.account_key .. "\r\r", "\3"), "init")
  expect.ends(result, 130, "nothing was saved")
  expect.that(not files.exists(r.home), "a pasted line end answered a question")
end)

case("a wrong key is asked again, a page of a proxy is told from it", function(r, env)
  local result = typed(r, env, { { "Numbers or names", "1\r" }, { "API key (not shown",
    "not-the-key-123456\r", '"' .. r.account_key .. '"  \r' }, { "Enter saves", "\r" } }, "init")
  expect.ends(result, 0, "does not know this key (it said: Invalid user key)", "key valid")
  expect.lacks(result, "not-the-key-123456")
  r:fault { name = "api.html", sticky = true }
  expect.ends(piped(r, env, "", "init"), 5, "something in between", "not judged", "nothing was saved")
  expect.ends(piped(r, env, "", "doctor"), 1, "something in between")
  r:heal()
  r:control("POST", "/set", { credit = 0 })
  expect.ends(piped(r, env, "", "init"), 0, "has no credit")
end)

case("without a terminal: the key from standard input, one object, a "
  .. "second run changes nothing", function(r, env)
  expect.ends(piped(r, env, "", "init", "--provider=vast"), 3, "no key was given", "VAST_API_KEY")
  expect.that(not files.exists(r.home), "something was written")
  local object = expect.json(expect.ends(piped(r, env, r.account_key .. "\n", "init", "--provider=vast",
    "--output=json", "--tier=small"), 0))
  expect.that(object.status == "saved" and object.created and #object.offers.offers > 0,
    "no offers: " .. json.encode(object))
  local text = files.read(files.join(r.home, ".env"))
  expect.ends(piped(r, env, "", "init"), 0, "nothing was changed")
  expect.that(files.read(files.join(r.home, ".env")) == text, ".env was changed")
  expect.ends(piped(r, env, "", "config", "get", "DEFAULT_TIER"), 0, "small")
  expect.ends(piped(r, env, "", "config", "set", "MAX_PRICE", "1.75"), 0, "1.75")
  local changed = files.read(files.join(r.home, ".env"))
  expect.that(changed == text:gsub("MAX_PRICE=3\n", "MAX_PRICE=1.75\n") and changed ~= text,
    "more or less than one line was changed")
  local children, names = {},
    { "GPUS", "DAY_HOURS", "MAX_HOURS", "IDLE_MINUTES", "DAILY_BUDGET_EUR", "DEADMAN_TIMEOUT_HOURS" }
  for index, name in ipairs(names) do
    children[index] = process.spawn { argv = { process.exe, "-C", r.home, "config", "set", name, "16" },
      env = env, stdin = "null", cwd = "/" }
  end
  for _, child in ipairs(children) do child:wait() end
  for _, name in ipairs(names) do expect.ends(piped(r, env, "", "config", "get", name), 0, "16") end
  expect.ends(piped(r, env, "", "config", "set", "VAST_API_KEY", "some-key-0123456789"), 2,
    "not taken from the command line")
end)

case("doctor: one line per check, machines that no record knows, nothing changed", function(r, env)
  r.home = files.join(r.dir, "home")
  assert(files.mkdir(r.home))
  rig.settle_port(r.home)
  r:write_env()
  expect.ends(r:run("--cheapest", MODEL), 0, "READY")
  -- Names in a folder, without what the agent is writing beside a file that it replaces.
  local function names(home)
    local list = {}
    for _, name in ipairs(files.list(home)) do
      local aside = home == r.home and name:find("." .. r:agent() .. ".tmp", 1, true)
      if not aside then list[#list + 1] = name end
    end
    return table.concat(list, " ")
  end
  local function look(home, code, ...)
    local mine, before = r.home, names(home)
    r.home = home
    local object = expect.json(expect.ends(piped(r, env, "", "doctor", "--output=json"), code))
    r.home = mine
    expect.that(names(home) == before,
      "doctor left something in " .. home .. ": " .. names(home) .. " instead of " .. before)
    r.home = home
    expect.ends(piped(r, env, "", "doctor"), code, ...)
    r.home = mine
    return object
  end
  expect.that(look(r.home, 0, "is running", "process ").status == "warning",
    "the clock cannot be compared here, and that is a warning")
  local other = files.join(r.dir, "other")
  assert(files.mkdir(other))
  assert(files.write(files.join(other, ".env"), assert(files.read(files.join(r.home, ".env"))), 384))
  look(other, 0, "was started from another folder or computer")
  assert(files.write(files.join(other, "home.id"), assert(files.read(files.join(r.home, "home.id")))))
  look(other, 1, "the journal does not know it", "destroy it there")
  assert(files.mkdir(files.join(other, "ui")))
  assert(files.write(files.join(other, "ui", "help.lua"), "return function( end\n"))
  assert(files.write(files.join(other, ".env"), "VAST_API_KEY=nobodys-key-0123\nMAX_PRICE=x\n", 384))
  look(other, 1, "ui/help.lua", "'x' is not a number", "does not know this key")
  files.chmod(files.join(other, ".env"), 420)
  look(other, 1, "chmod 600", "no cloud has a key")
  expect.ends(r:run("stop"), 0)
  expect.all_over(r)
end)

return cases
