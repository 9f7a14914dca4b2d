-- SPDX-License-Identifier: MIT
-- Runs a program for those who plant mistakes.
local process = require "base.process"
local task = require "base.task"

local function reader(conn)
  return task.spawn(function()
    local pieces = {}
    for piece in function() return conn:read() end do pieces[#pieces + 1] = piece end
    return table.concat(pieces)
  end)
end

--- Runs a program to its end.
-- @param program { argv=, env=, cwd=, seconds= its longest time }
-- @return its exit code (-1: a signal ended it) and what it wrote
-- @raise `transient` when it takes longer
return function(program)
  local child = process.spawn { argv = program.argv, env = program.env, cwd = program.cwd, stdin = "null",
    stdout = "pipe", stderr = "pipe" }
  local _ <close> = setmetatable({}, { __close = function()
    if not child.exit then child:kill("KILL") end
    child:close()
  end })
  return task.deadline(program.seconds, function()
    local out, err = reader(child.stdout), reader(child.stderr)
    local exit = child:wait()
    return exit.status or -1, task.await(out) .. task.await(err)
  end, ("it does not end within %d s"):format(program.seconds))
end
