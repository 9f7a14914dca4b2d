-- SPDX-License-Identifier: MIT
-- Who holds a lock is known for certain before it is signalled; who stands still goes on,
-- and who does not end is killed.
local fail = require "base.fail"
local files = require "base.files"
local process = require "base.process"

local HOME = "/h"

return function(t)
  local fake = t:load("fakehost")

  t:case("the holder of a lock is named, and signalled", function()
    local path = files.join(t:directory(), "lock")
    local lock <close> = assert(files.lock(path, "up"))
    t:equal({ files.owner(path) }, { process.pid(), "up" })
    t:ok(files.signal(path, "CONT"))
    lock:release()
    t:equal({ files.owner(path) == nil, select(3, files.signal(path, "CONT")) }, { true, "missing" })
  end)

  -- What the file says after `change` of its text, while the lock is held.
  local function changed(change)
    local path = files.join(t:directory(), "lock")
    local lock <close> = assert(files.lock(path, "up"))
    local text = files.read(path)
    local child = process.spawn { argv = { "/bin/sh", "-c", 'printf "%s" "$1" 1<>"$2"', "sh",
      change(text), path }, stdin = "null", stdout = "null", stderr = "null" }
    child:wait()
    local _, _, stranger = files.owner(path)
    return stranger, select(3, files.signal(path, "CONT")), lock
  end

  t:case("a number of another computer, container or time is not signalled", function()
    if not files.read("/proc/sys/kernel/random/boot_id") then t:skip("no /proc here") end
    local function swap(from, to) return function(text) return (text:gsub(from, to, 1)) end end
    local stranger, code = changed(swap("%x+%-%x+%-%x+%-%x+%-%x+", "00000000-1111-2222-3333-444444444444"))
    t:equal({ stranger, code },
      { "it runs on another computer, or ran before this one was started", "foreign" })
    stranger, code = changed(swap("(%s)(%d+)(%s+%d+%s*)$", "%11%2%3"))
    t:equal({ stranger, code }, { "it runs in another container", "foreign" })
    -- of one length: what is shorter would leave digits of the old one
    stranger, code = changed(swap("%d+%s*$", function(start)
      return ("%-" .. #start - 1 .. "d\n"):format(math.tointeger(start:match "%d+") + 1)
    end))
    t:equal({ stranger, code }, { "that number is another process now", "foreign" })
    -- of an older continueplz
    stranger, code = changed(function(text) return text:match("^%d+") .. (" "):rep(120) end)
    t:equal({ stranger, code }, { "it cannot be told which process that is", "foreign" })
  end)

  -- A home whose lock is held by a process that runs `main` (at `word`);
  -- what `stop` says and whether the holder lives on.
  local function stopped(main, prepare, word)
    local s = fake.new { seed = "lock" }
    s.disk[HOME] = { dir = true }
    local holder = s:start(function(require, ...)
      assert(require("base.files").lock(HOME .. "/home.lock", word or "up"))
      return main(require, ...)
    end, { home = HOME, daemon = true })
    s:run(1)
    prepare(s, holder)
    local said = {}
    local p = s:start(function(require)
      require("config.effective").load(HOME, {})
      local ui = setmetatable({}, { __index = function()
        return function(_, text) said[#said + 1] = text end
      end })
      local ok, problem = require("base.fail").try(require("money.stop").run, ui)
      return ok or problem.message
    end, { home = HOME })
    s:run()
    return p:result(), table.concat(said, "; "), holder, s
  end

  local function sleeper(require) require("base.task").sleep(1e6) end

  local function deaf(require)
    require("base.task").on_signal(function() end)
    sleeper(require)
  end

  t:case("a start that was stopped by Ctrl-Z goes on and ends", function()
    local result, said, holder, s = stopped(sleeper, function(_, holder) holder:signal "STOP" end)
    t:equal({ result, holder.state, s.now - fake.START < 10 }, { true, "done", true }, said)
  end)

  t:case("a start that does not end is killed", function()
    local result, said, holder = stopped(deaf, function() end)
    t:equal({ result, holder.state }, { true, "killed" })
    t:ok(said:find("was killed", 1, true), said)
  end)

  t:case("who is ending machines is waited for", function()
    for _, word in ipairs { "stop", "agent", "recovery" } do
      local result, said, holder, s = stopped(function(require)
        require("base.task").sleep(100)
        return "ended by itself"
      end, function() end, word)
      local _, ended = fail.settle(holder.result, holder) -- one that was signalled raises its interruption
      t:equal({ result, ended, s.now - fake.START > 90 }, { true, "ended by itself", true },
        word .. ": " .. said)
    end
  end)

  t:case("a stranger is neither signalled nor killed, and does not keep a stop from going on", function()
    local result, said, holder, s = stopped(sleeper, function(s)
      s.locks[HOME .. "/home.lock"].stranger = true
    end)
    t:equal({ result, holder.state, #holder.inbox, s.now - fake.START < 10 }, { true, "waiting", 0, true })
    t:ok(said:find("cannot be asked to end: it runs on another computer", 1, true), said)
  end)
end
