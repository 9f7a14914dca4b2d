-- SPDX-License-Identifier: MIT
-- What happens when a command is really run: its task, its signals, its failure.
local clock = require "base.clock"
local fail = require "base.fail"
local task = require "base.task"
local term = require "base.term"
local world = require "sandbox.world"
local exitcodes = require "facts.exitcodes"

local perform = {}

local GIVE_UP = 3 -- seconds between the sentence about what is going on and a signal that gives up

-- What bills on when a command is given up in the middle of its undoing.
local function at_stake()
  local ok, text = fail.try(function()
    return require("ui.money").line(world.home)
  end)
  return "money: " .. (ok and text or "not known: " .. fail.message(text))
end

-- The first signal asks the command to end, which undoes what it began. A second one, however soon, is
-- answered by what is going on; only one that comes seconds after that answer was read gives up. A terminal
-- that went away (HUP) cannot have read it. → what is to be done: "end", "tell", "give up" or nil
local function meaning(state, name, now)
  if not state.ending then
    state.ending = true
    return "end"
  elseif name == "HUP" then
    return nil
  elseif not state.told then
    state.told = now
    return "tell"
  end
  return now - state.told >= GIVE_UP and "give up" or nil
end

-- A sentence in the middle of the work: on a line of its own, and the moving line goes on below it.
local function tell(ctx, sentence)
  if ctx.screen then
    fail.try(ctx.screen.clear, ctx.screen)
  end
  local line = "continueplz: " .. sentence
  local format = term.is("err") and require "ui.format"
  term.err("\n" .. (format and table.concat(format.wrap(line, format.width()), "\n") or line) .. "\n")
end

local function on_signals(worker, ctx)
  local state = {}
  return task.on_signal(function(name)
    local what = name ~= "WINCH" and meaning(state, name, clock.now())
    if what == "end" then
      task.cancel(worker,
        fail.new { kind = "interrupted", message = "interrupted by SIG" .. name, signal = name })
    elseif what == "tell" then
      local key = name == "INT" and "Ctrl-C" or "SIG" .. name
      tell(ctx, ("what was begun is being undone, which may take a minute (%s); %s once more, %d s from "
        .. "now or later, gives that up"):format(at_stake(), key, GIVE_UP))
    elseif what == "give up" then
      error(fail.new { kind = "interrupted",
        message = "given up before everything was undone; what was rented stays in the journal and may "
          .. "bill: type `continueplz -C " .. world.home .. " stop` to end it" }, 0)
    end
  end)
end

local UNREACHED = { resolve = true, connect = true }

--- Tells of a failure. → its exit code
function perform.failed(ctx, problem)
  local code = exitcodes.of(problem)
  if UNREACHED[problem.code] then
    problem.message = problem.message .. "; continueplz doctor looks for the reason"
  end
  ctx.problem(problem.message, problem)
  ctx.emit { status = "failed", error = { kind = problem.kind, message = ctx.sentence, exit_code = code } }
  return code
end

--- An unattended run that failed (code is not 0) tells the webhook;
-- a stop that failed may leave something that bills.
function perform.alarm(ctx, code)
  if not ctx.options.alert then return end
  local ok, problem = fail.settle(task.run, function()
    local sentence = ctx.sentence or "money: " .. require("ui.money").line(ctx.home)
    require("home.alert").run_failed(ctx.command.name, code, sentence, ctx.home)
  end)
  if not ok then
    term.err("continueplz: the alert could not be sent: " .. fail.message(problem) .. "\n")
  end
end

--- Runs a command in its context; what it returns is a code or a name of facts.exitcodes. A user's own
-- command that breaks gives way to the built-in one, where there is one that must work.
-- → true and the code, or false and the failure
function perform.call(command, ctx, builtin)
  local fine, result = fail.settle(command.run, ctx)
  if fine and not exitcodes.number(result) then
    fine, result = false, fail.new { kind = "internal",
      message = ("%s: run must return an exit code from 0 to 255, not %s"):format(ctx.commands
        and ctx.commands.source(command.name) or command.name, tostring(result)) }
  end
  if not fine and builtin and builtin ~= command and fail.is(result, "internal") then
    ctx.problem("your own command failed: " .. fail.message(result) .. "; the built-in one is used")
    fine, result = fail.settle(builtin.run, ctx)
  end
  return fine, fine and exitcodes.number(result) or result
end

--- The same in the main task: signals end it. → exit code
function perform.in_task(command, ctx, builtin)
  local ok, code = fail.settle(task.run, function()
    local worker = task.spawn(function()
      local fine, result = perform.call(command, ctx, builtin)
      if ctx.screen then
        ctx.screen:close()
      end
      if command.logged then -- what the webhook did not take before
        fail.settle(require("home.alert").deliver)
      end
      if not fine then return perform.failed(ctx, result) end
      return result
    end)
    on_signals(worker, ctx)
    return task.await(worker)
  end)
  if ok then return code end
  return perform.failed(ctx, code)
end

return perform
