-- SPDX-License-Identifier: MIT
-- A command line that is refused or mistaken does nothing: the machine of the folder that is meant
-- by default runs on.
local expect = require "e2e.expect"
local files = require "base.files"
local process = require "base.process"
local rig = require "e2e.rig"

local MODEL = "--model=qwen3-coder:30b"
local cases = {}

-- Runs a line whose folder is named by the environment alone, as a person's shell does; nobody can be asked.
local function bare(r, words, home)
  local env = { "PATH=" .. process.getenv("PATH"), "HOME=" .. r.dir, "CONTINUEPLZ_HOME=" .. (home or r.home) }
  local out, err = files.join(r.dir, "bare.out"), files.join(r.dir, "bare.err")
  local child = process.spawn { argv = { process.exe, table.unpack(words) }, env = env, stdin = "null",
    stdout = "file:" .. out, stderr = "file:" .. err, cwd = r.dir, session = true }
  local result = { code = child:wait().status, out = files.read(out) or "", err = files.read(err) or "" }
  files.remove(out)
  files.remove(err)
  return result
end

-- What asks the cloud to end a machine, by the simulator's own list of requests.
local function terminates(r)
  local count = 0
  for _, request in ipairs(r:control("GET", "/requests").requests) do
    if request.method == "DELETE" and request.path:find("/instances/") then count = count + 1 end
  end
  return count
end

-- Lines with a stop in them that are not accepted, or are about something else.
local HOSTILE = {
  { "-C", "", "stop" }, { "stop", "-C", "" }, { "stop", "-C" }, { "stop", "--directory=" },
  { "stop", "--directory", "" }, { "--directory=", "stop" }, { "-vC", "", "stop" }, { "-C", "-y", "stop" },
  { "stop", "-C", "a", "-C", "b" }, { "stop", "stop" }, { "stop", "--" , "x" },
  { "stop", "--yes=1" }, { "stop", "--alert=" }, { "stop", "-y", "--output=" }, { "stop", "--output=jsn" },
  { "stop", "--json" }, { "-z", "stop" }, { "stop", "--model=x" }, { "ping", "is.lua", "-C", "/", "stop" },
  { "stop", "" }, { "", "stop" }, { "stop", "--stop=17:00" }, { "-C", "stop" },
  { "stop", "--output=json", "--output=text" }, { "stop", "\255" },
  { "-C", "rm" }, { "rm", "-C", "" }, { "destroy", "--no-such-flag" }, { "down", "extra", "words" },
  { "rm", "--directory=" }, { "stop", "--no-such-flag" },
}

cases[#cases + 1] = { name = "no line that is refused ends a machine, and each says what it was",
  run = function(r)
    expect.ends(r:run("--cheapest", MODEL), 0)
    for _, words in ipairs(HOSTILE) do
      local result, line = bare(r, words), table.concat(words, "|")
      expect.that(result.code == 2,
        ("%q ended with %s: %s%s"):format(line, tostring(result.code), result.out, result.err))
      expect.lacks(result, "traceback", "attempt to", ".lua:")
      expect.that(terminates(r) == 0, ("%q ended the machine"):format(line))
    end
    local lost = bare(r, { "stop" }, "")
    expect.ends(lost, 3, "CONTINUEPLZ_HOME is empty")
    expect.that(terminates(r) == 0, "an empty CONTINUEPLZ_HOME ended the machine of another folder")
    -- Settings that are refused: a .env that others can read.
    files.chmod(files.join(r.home, ".env"), 420)
    for _, word in ipairs { "stop", "--stop", "rm" } do
      expect.ends(bare(r, { word }), 3, "chmod 600", "Money: running")
    end
    files.chmod(files.join(r.home, ".env"), 384)
    require("base.task").sleep(1)
    expect.that(terminates(r) == 0, "a stop that was refused for its settings ended the machine")
    expect.machines(r, 1)
    expect.ends(bare(r, { "-y", "stop" }), 0, "Confirmed")
    expect.that(terminates(r) == 1, "a stop terminates once")
    expect.that(r:log():find("Terminate sent for a stop", 1, true), "the agent was not asked")
    expect.all_over(r)
  end }

cases[#cases + 1] = { name = "a stop of the user's own is not overtaken, nor is another's token ended",
  run = function(r)
    expect.ends(r:run("--cheapest", MODEL), 0)
    assert(files.mkdir(files.join(r.home, "commands")))
    local own = files.join(r.home, "commands/stop.lua")
    assert(files.write(own, "return { name = 'stop', summary = 'not now', options = {'stop'}, run = "
      .. "function(ctx) ctx.print 'not now' return 8 end }\n", 384))
    expect.ends(bare(r, { "stop" }), 8, "not now")
    expect.that(terminates(r) == 0, "the agent ended it all the same")
    assert(files.remove(own))
    assert(files.write(files.join(r.home, "init.lua"),
      "override('commands.stop', 'run', function(_, ctx) ctx.print 'not yet' return 8 end)\n", 384))
    expect.ends(bare(r, { "stop" }), 8, "not yet")
    expect.that(terminates(r) == 0, "the agent ended it all the same")
    assert(files.remove(files.join(r.home, "init.lua")))
    for _, path in ipairs { "/terminate", "/terminate?token=cplz-00000000-0000",
      "/terminate?home=/elsewhere&token=cplz-00000000-0000" } do
      local http = require "base.http"
      local answer = http.client({ base = "http://agent", unix = r.home .. "/agent.sock",
        writes = { "POST ^/terminate" } }):post(path, { ok = "any", body = "" })
      expect.that(answer.status == 409, ("the agent took %s with %d"):format(path, answer.status))
    end
    expect.that(terminates(r) == 0, "the agent ended a machine for another's token")
    expect.ends(bare(r, { "stop" }), 0, "Confirmed")
    expect.all_over(r)
  end }

cases[#cases + 1] = { name = "a limit that is changed while a machine runs is changed on the "
    .. "machine, shorter and longer", run = function(r)
  expect.lacks(expect.ends(r:run("config", "set", "MAX_HOURS", "11"), 0, "MAX_HOURS is now"), "keeps to it",
    "runs on with")
  expect.ends(r:run("--cheapest", MODEL), 0)
  expect.ends(r:run("config", "set", "MAX_HOURS", "5"), 0, "MAX_HOURS is now 5",
    "keeps to it as well: life 5h 00m, before that 11h 00m")
  for _, longer in ipairs { "20", "off" } do
    expect.ends(r:run("config", "set", "MAX_HOURS", longer), 0,
      "runs on with 5h 00m of life: no machine lives longer than it was rented for, 11h 00m")
  end
  expect.ends(r:run("config", "set", "MAX_HOURS", "11h"), 0, "life 11h 00m, before that 5h 00m")
  expect.ends(r:run("config", "set", "IDLE_MINUTES", "30", "--output=json"), 0,
    '"from_next_start":false,"machine_changed":true,"money_running":true')
  expect.ends(r:run("config", "set", "DEADMAN_TIMEOUT_HOURS", "off"), 0, "silence off, before that 10h 00m")
  process.kill(r:agent(), "KILL") -- another one is started, by the record
  expect.ends(r:run("status"), 0, "silence off, idle 30m 00s, life 11h 00m", "10h 59m at most",
    " without questions")
  expect.ends(r:run("config", "set", "DEADMAN_TIMEOUT_HOURS", "2"), 0, "silence 2h 00m, before that off")
  expect.ends(r:run("status"), 0, "Limits:       silence 2h 00m", " without contact")
  -- What would end it at once, what it was made of, what another authority says, what is taken away: it
  -- runs on as it is.
  expect.ends(r:run("config", "set", "MAX_HOURS", "0.001"), 0, "runs on with 11h 00m of life: ",
    "of life have passed", "continueplz stop", "from the next start")
  expect.ends(r:run("config", "set", "CONTEXT_LENGTH", "16384"), 0, "runs on with 32768, as it was started",
    "from the next start")
  expect.ends(r:run("config", "unset", "MAX_HOURS", "--output=json"), 0,
    '"from_next_start":true,"machine_changed":false')
  r.more_env = { "MAX_HOURS=3" }
  expect.ends(r:run("config", "set", "MAX_HOURS", "4"), 0, "runs on with 11h 00m",
    "the environment as well, which wins")
  r.more_env = nil
  expect.lacks(expect.ends(r:run("config", "set", "MAX_PRICE", "2"), 0), "runs on with", "keeps to it")
  -- A guard that cannot be reached keeps what it has, and so does the record.
  r:control("POST", "/instance/" .. r:instances()[1].id, { action = "network_gone", value = true })
  expect.ends(r:run("config", "set", "MAX_HOURS", "6"), 0, "runs on with 11h 00m of life: ",
    "from the next start")
  r:control("POST", "/instance/" .. r:instances()[1].id, { action = "network_back" })
  expect.ends(r:run("stop"), 0)
  expect.lacks(expect.ends(r:run("config", "set", "MAX_HOURS", "12"), 0), "runs on with", "keeps to it")
  expect.all_over(r)
end }

cases[#cases + 1] = { name = "words of habit end a machine as stop does, broken scripts of the user's or not",
  run = function(r)
    for _, room in ipairs { "commands", "facts" } do assert(files.mkdir(files.join(r.home, room))) end
    for _, name in ipairs { "facts/flags.lua", "commands/stop.lua" } do
      assert(files.write(files.join(r.home, name), "return {", 384))
    end
    for _, word in ipairs { "stop", "down", "rm", "destroy" } do
      expect.ends(bare(r, { word }), 0, "Nothing is running", "the built-in one is used")
    end
    expect.ends(bare(r, { "ps" }), 3, "flags.lua")
    for _, name in ipairs { "facts/flags.lua", "commands/stop.lua" } do
      assert(files.remove(files.join(r.home, name)))
    end
    expect.ends(bare(r, { "start", MODEL, "-y" }), 0, "READY")
    expect.ends(bare(r, { "ask", "What?" }), 0, "tokens/s")
    expect.ends(bare(r, { "ls" }), 0, "Active")
    expect.ends(bare(r, { "rm" }), 0, "Confirmed")
    expect.that(terminates(r) == 1, "the machine was ended more than once")
    expect.that(r:log():find("Terminate sent for a stop", 1, true), "the agent was not asked first")
    expect.all_over(r)
  end }

cases[#cases + 1] = { name = "a folder whose name is no UTF-8: JSON is JSON, also after money was spent",
  run = function(r)
    local plain = r.home
    r.home = r.home .. "\xe9"
    assert(files.mkdir(r.home))
    rig.settle_port(r.home)
    assert(files.write(files.join(r.home, ".env"), assert(files.read(files.join(plain, ".env"))), 384))
    for _, row in ipairs { { 0, "--cheapest", MODEL }, { 0, "status" }, { 0, "endpoint" },
      { 6, "--cheapest", MODEL }, { 2, "nonsense\xe9" }, { 2, "config", "get", "\xff" }, { 0, "stop" } } do
      local code = table.remove(row, 1)
      row[#row + 1] = "--output=json"
      local object = expect.json(expect.ends(r:run(table.unpack(row)), code))
      expect.that(object.status and object.money_running ~= nil, "no answer about money")
    end
    expect.all_over(r)
  end }

cases[#cases + 1] = { name = "a folder whose name moves a cursor: what is printed is text, and the machine "
    .. "is rented and given back", run = function(r)
  local plain = r.home
  r.home = r.home .. "\27[2J\27]0;x\7\xe9\xe2\x80\xae"
  assert(files.mkdir(r.home))
  rig.settle_port(r.home)
  assert(files.write(files.join(r.home, ".env"), assert(files.read(files.join(plain, ".env"))), 384))
  for _, row in ipairs { { 0, "--cheapest", MODEL }, { 0, "status" }, { 6, "--cheapest", MODEL },
    { 0, "config" }, { 0, "logs" },
    { 0, "ping", "say \27[2J\xe2\x80\xae\xe9" }, { 0, "logs", "engine" }, { 0, "doctor" }, { 0, "stop" } } do
    local result = r:run(table.unpack(row, 2))
    expect.that(result.code == row[1], ("%s ended with %s: %s"):format(row[2], result.code, result.err))
    local text = result.out .. result.err
    expect.that(utf8.len(text) and not text:find("[\27\7]") and not text:find("\xe2\x80\xae", 1, true),
      ("%s: %q"):format(row[2], text))
    expect.that(row[2] ~= "status" or text:find("\\x1B[2J", 1, true), "the folder is not told")
  end
  local log = r:log()
  expect.that(utf8.len(log) and not log:find "[\27\7]", "the log is no text")
  expect.all_over(r)
end }

return cases
