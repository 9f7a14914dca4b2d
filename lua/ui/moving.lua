-- SPDX-License-Identifier: MIT
-- What moves in a start or a stop (the report of ui.progress), in words. Pure.
local clock = require "base.clock"
local format = require "ui.format"

--- LEAST: words with which the moving line can do.
local moving = { LEAST = 2 }

local LEAST = moving.LEAST

local function amount(state, brevity)
  if not state.total or state.total <= 0 or not state.bytes then return "" end
  local done, all = format.bytes(state.bytes), format.bytes(state.total)
  local text = (" %s of %s"):format(done:sub(-3) == all:sub(-3) and done:sub(1, -4) or done, all)
  local going = state.bytes < state.total
  if going and brevity == 0 and state.rate and state.rate >= 5e4 then
    text = text .. (", %s/s"):format(format.bytes(state.rate))
  end
  if brevity >= LEAST then
    text = ""
  end
  if going and state.eta and state.eta < 864000 then
    text = text .. ", " .. clock.duration(state.eta) .. " left"
  end
  return text
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
