-- SPDX-License-Identifier: MIT
-- The file of the log: how a record looks, that a day begins a new file, and which of them are kept.
local clock = require "base.clock"
local files = require "base.files"
local host = require "sandbox.host"
local log = require "base.log"
local process = require "base.process"

local NAME = "continueplz.log"

return function(t)
  local function opened()
    local dir = t:directory()
    t:ok(log.open(dir))
    return dir, files.join(dir, NAME)
  end

  local function done() t:ok(host.log.open("/dev/null")) end

  t:case("a record is one line without a secret, whatever is in it", function()
    local _, path = opened()
    log.hide("hunter22\\x")
    log.info("two\nlines \27[2J of hunter22\\x", { b = "", a = "x=1 \"y\"\\", ["c\td"] = 7, e = "\xc2\x9b" })
    log.warn("short")
    done()
    t:equal(files.stat(path).mode, 384)
    local first, second = files.read(path):match("^(.-)\n(.*)\n$")
    t:ok(first:find("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ INFO  "), first)
    t:equal(first:sub(26), [[INFO  two\nlines \x1b[2J of [hidden] a="x=1 \"y\"\\" b="" c\td=7 e=\u{009B}]])
    t:equal(second:sub(26), "WARN  short")
  end)

  t:case("a new day begins a new file, and seven are kept", function()
    local dir, path = opened()
    for day = 1, 8 do t:ok(files.write(("%s.2026-01-%02d"):format(path, day), "old\n")) end
    log.info("of an earlier day")
    process.spawn({ argv = { "touch", "-d", "2026-02-03T04:05:06Z", path }, env = { "PATH=/usr/bin:/bin" },
      stdin = "null", stdout = "null", stderr = "null" }):wait()
    log.info("of today")
    log.info("of today again")
    done()
    t:ok(files.read(path .. ".2026-02-03"):find("INFO  of an earlier day\n$"))
    local _, lines = files.read(path):gsub("INFO  of today", "")
    t:equal(lines, 2)
    t:equal(files.list(dir), { NAME, NAME .. ".2026-01-03", NAME .. ".2026-01-04", NAME .. ".2026-01-05",
      NAME .. ".2026-01-06", NAME .. ".2026-01-07", NAME .. ".2026-01-08", NAME .. ".2026-02-03" })
    t:ok(clock.iso() > "2026-02-04")
  end)

  t:case("a file that another process has renamed is not written any more", function()
    local dir, path = opened()
    log.info("one")
    process.spawn({ argv = { "mv", path, files.join(dir, "moved") }, env = { "PATH=/usr/bin:/bin" },
      stdin = "null", stdout = "null", stderr = "null" }):wait()
    log.info("two")
    done()
    t:ok(files.read(path):find("INFO  two\n$"))
    t:ok(files.read(files.join(dir, "moved")):find("INFO  one\n$"))
  end)
end
