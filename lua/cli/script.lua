-- SPDX-License-Identifier: MIT
-- `continueplz FILE.lua [ARGS]`: the user's script, run as a task with everything that continueplz can do.
local fail = require "base.fail"
local files = require "base.files"
local log = require "base.log"
local world = require "base.world"
local exitcodes = require "facts.exitcodes"

return {
  name = "script",
  summary = "run a script",
  args = "FILE.lua [ARGS]",
  tolerant = true,
  quiet = true,
  run = function(ctx)
    local path = files.absolute(ctx.script)
    local ok, result = fail.try(world.run_file, path, ctx.args)
    if not ok then
      if fail.is(result, "interrupted") then
        error(result, 0)
      end
      local code = exitcodes.of(result)
      ctx.problem(fail.message(result), result)
      ctx.emit { status = "failed", error = { kind = result.kind, message = log.redact(fail.message(result)), exit_code = code } }
      return code
    end
    return math.type(result) == "integer" and result >= 0 and result < 256 and result or 0
  end,
}
