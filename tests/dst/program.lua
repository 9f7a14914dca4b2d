-- SPDX-License-Identifier: MIT
-- Runs a program for those who plant mistakes.
local subprocess = require "base.subprocess"

--- Runs a program to its end.
-- @param program { argv=, env=, cwd=, seconds= its longest time }
-- @return its exit code (-1: a signal ended it) and what it wrote
-- @raise `transient` when it takes longer
return function(program)
  local result = assert(subprocess.run(program.argv, nil, program), program.argv[1] .. " is not there")
  return result.code, result.out .. result.err
end
