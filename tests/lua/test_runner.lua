-- SPDX-License-Identifier: MIT
-- The runner of these tests: what it counts as passed, skipped and failed, and how it ends.
local files = require "base.files"
local process = require "base.process"

return function(t)
  -- Runs a test file whose function has this body. → exit code, what it printed, its last line
  local function played(body)
    local dir = t:directory()
    local path = files.join(dir, "test_played.lua")
    assert(files.write(path, 'local fail, task = require "base.fail", require "base.task"\n'
      .. 'return function(t)\n' .. body .. "\nend\n"))
    local child = process.spawn { argv = { process.exe, "-C", files.join(dir, "home"),
      files.join(t.root, "run.lua"), path },
      env = { "CONTINUEPLZ_SCRIPTS=" .. t.root, "HOME=" .. dir, "TMPDIR=" .. dir, "PATH=/usr/bin:/bin" },
      stdin = "null", stdout = "file:" .. files.join(dir, "out"), stderr = "file:" .. files.join(dir, "err") }
    local code = child:wait().status
    return code, files.read(files.join(dir, "out")), files.read(files.join(dir, "err"))
  end

  local function counted(body, code, out, sum)
    local got, printed, told = played(body)
    t:equal({ got, printed }, { code, out })
    t:ok(told:find(sum, 1, true), told)
  end

  t:case("a skip is counted as a skip, wherever it is said", function()
    counted([[
      t:case("at once", function() t:skip "no such tool" end)
      t:case("in a task", function() task.await(task.spawn(function() t:skip "no such cloud" end)) end)
      t:case("below a try", function()
        local ok, problem = fail.try(function() t:skip "no root" end)
        error(not ok and problem, 0)
      end)
      t:case("played", function() t:equal(1, 1) end)]],
      0, "skip - played: at once: no such tool\nskip - played: in a task: no such cloud\n"
        .. "skip - played: below a try: no root\nok - played: played\n", "1 passed, 0 failed, 3 skipped")
  end)

  t:case("a whole file is skipped", function()
    counted('t:skip "not on this system"', 0, "skip - played: not on this system\n",
      "0 passed, 0 failed, 1 skipped")
  end)

  t:case("a failure is no skip, and what it fails with is told", function()
    local code, out, told =
      played 't:case("wrong", function() error({ message = "odd", skip = true }, 0) end)'
    t:equal({ code, out:find("not ok - played: wrong: odd", 1, true) ~= nil }, { 1, true }, out)
    t:ok(told:find("0 passed, 1 failed, 0 skipped", 1, true), told)
  end)

  t:case("no case at all is a failure", function()
    counted("", 1, "", "0 passed, 0 failed, 0 skipped")
  end)
end
