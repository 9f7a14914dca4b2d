-- SPDX-License-Identifier: MIT
-- The second half of every history: the faults are over. What must come true then (campaign §1.5, E1 to E3).
local scenes = require "dst.scenes"
local sink = require "dst.sink"

local SETTLE = 900 -- seconds that the agent gets
local SILENCE = 10 * 3600 + 2 * SETTLE -- and for a machine that just does not answer any more

local ending = {}

ending.ways = { "status", "stop", "up", "never", "agent" }

-- The client never runs again: the guards end what they guard, and the start script what never got one.
local function never(p)
  p:kill_all()
  p:pass(13 * 3600)
  for _, row in ipairs(p.judge:open()) do
    local instance = p.cloud.find(p.world, row.id)
    -- without any key, cut off before it was looked at
    local residual = not instance.key and not instance.user_data and not p.judge:relied_on(row.token)
    if instance.process and not residual then
      p.judge:broken("E1", ("machine %s still runs and bills 13 h after the client died"):format(row.id))
    end
  end
end

local function unwanted(p)
  for _, token in ipairs(p.judge:open_tokens()) do
    if not p.judge:wanted(token) then return token end
  end
end

-- Does a machine bill whose programs are dead?
local function silent(p)
  for _, row in ipairs(p.judge:open()) do
    if row.kind == "gpu" and not p.cloud.find(p.world, row.id).process then return true end
  end
  return false
end

-- Nobody types anything: an agent that lives ends what nobody wants, and a machine that is no
-- longer what was rented.
local function agent_alone(p)
  p:wake()
  if not p:agent() then return end
  p:pass(SETTLE)
  if p.cloud.hides_loss and silent(p) then p:pass(SILENCE) end
  for _, row in ipairs(p.judge:open()) do
    local dead = row.kind == "gpu" and not p.cloud.find(p.world, row.id).process
    if dead or not p.judge:wanted(row.token) then
      return p.judge:broken("E2", ("long after everything was in order the agent left %s billing: %s")
        :format(row.token, table.concat(p.judge:kinds(row.token), " ")))
    end
  end
end

--- Is there a session that the user wants, as far as the journal knows?
function ending.some_wanted(p)
  for _, token in ipairs(p.judge.token_list) do
    if p.judge:wanted(token) then return true end
  end
  return false
end

-- Faults may have used up the creates of an hour, which is over then.
local function up(p)
  local code = scenes.up(p)
  if code ~= 8 or not p.last.err:find("CREATES_PER_HOUR", 1, true) then return code end
  p:pass(3600)
  return scenes.up(p)
end

local function once(p, way)
  local code
  local wanted = ending.some_wanted(p)
  if way == "up" then code = up(p) else code = p:run(way) end
  p:pass(SETTLE)
  local token = unwanted(p)
  if token then
    p.judge:broken("E2", ("after `%s` (exit %s) and %d s %s still bills: %s"):format(way, tostring(code),
      SETTLE, token, table.concat(p.judge:kinds(token), " ")))
  end
  -- or somebody holds the lock
  local busy = code == 6
    and (wanted or ending.some_wanted(p) or not p.last.err:find("is already running in", 1, true))
  if way == "up" and code ~= 0 and not busy then
    p.judge:broken("E3",
      ("with everything in order `up` failed with %s: %s"):format(tostring(code), p.last.err))
  end
end

--- Plays the end. way: which command is run once, or "never"
function ending.play(p, way)
  p:heal()
  if way == "never" then
    never(p)
  else
    if way == "agent" then agent_alone(p) else once(p, way) end
    local code = p:run "stop"
    -- A create cut off on its way cannot be known to have come to nothing: stop says so and fails.
    local honest = code == 0 or code == 1 and (p.last.out .. p.last.err):find("was never answered", 1, true)
    if not honest or #p.judge:open() > 0 then
      p.judge:broken("E2", ("with everything in order `stop` ended with %s, %d rows bill: %s%s")
        :format(tostring(code), #p.judge:open(), p.last.out, p.last.err))
    end
    p:pass(SETTLE)
    sink.settled(p.judge)
    local left = p.judge:leftovers()
    if #left > 0 then
      p.judge:broken("E5",
        ("%d s after `stop` there still is what was made around %s"):format(SETTLE, left[1]))
    end
  end
  p.judge:finish()
  return p.judge:verdict()
end

return ending
