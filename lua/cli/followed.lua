-- SPDX-License-Identifier: MIT
-- What a start or a stop shows is told in a file of the home as well (home.progress), so that it can be
-- followed from elsewhere. A picture that cannot be drawn costs nothing but itself.
local fail = require "base.fail"
local log = lazy "base.log"
local measured = lazy "home.measured"
local progress = require "home.progress"

local followed = {}

local TELLS = {}

function TELLS.step(writer, ...) writer:step(...) end
function TELLS.progress(writer, report) writer:progress(report) end
function TELLS.done(writer, text) writer:line("✓", text) end
function TELLS.warn(writer, text) writer:line("⚠", text) end
function TELLS.fail(writer, text) writer:line("✗", text) end
function TELLS.note(writer, text) writer:line("-", text) end
function TELLS.ended(writer, result) writer:session_over(result) end

function TELLS.offers_line(writer, name, result)
  local good, text = require("ui.offers").result_line(name, result)
  writer:line(result.skipped and "⚠" or good and "✓" or "✗", text)
end

local function attempt(fn, ...)
  local ok, problem = fail.try(fn, ...)
  if not ok then log.debug("the progress cannot be told", { error = fail.message(problem) }) end
  return ok and problem or nil
end

-- What the steps took before, of what resembles this start most.
local function expected(model)
  local known
  return function(session)
    return attempt(function()
      known = known or measured.sessions()
      return measured.steps(known, model, session)
    end)
  end
end

--- The screen of a command that is followed: `screen`, whose every word is written down as well. The file
-- is closed when the command ends, by ctx.over(exit code, sentence|nil: the last that was told), with
-- ctx.outcome (of home.progress) where the command says it.
-- @param titles array: the steps that are planned
-- @param model name of the model that is to be served; nil: a stop
function followed.screen(ctx, screen, titles, model)
  local writer = attempt(progress.writer, { home = ctx.home, command = ctx.command.name, titles = titles,
    expected = model and expected(model), early = not model })
  if not writer then return screen end
  function ctx.over(code, message)
    attempt(writer.finish, writer, code, code ~= 0 and (message or ctx.sentence) or nil, ctx.outcome,
      ctx.options["keep-on-failure"])
  end
  return setmetatable({}, { __index = function(_, key)
    local value, tell = screen[key], TELLS[key]
    return type(value) ~= "function" and value or function(_, ...)
      if tell then attempt(tell, writer, ...) end
      return value(screen, ...)
    end
  end })
end

return followed
