-- SPDX-License-Identifier: MIT
-- Interruption and death at every step of a start: Ctrl-C, SIGTERM, SIGHUP undo; after SIGKILL the next
-- command finishes the job.
local expect = require "e2e.expect"
local files = require "base.files"
local process = require "base.process"
local rig = require "e2e.rig"
local task = require "base.task"

local MODEL = "--model=qwen3-coder:30b"
local cases = {}

-- Starts `up` and waits until it shows step `n` (or its end).
local function until_step(r, n)
  local child = r:start("--cheapest", MODEL)
  rig.wait_for("step " .. n, 60, function()
    return rig.said(child):find(("[%d/8]"):format(n), 1, true)
  end)
  return child
end

-- What `word` says; a status is asked for again while the agent of the killed start is at the undoing, which
-- on a busy computer is quicker.
local function first_word(r, word)
  return rig.wait_for("the end of what is under way", 60, function()
    local result = r:run(word)
    local over = not result.out:find("Instance: +●") or result.out:find("no answer is known", 1, true)
      or result.out:find(r:nothing(), 1, true)
    return (word == "stop" or over) and result
  end)
end

-- Kills every agent of the home, also one that was just started and holds nothing yet. No command is running.
local function kill_agents(r)
  for _, name in ipairs(files.list("/proc") or {}) do
    local words = name:match "^%d+$" and files.read("/proc/" .. name .. "/cmdline")
    if words and words:find(r.home, 1, true) then process.kill(tonumber(name), "KILL") end
  end
end

for _, signal in ipairs { "INT", "TERM", "HUP" } do
  for step = 1, 8 do
    if signal == "INT" or step == 4 or step == 7 then
      cases[#cases + 1] = { name = ("SIG%s at step %d undoes the start"):format(signal, step),
        kind = "signal", whole = step ~= 7, run = function(r)
          local child = until_step(r, step)
          child:kill(signal)
          local result = r:finish(child)
          if result.code == 0 then
            expect.ends(r:run("stop"), 0) -- the signal came too late
          else
            expect.ends(result, 130)
          end
          expect.lacks(result, r.account_key, "traceback")
          expect.all_over(r)
        end }
    end
  end
end

for step = 1, 8 do
  for _, word in ipairs { "stop", "status" } do
    if word == "stop" or step == 3 or step == 7 then
      cases[#cases + 1] = { name = ("kill -9 at step %d, then %s"):format(step, word), kind = "kill",
        whole = step ~= 6, run = function(r)
        local child = until_step(r, step)
        task.sleep(0.01 * step)
        child:kill("KILL")
        r:finish(child)
        local first = first_word(r, word)
        expect.nothing_bills(r)
        local last = r:run("stop")
        -- killed between the record and the request: nobody can know yet
        if first.code == 1 or last.code == 1 then
          expect.ends(last, 1, "never answered")
          expect.nothing_bills(r)
        else
          local told = r:outcome() == "proven" -- else it is spoken of until `ack`
          expect.ends(first, 0,
            told and word == "status" and step == 7 and "AN UNFINISHED START WAS UNDONE" or nil)
          if told then expect.lacks(first, "the undoing of ") end -- told once
          expect.ends(last, 0)
          expect.all_over(r)
        end
      end }
    end
  end
end

cases[#cases + 1] = { name = "a second Ctrl-C tells what is at stake, a later one how to finish by "
    .. "hand, and leaves the record", run = function(r)
  local child = until_step(r, 7)
  r:fault { name = "destroy.hang", sticky = true }
  child:kill("INT")
  rig.wait_for("the undo to begin", 20, function() return rig.said(child):find("[1/4]", 1, true) end)
  child:kill("INT")
  rig.wait_for("the answer to the second one", 20, function()
    return select(2, rig.said(child)):find("money: running", 1, true)
  end)
  rig.wait_for("the end by a later one", 60, function()
    child:kill("INT")
    return select(2, rig.said(child)):find("given up", 1, true)
  end)
  expect.ends(r:finish(child), 130, "being undone", "gives that up", "stop` to end it", "Money: running")
  kill_agents(r) -- one would finish the undoing, too
  r:heal()
  if r.cloud == "vast" then -- Lambda needs more looks than one here can wait for
    rig.wait_for("a status that finishes it", 60, function()
      return expect.ends(r:run("status"), 0).out:find("the undoing of .- was cut off; it was")
    end)
  else
    expect.ends(r:run("status"), 0)
  end
  expect.ends(r:run("stop"), 0)
  expect.all_over(r)
end }

cases[#cases + 1] = { name = "two stops at once: both tell the proof and the same cost", run = function(r)
  expect.ends(r:run("--cheapest", MODEL), 0)
  local first, second = r:start("stop"), r:start("stop")
  local costs = {}
  for _, child in ipairs { first, second } do
    local result = expect.ends(r:finish(child), 0, r.cloud == "paperspace" and "MANUAL CHECK NEEDED"
      or "absent twice, complete lists, same account", "Session cost", r:no_money())
    costs[#costs + 1] = result.out:match("Session cost: ([^\n]*)")
  end
  expect.that(costs[1] == costs[2], "two costs of one machine: " .. table.concat(costs, " and "))
  expect.all_over(r)
end }

cases[#cases + 1] = { name = "stop during a running up takes over", run = function(r)
  local child = until_step(r, 7)
  local stopped = r:run("stop")
  local result = r:finish(child)
  expect.ends(stopped, 0)
  if result.code ~= 0 then expect.ends(result, 130) end
  expect.all_over(r)
end }

cases[#cases + 1] = { name = "stop while up is stopped by Ctrl-Z: it goes on, and is undone",
  run = function(r)
    local child = until_step(r, 7)
    child:kill("STOP")
    expect.ends(r:run("stop"), 0)
    expect.nothing_bills(r)
    r:finish(child)
    expect.all_over(r)
  end }

cases[#cases + 1] = { name = "stop while the agent stands still", run = function(r)
  expect.ends(r:run("--cheapest", MODEL), 0)
  local agent = r:agent()
  process.kill(agent, "STOP")
  expect.ends(r:run("stop"), 0, (select(2, r:outcome())))
  expect.all_over(r)
end }

cases[#cases + 1] = { name = "kept after a failed start: nothing is promised of a guard that never answered",
  not_at = { coreweave = "nothing keeps a tunnel away from its machines here" }, run = function(r)
    local PROMISE, NONE = "its guard ends it at its limits", "no guard is known to be armed on it"
    r:fault { name = "boot.no_tunnel", sticky = true }
    expect.lacks(expect.ends(r:run("--cheapest", MODEL, "--keep-on-failure"), 5, "kept as asked", NONE,
      "Money: running"), PROMISE)
    expect.ends(r:run("status"), 0, "kept after a failed start", "no guard is known to be armed",
      "Money: running")
    expect.ends(r:run("stop"), 0)
    r:heal()
    r:fault { name = "pull.error", sticky = true }
    expect.lacks(expect.ends(r:run("--cheapest", MODEL, "--keep-on-failure"), 1, "kept as asked", PROMISE,
      "Money: running"), NONE)
    expect.lacks(expect.ends(r:run("status"), 0, "kept after a failed start", "armed",
      "Money: running"), NONE)
    expect.ends(r:run("stop"), 0)
    expect.all_over(r)
  end }

-- The first terminate is sent by the agent while the command is still starting.
local function terminates(r)
  local count = 0
  for _, request in ipairs(r:control("GET", "/requests").requests) do
    local ends = request.method == "DELETE" and (request.path:find("/instances/")
      or request.path:find("/pods/[^/]+$") or request.path:find("/machines/")
      or request.path:find("/nodepools/"))
    if ends or request.path:find("/terminate$") then count = count + 1 end
  end
  return count
end

cases[#cases + 1] = { name = "a stop through the agent terminates once", run = function(r)
  expect.ends(r:run("--cheapest", "--model=qwen3-coder:30b"), 0)
  expect.ends(r:run("stop"), 0, (select(2, r:outcome())))
  expect.that(terminates(r) == 1, ("terminated %d times"):format(terminates(r)))
  expect.that(r:log():find("Terminate sent for a stop", 1, true), "the agent logged nothing")
  expect.all_over(r)
end }

cases[#cases + 1] = { name = "a stop that asked the agent and was killed is finished by the agent",
  run = function(r)
    expect.ends(r:run("--cheapest", "--model=qwen3-coder:30b"), 0)
    local token = files.read(files.join(r.home, ".continueplz.state")):match('"token":"([^"]+)"')
    require "base.knock"(r.home .. "/agent.sock", ("POST /terminate?home=%s&token=%s HTTP/1.1\r\n"
      .. "Content-Length: 0\r\nConnection: close\r\n\r\n"):format(r.home, token))
    rig.wait_for("the end of the bill", 30, function() return #r:billing() == 0 end)
    rig.wait_for("the agent's end", 60, function() return not r:agent() end)
    expect.that(r:journal():find('"reason":"stop"', 1, true), "the journal does not tell of a stop")
    expect.ends(r:run("status"), 0, (r:nothing()))
    expect.all_over(r)
  end }

return cases
