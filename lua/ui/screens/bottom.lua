-- SPDX-License-Identifier: MIT
-- The two last rows of every screen: its keys, or what is said or asked at this moment; and whether money
-- runs, which is always there.
-- model: { money = of tui.purse, keys = { {key=, words=, off=}, … }, message = { style, text } or nil,
--   prompt = { sign=, before=, after= } or nil, clock = "14:05" }
local rows = require "ui.screens.rows"
local clock = require "base.clock"
local format = require "ui.format"
local term = require "base.term"

local bottom = {}

local function rate(dollars) return format.dollars(dollars) .. "/h" end

local function time_of(seconds) return clock.local_time(seconds):sub(12, 16) end

local function running(money)
  local parts = { rate(money.hourly) }
  if money.so_far then
    parts[2] = (money.at_most and "at most " or "") .. format.dollars(money.so_far) .. " so far"
  end
  parts[#parts + 1] = money.ends and "ends " .. time_of(money.ends) or "no end set"
  return table.concat(parts, ", ")
end

local SAID = {
  none = function() return "green", "nothing runs" end,
  running = function(money) return "yellow", running(money) end,
  stopping = function(money)
    return "yellow", ("being ended, not proven yet (%s): %s"):format(rate(money.hourly), money.console)
  end,
  unverifiable = function(money) return "yellow", "NOT KNOWN: look at " .. money.console end,
  unproven = function(money)
    return "red bold", ("MAY STILL BE RUNNING (%s): look at %s"):format(rate(money.hourly), money.console)
  end,
  unknown = function(money)
    return "red bold", "NOT KNOWN: " .. (money.why or "look at " .. money.console)
  end,
}

--- The money sentence. → names of the style, text
function bottom.money(money)
  local names, text = SAID[money.state](money)
  if (money.more or 0) > 0 then text = text .. (" and %d more"):format(money.more) end
  if (money.things or 0) > 0 then
    text = text .. ("; %d other thing(s) not proven gone"):format(money.things)
  end
  return names, text
end

-- As many keys as there is room for; the last one, which tells of the others, stays.
local function key_spans(keys, width)
  local spans, used = {}, 0
  for index, each in ipairs(keys) do
    local wide = term.width(each.key) + 1 + term.width(each.words) + 2
    local last = index == #keys
    local rest = last and 0 or term.width(keys[#keys].key .. keys[#keys].words) + 3
    if used + wide - 2 + rest <= width or last then
      spans[#spans + 1] = { each.off and "dim" or "bold", each.key }
      spans[#spans + 1] = { "dim", " " .. each.words .. "  " }
      used = used + wide
    end
  end
  return spans
end

--- → the two rows, cursor = { x= } of the first one or nil
function bottom.draw(model, width, look)
  local first, cursor
  if model.prompt then
    local shown = model.prompt.sign .. model.prompt.before
    local over = term.width(shown) - (width - 1)
    if over > 0 then shown = shown:sub((utf8.offset(shown, over + 1) or 1)) end
    first = rows.line({ shown .. model.prompt.after }, width, look)
    cursor = { x = math.min(width, term.width(shown) + 1) }
  elseif model.message then
    first = rows.line({ model.message }, width, look)
  else
    first = rows.line(key_spans(model.keys, width), width, look)
  end
  local names, text = bottom.money(model.money)
  local second = rows.both({ "Money: ", { names, text } }, width > 60 and { { "dim", model.clock } } or {},
    width, look)
  return { first, second }, cursor
end

return bottom
