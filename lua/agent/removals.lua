-- SPDX-License-Identifier: MIT
-- What lies around machines, was asked to go and is not proven gone (money.things): the agent asks again, at
-- growing pauses, until that is proven or somebody says `ack` (DESIGN §1.4). It may bill, so the agent stays
-- for as long.
local clock = require "base.clock"
local fail = require "base.fail"
local null_screen = require "base.null_screen"
local things = require "money.things"
local timing = require "home.timing"

local FIRST, MOST = 60, 3600 -- seconds between two tries
local LOOKS = 2              -- of one try: as many complete lists as a proof needs

local removals = {}

--- One more try, when its time has come and nobody else is at work.
-- memory: a table that the agent keeps: due (by the monotonic clock), pause (seconds)
function removals.round(memory, journal)
  if #journal:things() == 0 then
    memory.due, memory.pause = nil, nil
    return
  end
  if memory.due and clock.now() < memory.due or not journal:acquire("agent") then return end
  memory.pause = memory.pause and math.min(memory.pause * 2, MOST) or FIRST
  local ok, problem = fail.settle(things.rest, journal, null_screen, LOOKS)
  journal:release()
  memory.due = clock.now() + timing.seconds(memory.pause)
  if not ok then error(problem, 0) end
end

return removals
