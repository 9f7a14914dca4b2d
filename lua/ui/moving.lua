-- SPDX-License-Identifier: MIT
-- What moves in a start or a stop (the report of ui.progress), in words. Pure.
local clock = require "base.clock"
local format = require "ui.format"

--- LEAST: words with which the moving line can do.
local moving = { LEAST = 2 }

local LEAST = moving.LEAST

--- ", 92 MB/s", or nothing where it hardly moves.
function moving.rate(state)
  return state.rate and state.rate >= 5e4 and (", %s/s"):format(format.bytes(state.rate)) or ""
end

--- ", 1m 50s left", or nothing where that is not known.
function moving.left(state)
  return state.eta and state.eta < 864000 and (", %s left"):format(clock.duration(state.eta)) or ""
end

local function amount(state, brevity)
  if not state.total or state.total <= 0 or not state.bytes then return "" end
  local done, all = format.bytes(state.bytes), format.bytes(state.total)
  local text = (" %s of %s"):format(done:sub(-3) == all:sub(-3) and done:sub(1, -4) or done, all)
  local going = state.bytes < state.total
  if going and brevity == 0 then text = text .. moving.rate(state) end
  if brevity >= LEAST then
    text = ""
  end
  return going and text .. moving.left(state) or text
end

--- The words of a progress report. brevity: 0 (nil) everything, 1 without the rate, 2 without amounts and
-- what else can be missed. Pure.
function moving.words(state, brevity)
  brevity = brevity or 0
  local text = state.text or state.status or ""
  if text:match("^pulling %x+$") then
    text = "Pulling"
  end
  if state.fraction then
    text = (brevity >= LEAST and text:match("^%S*") or text)
      .. (" %d%%"):format(math.floor(state.fraction * 100))
  end
  if state.detail and brevity < LEAST then
    text = ("%s (%s)"):format(text, state.detail)
  end
  return text .. amount(state, brevity)
end

return moving
