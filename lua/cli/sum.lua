-- SPDX-License-Identifier: MIT
-- The sum that a yes is about (DESIGN §1.11), in words.
local clock = require "base.clock"
local format = require "ui.format"
local guard_policy = require "money.guard_policy"
local price_limit = require "money.price_limit"
local world = require "sandbox.world"

local sum = {}

--- The lines above the question of a start: what it costs for the hours that are meant, and what is unusual
-- about it. agreed: the total that a yes was given to before, or nil; credit: dollars at that cloud, or nil;
-- unseen: what was chosen has not been shown at the terminal. → array of texts
function sum.lines(candidate, agreed, credit, want, rate, unseen)
  local lines, parts = {}, candidate.parts
  local function add(text)
    table.move(format.wrap(text, format.width() - 6), 1, 9, #lines + 1, lines)
  end
  local compute, disk, download, minimum = format.parts(candidate.total, parts.compute, parts.disk,
    parts.download, parts.minimum)
  add(("%s for %s: %s compute, %s disk, %s download%s."):format(format.both(candidate.total, rate),
    clock.duration(want.hours * 3600),
    compute, disk, download, parts.minimum > 0 and ", " .. minimum .. " minimum period" or ""))
  local offer = candidate.offer
  local machine = ("%s %s, %s, %s"):format(offer.provider, format.machine(offer),
    offer.region or "unknown region", candidate.spot and "spot" or "on-demand")
  if agreed then
    -- of what is shown
    local more = math.floor(candidate.total * 100 + 0.5) / 100 - math.floor(agreed * 100 + 0.5) / 100
    table.insert(lines, 1, ("%s: what %s cannot be had."):format(machine, want.offer and "comes before it"
      or "was cheaper"))
    add(("That is %s more than the %s you agreed to."):format(format.dollars(more), format.dollars(agreed)))
  elseif unseen then
    table.insert(lines, 1, machine .. ", for " .. want.model.name .. ".")
  end
  local provider = world.require("providers." .. offer.provider)
  if credit and (not agreed or credit < candidate.total) then
    add(("Credit at %s: %s, enough for %s of it."):format(provider.title or provider.name,
      format.dollars(credit), clock.duration(credit / candidate.hourly * 3600)))
  end
  if guard_policy.kind(provider, want.accept_no_guard) == "none" then
    lines[#lines + 1] = provider.capabilities.switches_off
      and "NO GUARD: this machine would switch itself off at a limit, and its disk would bill on."
      or "NO GUARD: this machine would not end itself."
  end
  if price_limit.above_question(candidate, want) then
    add(("That is %s, ABOVE your limit MAX_PRICE of %s/h."):format(format.hourly(candidate.hourly),
      format.dollars(want.ask_above)))
  end
  return lines
end

return sum
