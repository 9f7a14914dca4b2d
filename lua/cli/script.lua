-- SPDX-License-Identifier: MIT
-- `continueplz FILE.lua [ARGS]`: the user's script, run as a task, with what its room may
-- use (docs/scripts.md).
local fail = require "base.fail"
local files = require "base.files"
local world = require "sandbox.world"
local exitcodes = lazy "facts.exitcodes"

local script = {
  name = "script",
  summary = "run a script",
  args = "FILE.lua [ARGS]",
  options = { "alert" },
  tolerant = true,
  data = true,
  discreet = true,
}

-- The exit code that a script means. → number, or nil and a sentence
local function code_of(value)
  if value == nil or value == true then return 0 end
  local code = exitcodes.number(value)
  if code then return code end
  local names = {}
  for index, row in ipairs(exitcodes.list) do
    names[index] = row.name
  end
  return nil, ("%s is no exit code; say a number from 0 to 255 or one of %s"):format(type(value) == "string"
    and "'" .. value .. "'" or math.type(value) and tostring(value) or "a " .. type(value),
    table.concat(names, ", "))
end

--- Ends the script that runs, with a code.
function script.leave(value)
  local code, why = code_of(value)
  if not code then error("exit: " .. why, 3) end
  error(fail.new { kind = "interrupted", message = ("the script ended with exit code %d"):format(code),
    leave = code }, 0)
end

function script.run(ctx)
  local path = files.absolute(ctx.script)
  script.running = ctx
  local ok, result = fail.settle(world.run_file, path, ctx.args)
  local code, why
  if not ok then
    code = result.leave
    if not code then
      ctx.refused = true
      error(result, 0)
    end
  else
    code, why = code_of(result)
    if not code then
      fail.raise("internal", ("%s returned a value, and %s"):format(path, why))
    end
  end
  ctx.emit { status = code == 0 and "done" or "failed", exit_code = code }
  return code
end

return script
