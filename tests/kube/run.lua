-- SPDX-License-Identifier: MIT
-- continueplz tests/kube/run.lua PROGRAMS DIR [compare|adapter] with CONTINUEPLZ_SCRIPTS=tests: the real
-- cluster, beside it the simulated one, and in front of it CoreWeave's adapter. Prints one line per result.
local adapter = require "kube.adapter"
local calls = require "kube.calls"
local compare = require "kube.compare"
local fail = require "base.fail"
local files = require "base.files"
local server = require "kube.server"
local simulator = require "kube.simulator"
local term = require "base.term"
local whole = require "kube.whole"

local programs, dir, part = ...

local failed = 0

local function said(name, differences)
  if #differences == 0 then
    term.out(("ok - %s\n"):format(name))
    return
  end
  failed = failed + 1
  term.out(("not ok - %s\n  %s\n"):format(name, table.concat(differences, "\n  ")))
end

-- The real server as compare.lua asks it.
local function real_side(cluster)
  local tokens = { all = cluster.all, few = cluster.few, bad = "another", none = "" }
  return { compact = function() cluster:compact() end, ask = function(method, path, body, more)
    return cluster:ask(method, path, body, { type = more.type, accept = more.accept,
      token = tokens[more.as or "all"] })
  end }
end

local function run()
  local cluster = server.start(programs, dir)
  local ok, problem = fail.try(function()
    if part ~= "adapter" then
      simulator.run(files.join(dir, "simulated"), function(side)
        compare.run(calls.list(), side, real_side(cluster), said)
      end)
    end
    if part ~= "compare" then
      adapter.run(cluster, files.join(dir, "adapter"), said)
      whole.run(cluster, files.join(dir, "adapter"), adapter.SPACE, said)
    end
  end)
  cluster:close()
  if not ok then error(problem, 0) end
end

run()
return failed == 0 and 0 or 1
