-- SPDX-License-Identifier: MIT
-- Runs a program of the system to its end.
local fail = require "base.fail"
local process = require "base.process"
local task = require "base.task"

local SECONDS = 30

local subprocess = {}

local function reader(conn)
  return task.spawn(function()
    local pieces = {}
    for piece in function() return conn:read() end do pieces[#pieces + 1] = piece end
    return table.concat(pieces)
  end)
end

--- Runs argv with `input` on its stdin.
-- @param options { env=, cwd= of process.spawn, seconds= its longest time (30) }, or nil
-- @return { code= (-1: a signal ended it), out=, err= }, or nil when there is no such program
-- @raise kind `transient` when it does not end
function subprocess.run(argv, input, options)
  options = options or {}
  local ok, child = fail.try(process.spawn, { argv = argv, env = options.env, cwd = options.cwd,
    stdin = input and "pipe" or "null", stdout = "pipe", stderr = "pipe" })
  if not ok then
    if fail.is(child) and child.code == "missing" then return nil end
    error(child, 0)
  end
  local _ <close> = setmetatable({}, { __close = function()
    if not child.exit then child:kill("KILL") end
    child:close()
  end })
  return task.deadline(options.seconds or SECONDS, function()
    local out, err = reader(child.stdout), reader(child.stderr)
    if input then
      fail.try(child.stdin.write, child.stdin, input) -- one that does not read says why in its own words
      child.stdin:close()
    end
    local exit = child:wait()
    return { code = exit.status or -1, out = task.await(out), err = task.await(err) }
  end, ("%s does not end"):format(argv[1]))
end

--- The first line of what a program complained about.
function subprocess.complaint(result)
  return result.err:match("[^\n]+") or result.out:match("[^\n]+")
    or ("it ended with code %d"):format(result.code)
end

return subprocess
