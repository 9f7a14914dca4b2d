-- SPDX-License-Identifier: MIT
-- Each limit alone, with all others off: it ends the machine, not before its time, and what that costs has an
-- upper bound (S5). What nothing limits goes on, and is said to.
local bills = require "dst.bills"
local scenes = require "dst.scenes"

-- Seconds beyond a limit: boot and pull before it counts, a heartbeat, the guard's first attempt.
local BOUND = 180

local function settings_of(silence, idle, life)
  return { "DEADMAN_TIMEOUT_HOURS=" .. silence, "IDLE_MINUTES=" .. idle, "MAX_HOURS=" .. life }
end

local function ready(p)
  if scenes.up(p) ~= 0 then p.judge:broken("E3", "no machine was had: " .. p.last.err) end
  return p.judge.token_list[#p.judge.token_list]
end

-- A question to the model every `every` seconds, for `seconds`: as bytes at the counted port.
local function work(p, seconds, every)
  for _ = 1, seconds // every do
    p:pass(every)
    for _, guest in ipairs(p.guest_order) do
      if guest:runs() then guest:engine({ method = "POST", path = "/api/chat", body = "{}" }, true) end
    end
  end
end

-- It runs on after `seconds`.
local function lives(p, token, why)
  local _, open = bills.seconds(p, token)
  if not open then p.judge:broken("E3", ("%s was ended although %s"):format(token, why)) end
end

-- It was ended, after `least` seconds at the earliest.
local function over(p, token, limit, why, least)
  local seconds, open = bills.seconds(p, token)
  if open then
    return p.judge:broken("E1", ("%s bills on, and %s should have ended it"):format(token, why))
  end
  if seconds < (least or limit) then
    p.judge:broken("E3", ("%s was ended after %.0f s, before %s"):format(token, seconds, why))
  end
  bills.capped(p, token, limit, BOUND, why)
end

-- A limit of the machine in use is changed, in a folder whose environment says nothing of it.
local function set(p, name, text)
  if p:run("config", "set", name, text) ~= 0 then
    p.judge:broken("E3", ("%s was not set: %s"):format(name, p.last.err))
  end
end

-- The machine in use is given a longer life by a line that is the yes itself; where its cloud's own end
-- cannot be moved, that is refused. → whether it was given
local function extend(p, text)
  local wanted = p.cloud.fixed_life and 8 or 0
  if p:run("extend", text, "-y") ~= wanted then
    p.judge:broken("E3", ("%s more: not code %d: %s"):format(text, wanted, p.last.err .. p.last.out))
  end
  return wanted == 0
end

local function stop(p)
  p:run "stop"
end

return {
  { name = "silence alone, this computer is dead", settings = settings_of("2", "off", "off"),
    play = function(p)
      local token = ready(p)
      p:kill_all()
      p:pass(2 * 3600 + 600)
      over(p, token, 2 * 3600, "2 h of silence")
      stop(p)
    end },
  { name = "silence alone, this computer lives and nobody asks anything", long = true,
    settings = settings_of("2", "off", "off"), play = function(p)
      local token = ready(p)
      p:pass(9 * 3600)
      lives(p, token, "it was in contact all the while")
      stop(p)
    end },
  { name = "silence alone, the network of this computer is down for longer",
    settings = settings_of("2", "off", "off"), play = function(p)
      local token = ready(p)
      p:pass(1800)
      local machine = scenes.ours(p)
      p.offline, machine.udp_blocked, machine.tcp_blocked = true, true, true
      p:pass(3 * 3600)
      -- the last heartbeat was up to a minute before
      over(p, token, 1800 + 2 * 3600, "2 h of silence", 1740 + 2 * 3600)
      p.offline, machine.udp_blocked, machine.tcp_blocked = nil, nil, nil
      p:pass(600)
      stop(p)
    end },
  { name = "idleness alone, this computer lives", settings = settings_of("off", "30", "off"),
    play = function(p)
      local token = ready(p)
      p:pass(3600)
      over(p, token, 1800, "30 min of idleness")
      stop(p)
    end },
  { name = "idleness alone, this computer is dead", settings = settings_of("off", "30", "off"),
    play = function(p)
      local token = ready(p)
      p:kill_all()
      p:pass(3600)
      over(p, token, 1800, "30 min of idleness")
      stop(p)
    end },
  { name = "idleness alone, somebody works", settings = settings_of("off", "30", "off"), play = function(p)
    local token = ready(p)
    work(p, 4 * 3600, 1200)
    lives(p, token, "somebody asked every 20 min")
    p:pass(2400)
    over(p, token, 4 * 3600 + 1800, "30 min of idleness")
    stop(p)
  end },
  { name = "life alone, somebody works", settings = settings_of("off", "off", "3"), play = function(p)
    local token = ready(p)
    work(p, 2.9 * 3600 // 1, 600)
    lives(p, token, "its 3 h are not over")
    work(p, 1200, 600)
    over(p, token, 3 * 3600, "3 h of life")
    stop(p)
  end },
  { name = "life alone, this computer is dead", settings = settings_of("off", "off", "3"), play = function(p)
    local token = ready(p)
    p:kill_all()
    p:pass(3 * 3600 + 600)
    over(p, token, 3 * 3600, "3 h of life")
    stop(p)
  end },
  { name = "life alone, the computer dies while it boots", settings = settings_of("off", "off", "3"),
    play = function(p)
      local process = p:start(scenes.UP)
      p.sim:at(p.cloud.create_at + 30, function() p:kill_all() end)
      p:wait(process)
      local token = p.judge.token_list[1]
      p:pass(3 * 3600 + 900)
      over(p, token, 3 * 3600, "3 h of life, or its start script", 60)
      stop(p)
    end },
  { name = "life shortened in use, then this computer dies", settings = settings_of("off", "off", "12"),
    play = function(p)
      local token = ready(p)
      p:pass(1800)
      set(p, "MAX_HOURS", "3")
      p:kill_all()
      p:pass(3 * 3600)
      over(p, token, 3 * 3600, "3 h of life, set in use")
      stop(p)
    end },
  { name = "life shortened and lengthened in use: neither guard nor agent ends it before, nor can it "
      .. "live longer than at first", settings = settings_of("off", "off", "5"), play = function(p)
    local token = ready(p)
    set(p, "MAX_HOURS", "2")
    set(p, "MAX_HOURS", "5")
    for _, longer in ipairs { "9", "off" } do
      set(p, "MAX_HOURS", longer)
      if not p.last.err:find("runs on with", 1, true) then
        p.judge:broken("S5", "a longer life is not refused: " .. p.last.out)
      end
    end
    p:pass(4 * 3600)
    lives(p, token, "it was given 5 h again")
    p:pass(3900)
    over(p, token, 5 * 3600, "5 h of life")
    stop(p)
  end },
  { name = "life extended in use by a yes: neither guard nor agent ends it before the new end, and then "
      .. "it ends, whoever lives", settings = settings_of("off", "off", "2"), play = function(p)
    local token = ready(p)
    local hours = extend(p, "1h") and 3 or 2
    p:pass((hours - 0.2) * 3600 // 1)
    lives(p, token, "it was given an hour more")
    p:kill_all()
    p:pass(1200)
    over(p, token, hours * 3600, hours .. " h of life")
    stop(p)
  end },
  { name = "life extended by a line that nobody answers for: not beyond twice what it was rented for",
    settings = settings_of("off", "off", "2"), play = function(p)
      local token = ready(p)
      local hours = extend(p, "90m") and 3.5 or 2
      if p:run("extend", "31m", "-y") ~= 8 then
        p.judge:broken("S5", "a life beyond twice the agreed one is not refused: " .. p.last.out)
      end
      p:pass((hours - 0.1) * 3600 // 1)
      lives(p, token, "it was given 90 min more")
      p:pass(600)
      over(p, token, hours * 3600, hours .. " h of life")
      stop(p)
    end },
  { name = "silence lengthened in use: a computer that is off for longer than at first loses nothing",
    settings = settings_of("2", "off", "off"), play = function(p)
      local token = ready(p)
      set(p, "DEADMAN_TIMEOUT_HOURS", "6")
      local machine = scenes.ours(p)
      p.offline, machine.udp_blocked, machine.tcp_blocked = true, true, true
      p:pass(4 * 3600)
      p.offline = nil -- the cloud can be asked again, the machine not yet
      p:pass(3600)
      lives(p, token, "6 h of silence are allowed")
      p:pass(2 * 3600)
      over(p, token, 6 * 3600, "6 h of silence", 6 * 3600 - 60)
      machine.udp_blocked, machine.tcp_blocked = nil, nil
      stop(p)
    end },
  { name = "no limit at all goes on, and READY says so", long = true,
    settings = settings_of("off", "off", "off"), play = function(p)
      local token = ready(p)
      for _, words in ipairs { "no limit of silence", "no limit of idleness", "no limit of life" } do
        if not p.last.out:find(words, 1, true) then p.judge:broken("S5", "READY does not say " .. words) end
      end
      p:pass(14 * 3600)
      lives(p, token, "nothing limits it")
      stop(p)
    end },
  { name = "the limits of the settings, when nothing is set", long = true, play = function(p)
    local token = ready(p)
    work(p, 11 * 3600, 1800)
    lives(p, token, "12 h are not over")
    work(p, 5400, 1800)
    over(p, token, 12 * 3600, "12 h of life")
    stop(p)
  end },
}
