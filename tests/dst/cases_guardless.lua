-- SPDX-License-Identifier: MIT
-- A machine without a guard (Lambda without GUARD_ACCOUNT_KEY): rented only when that is accepted, called
-- what it is, ended by this computer as long as that runs; and what it costs when it does not.
local bills = require "dst.bills"
local json = require "base.json"
local scenes = require "dst.scenes"

local UP = { "up", "--cheapest", "-y", "--model=qwen3-coder:30b", "--accept-no-guard" }
local OFF = { "GUARD_ACCOUNT_KEY=no" }
-- seconds: the agent's own patience with a guard that does not come to its end, and a minute of looking
local BOUND = 1100

local function with(...) return table.move(OFF, 1, 1, select("#", ...) + 1, { ... }) end

local function ready(p)
  if p:wait(p:start(UP)) ~= 0 then p.judge:broken("E3", "no machine was had: " .. p.last.err) end
  return p.judge.token_list[#p.judge.token_list]
end

local function over(p, token, limit, why)
  local _, open = bills.seconds(p, token)
  if open then
    return p.judge:broken("E2", ("%s bills on, and %s should have ended it from here"):format(token, why))
  end
  bills.capped(p, token, limit, BOUND, why)
end

return {
  { name = "is not rented without a word", cloud = "lambda", settings = OFF, play = function(p)
    local code = scenes.up(p)
    if code == 0 or #p.judge.token_list > 0 then
      p.judge:broken("S5", "a machine without a guard was rented, and nobody accepted that")
    end
  end },
  { name = "is called what it is", cloud = "lambda", settings = OFF, play = function(p)
    ready(p)
    if not p.last.out:find("READY.*NO GUARD") then
      p.judge:broken("S2", "READY does not say that there is no guard")
    end
    p:run "status"
    if not p.last.out:find("Guard: +NONE") then
      p.judge:broken("S2", "status does not say that there is no guard: " .. p.last.out)
    end
    p:run("status", "--output=json")
    local object = json.decode(p.last.out) or {}
    if not object.deadman or object.deadman.active ~= false then
      p.judge:broken("S2", "status in JSON calls a guard active that is none")
    end
    p:run "stop"
  end },
  { name = "idleness, this computer runs", cloud = "lambda", settings = with "MAX_HOURS=off",
    play = function(p)
      local token = ready(p)
      p:pass(3600 + BOUND)
      over(p, token, 3600, "1 h of idleness")
      p:run "stop"
    end },
  { name = "life, this computer runs", cloud = "lambda", settings = with("IDLE_MINUTES=off", "MAX_HOURS=3"),
    play = function(p)
      local token = ready(p)
      p:pass(3 * 3600 + BOUND)
      over(p, token, 3 * 3600, "3 h of life")
      p:run "stop"
    end },
  { name = "this computer is off for a day and comes back", cloud = "lambda",
    settings = with("IDLE_MINUTES=off", "MAX_HOURS=3"), play = function(p)
      local token = ready(p)
      p:kill_all()
      p:pass(24 * 3600)
      local _, open = bills.seconds(p, token)
      if not open then p.judge:broken("bug", "something without a key ended it") end
      p:run "status"
      p:pass(BOUND)
      over(p, token, 24 * 3600, "the first command after a life that is over")
      p:run "stop"
    end },
}
