-- SPDX-License-Identifier: MIT
-- What a start would do now. Model: that of start.preview, and rate → lines; `object` → the JSON object.
local clock = require "base.clock"
local json = require "base.json"
local format = require "ui.format"
local offers = require "ui.offers"
local pretty = require "ui.pretty"

local M = {}

local BODY_LINES = 40 -- of one request

local GUARDS = {
  ["scoped-key"] = "by a key of the machine's own, which can look at and end that machine alone",
  ["account-key"] = "by your account's key, which travels with it (GUARD_ACCOUNT_KEY=yes)",
  native = "by the cloud itself",
}
local NONE = "NONE: it would not end itself and bill until you stop it; only while this computer is on would "
  .. "it be ended after %s."
local SWITCHES_OFF = "NONE: after %s it would switch itself off, and its disk bill until you stop it."

local function add(lines, text, hang)
  table.move(format.wrap(text, format.width(), hang or "  "), 1, 99, #lines + 1, lines)
end

local function name_of(candidate)
  local offer = candidate.offer
  return ("%s %s, %s, %s, %s"):format(offer.provider, format.machine(offer),
    offer.region or offer.native_region or "unknown region", candidate.spot and "spot" or "on-demand",
    format.hourly(candidate.hourly))
end

local function counted(count, word)
  return ("%d %s%s"):format(count, word, count == 1 and "" or "s")
end

local function add_why(lines, model)
  local why = model.why
  local because = why.named and "it was named" or why.policy and "it comes first by " .. why.policy
    or "it costs the least in all"
  add(lines, ("  because %s; %d of %s at %s %s%s."):format(because, why.fit,
    counted(why.offered, "way") .. " to rent", counted(why.clouds, "cloud"), why.fit == 1 and "fits" or "fit",
    why.passed_over > 0 and (", %d before it at clouds that rent us nothing now"):format(why.passed_over)
      or ""))
  if why.next then
    add(lines, ("  next: %s, %s in all."):format(name_of(why.next), format.dollars(why.next.total)))
  end
  for _, result in ipairs(model.results) do
    if not result.ok then
      add(lines, ("  not asked, or silent: %s: %s"):format(result.name, result.message))
    end
  end
end

local function add_cost(lines, model)
  local price, want = model.cost, model.want
  local hours = clock.duration(want.hours * 3600)
  add(lines, ("Cost: at least %s; %s for %s; %s."):format(format.dollars(price.least),
    format.both(price.total, model.rate), hours, price.most
      and ("at most %s, should nobody end it: %s of life after up to %s of booting"):format(
        format.dollars(price.most), clock.duration(price.life), clock.duration(price.boot))
      or "no upper bound, as MAX_HOURS is off"))
  add(lines, (offers.ready_text(model.candidate):gsub("^%s+", "")) .. ".")
  if model.balance then add(lines, "Credit there: " .. format.dollars(model.balance) .. ".") end
end

-- unwatched: without silence, which only something on the machine can notice
local function limits_of(guard, unwatched)
  local function one(seconds, words)
    return seconds > 0 and clock.duration(seconds) .. " " .. words or "no limit " .. words
  end
  return ("%s%s, %s"):format(unwatched and "" or one(guard.silence, "of silence") .. ", ",
    one(guard.idle, "of idleness"), one(guard.life, "of life"))
end

local function guard_of(guard)
  if guard.kind ~= "none" then return ("%s; ends after %s."):format(GUARDS[guard.kind], limits_of(guard)) end
  return guard.switches_off and SWITCHES_OFF:format(limits_of(guard)) or NONE:format(limits_of(guard, true))
end

-- What is made around the machine, by what the requests say. → array of texts
local function around(model)
  local list = {}
  for _, request in ipairs(model.requests) do
    if request.makes and request.makes ~= "machine" then list[#list + 1] = request.makes end
  end
  return list
end

local function add_request(lines, request)
  add(lines, ("  %s %s"):format(request.method, request.url), "      ")
  if not request.body then return end
  local list = pretty.lines(request.body, { width = format.width() - 6 })
  for index = 1, math.min(#list, BODY_LINES) do lines[#lines + 1] = "      " .. list[index] end
  if #list > BODY_LINES then lines[#lines + 1] = ("      … and %d more lines"):format(#list - BODY_LINES) end
end

local function add_requests(lines, model)
  add(lines, ("Would be sent to %s, secrets left out, the token a new one:"):format(model.title))
  for _, request in ipairs(model.requests) do add_request(lines, request) end
  if model.untold then add(lines, "  The rest is not known: " .. model.untold .. ".") end
end

--- The lines of the plan.
function M.lines(model)
  local lines, made = {}, around(model)
  add(lines, ("Would be taken for %s: %s"):format(model.want.model.name, name_of(model.candidate)))
  add_why(lines, model)
  add_cost(lines, model)
  add(lines, "Guard: " .. guard_of(model.guard))
  add(lines, ("Tunnel: WireGuard over %s."):format(model.carrier:upper()))
  add(lines, "Made around it: " .. (#made > 0 and table.concat(made, ", ") .. "; it goes with the machine."
    or "nothing."))
  add_requests(lines, model)
  if model.unfinished > 0 then
    add(lines, ("Ended first: %s that was cut off."):format(counted(model.unfinished, "earlier start")))
  end
  add(lines, model.asks and "You would be asked first." or "Nobody would be asked.")
  return lines
end

local function requests_of(model)
  local list = {}
  for index, each in ipairs(model.requests) do
    list[index] = { method = each.method, url = each.url, body = each.body, makes = each.makes }
  end
  return json.array(list)
end

local function hindrances_of(model)
  local list = {}
  for index, each in ipairs(model.hindrances) do
    list[index] = { kind = each.kind, message = each.message, exit_code = each.code }
  end
  return json.array(list)
end

local function plan_of(model)
  local why, price, guard = model.why, model.cost, model.guard
  return {
    why = { offered = why.offered, clouds = why.clouds, fit = why.fit, passed_over = why.passed_over,
      policy = why.policy, named = why.named },
    cost = { least = format.rounded(price.least, 5), total = format.rounded(price.total, 5),
      most = format.rounded(price.most, 5), life_hours = price.life > 0 and price.life / 3600 or nil,
      currency = "USD" },
    guard = { kind = guard.kind, silence_seconds = guard.silence, idle_seconds = guard.idle,
      life_seconds = guard.life },
    tunnel = model.carrier, around = json.array(around(model)), requests = requests_of(model),
    untold = model.untold, unfinished = model.unfinished, asks = model.asks,
    hindrances = hindrances_of(model),
  }
end

--- The JSON object; its first offer would be taken, its second is what comes next.
function M.object(model)
  local next_one = model.why.next
  return {
    status = "plan", model = model.want.model.name, context = model.want.context, hours = model.want.hours,
    currency = "USD", euro_rate = format.rate_object(model.rate),
    offers = json.array { offers.candidate(model.candidate), next_one and offers.candidate(next_one) },
    plan = plan_of(model),
  }
end

return M
